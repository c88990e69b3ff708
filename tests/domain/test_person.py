"""A person's hash: the same for the same person and salt, and nothing without the salt."""

from __future__ import annotations

import pytest

from oracle.domain.person import person_hash
from oracle.errors import InputError

SALT = bytes(range(32))


def test_person_hash__other_spelling_of_the_same__same_hash() -> None:
    plain = person_hash("张三", "11010519491231002X", SALT)
    assert person_hash(" 张 三 ", "１１０１０５ 19491231 002x", SALT) == plain
    assert len(plain) == 32


def test_person_hash__other_person_number_or_salt__other_hash() -> None:
    hashes = {
        person_hash("张三", "11010519491231002X", SALT),
        person_hash("张四", "11010519491231002X", SALT),
        person_hash("张三", "110105194912310021", SALT),
        person_hash("张三", "11010519491231002X", bytes(32)),
    }
    assert len(hashes) == 4


@pytest.mark.parametrize(
    ("name", "number", "salt", "where"),
    ((" ", "1", SALT, "name"), ("张三", "", SALT, "idNumber"), ("张三", "1", b"", "salt")),
)
def test_person_hash__part_missing__input_error(name: str, number: str, salt: bytes, where: str) -> None:
    with pytest.raises(InputError) as caught:
        person_hash(name, number, salt)
    assert caught.value.where == where
