"""docs/benchmarks.md and its pictures say what bench/results/ says, and `--check` notices when they do not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from scripts import bench, bench_page
from scripts.bench_chart import bars, lines
from scripts.bench_measure import rate_of, round_of

MODULE: Any = SimpleNamespace(
    page=lambda result: f"| {result['speed']:,} |",
    pictures=lambda result: {"one.svg": f"<svg>{result['speed']}</svg>\n"},
)


def test_committed__page_and_results__agree() -> None:
    assert bench_page.differences(bench.kept(bench.STEPS)) == [], "run scripts/bench.py --page and commit the result"


def test_committed__every_step__has_a_result_and_a_place() -> None:
    page = bench_page.PAGE.read_text(encoding="utf-8")
    for step in bench.STEPS:
        assert bench.result_file(step).is_file()
        assert page.count(f"<!-- bench:{step} -->") == page.count(f"<!-- /bench:{step} -->") == 1


def test_committed__pictures_of_the_page__are_there_and_are_xml() -> None:
    shown = re.findall(r"!\[[^]]*\]\(pictures/([^)]+)\)", bench_page.PAGE.read_text(encoding="utf-8"))
    assert {name for section in bench.kept(bench.STEPS) for name in section.pictures} <= set(shown)
    for name in shown:
        assert ElementTree.parse(bench_page.PICTURES / name).getroot().tag.endswith("svg")  # noqa: S314


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "benchmarks.md"
    path.write_text("# Benchmarks\n\n<!-- bench:one -->\nold\n<!-- /bench:one -->\n\nby hand\n", encoding="utf-8")
    return path


def test_write__a_result__stands_between_its_marks_and_nothing_else_changes(page: Path, tmp_path: Path) -> None:
    sections = [bench_page.section("one", MODULE, {"speed": 1234})]
    told = bench_page.differences(sections, page, tmp_path)
    assert [line.partition(":")[0] for line in told] == ["benchmarks.md", "one.svg"]
    assert set(bench_page.write(sections, page, tmp_path)) == {page, tmp_path / "one.svg"}
    assert page.read_text(encoding="utf-8") == (
        "# Benchmarks\n\n<!-- bench:one -->\n| 1,234 |\n<!-- /bench:one -->\n\nby hand\n"
    )
    assert bench_page.differences(sections, page, tmp_path) == []
    assert bench_page.write(sections, page, tmp_path) == []


def test_write__a_step_without_a_place__is_refused(page: Path, tmp_path: Path) -> None:
    before = page.read_text(encoding="utf-8")
    with pytest.raises(SystemExit, match="lacks the lines <!-- bench:two -->"):
        bench_page.write([bench_page.section("two", MODULE, {"speed": 1})], page, tmp_path)
    assert page.read_text(encoding="utf-8") == before
    assert not (tmp_path / "one.svg").exists()


@pytest.mark.parametrize("step", ("sign", "audit"))
def test_check__a_figure_changed__is_one_line(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    result = bench.read(step)
    if step == "sign":
        result["sign"]["ours"] += 1
    else:
        result["events_per_second"] += 1
    (tmp_path / f"{step}.json").write_text(json.dumps(result), encoding="utf-8")
    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    assert bench.main([step, "--check"]) == 1
    assert f"the section of {step} is not that of its result" in capsys.readouterr().err


def test_bars__names_that_are_markup__are_text_and_the_longest_bar_fits() -> None:
    picture = bars("a < b", {"x & y": {"<i>": 10.0, "none": 0.0}}, " MB")
    root = ElementTree.fromstring(picture)  # noqa: S314
    texts = [node.text for node in root.iter() if node.tag.endswith("text")]
    assert {"a < b", "x & y", "<i>", "10 MB", "0 MB"} <= set(texts)
    ends = [
        float(node.get("x", "0")) + float(node.get("width", "0")) for node in root.iter() if node.tag.endswith("rect")
    ]
    assert max(ends[1:]) < float(root.get("viewBox", "").split()[2])


def test_lines__points_a_factor_apart__lie_as_far_apart() -> None:
    root = ElementTree.fromstring(lines("t", {"s": {1: 1, 10: 10, 100: 100}}, "filings", "MB"))  # noqa: S314
    dots = [(float(n.get("cx", "0")), float(n.get("cy", "0"))) for n in root.iter() if n.tag.endswith("circle")]
    (ax, ay), (bx, by), (cx, cy) = dots
    assert bx - ax == pytest.approx(cx - bx, abs=0.2)
    assert ay - by == pytest.approx(by - cy, abs=0.2)
    assert bx > ax
    assert by < ay


def test_rate_of__rounds__median_and_spread() -> None:
    rate = rate_of([3.4, 1.0, 2.6])
    assert (rate.median, rate.spread) == (3, [1, 3])


def test_round_of__work__is_called_with_each_index() -> None:
    seen: list[int] = []
    assert round_of(seen.append, 0.001) > 0
    assert seen == list(range(len(seen)))
