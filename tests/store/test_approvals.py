"""What an approval needs of the database is found by the filing's number, however many filings an entity has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import event

from oracle.domain.filing import FilingQuery
from oracle.domain.names import filing_id, fold_name
from oracle.store.approvals import Asked, newest
from oracle.store.database import Database
from tests.samples.dossier import ENTITY_NAME, sample_observation, sample_record

NUMBERS = [f"国合函〔2026〕{number}号" for number in range(1, 6)]


def test_newest__one_entity_has_many_filings__the_newest_sighting_of_each_number_by_its_index(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'node.db'}")
    for number in [*NUMBERS, *NUMBERS]:
        seen = sample_observation(record=sample_record(number=number))
        database.add_sighting(FilingQuery(number=number, entity_name=ENTITY_NAME), [seen])
    said: list[tuple[str, Any]] = []
    event.listen(
        database.engine, "before_cursor_execute", lambda _c, _cursor, text, values, _x, _m: said.append((text, values))
    )
    asked = [
        Asked(number, fold_name(ENTITY_NAME), "0x" + filing_id(number).hex(), 1, "0x" + "00" * 32)
        for number in NUMBERS[:2]
    ]
    with database.engine.connect() as connection:
        found = newest(connection, asked)
        mine = [database.last_sighting(FilingQuery(number=number, entity_name=ENTITY_NAME)) for number in NUMBERS[:2]]
        plans = [
            str(row)
            for text, values in list(said)
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)
        ]
    assert [item.notice for item in found] == [6, 7]
    assert len({item.sighting for item in found}) == 2
    assert [seen[0].record and seen[0].record.number for seen in mine] == NUMBERS[:2]
    of_observations = [row for row in plans if " o " in row or "observations" in row]
    assert len(of_observations) >= 5
    assert not [row for row in of_observations if "observations_by_entity" in row or "SCAN" in row]
    database.close()
