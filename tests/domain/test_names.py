"""Names and numbers as the regulator prints them. The quirks are those of a real issue of the status table."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oracle.domain.canonical import keccak256
from oracle.domain.names import filing_id, fold_name, fold_number, parse_number
from oracle.errors import InputError


@pytest.mark.parametrize(
    ("printed", "folded"),
    (
        # An opening half-width bracket closed by a full-width one.
        ("QMSK Technology Co.,Ltd (青民数科科技有限公司）", "QMSKTechnologyCo.,Ltd(青民数科科技有限公司)"),
        ("Yunhuisuan （Cayman）Technology Ltd", "Yunhuisuan(Cayman)TechnologyLtd"),
        (
            "Semidux (Cayman) Holding Limited（杰微开曼国际控股公司）",
            "Semidux(Cayman)HoldingLimited(杰微开曼国际控股公司)",
        ),
        ("MED EIBY Holding Co.,Limited （璦碧医疗控股有限公司）", "MEDEIBYHoldingCo.,Limited(璦碧医疗控股有限公司)"),
        ("云汇算（湖南）科技有限公司", "云汇算(湖南)科技有限公司"),
        ("长三角一体化示范区（苏州吴江）奥杰卓研发有限公司", "长三角一体化示范区(苏州吴江)奥杰卓研发有限公司"),
        ("Univest Securities，LLC", "UnivestSecurities,LLC"),
        # A cell that begins with 关于 is another name: nothing is guessed away.
        ("关于微泰医疗器械（杭州）股份有限公司", "关于微泰医疗器械(杭州)股份有限公司"),
        ("示例\n（上海）\t充电\r\n科技", "示例(上海)充电科技"),
        ("示例\u3000充电\u00a0科技\u2009公司", "示例充电科技公司"),
        ("\ufeff示例\u200b充电\u200d科技\u2060\u00ad", "示例充电科技"),
        ("ＥＸＡＭＰＬＥ（１）", "EXAMPLE(1)"),
        ("示例〔上海〕【甲】《乙》", "示例(上海)(甲)(乙)"),
        ("示例［上海］｛甲｝", "示例(上海)(甲)"),
    ),
)
def test_fold_name__as_printed__one_form(printed: str, folded: str) -> None:
    assert fold_name(printed) == folded


def test_fold_name__every_row_of_the_issue__is_stable_and_distinct() -> None:
    # Names that stand in the issue side by side stay apart.
    names = [
        "GoodFaith Technology Inc.", "苏州承信信息科技有限公司", "Lemeng Holdings Limited （乐盟控股有限公司）",
        "北京乐盟互动科技有限公司", "NEOTV GROUP LIMITED", "上海网映文化传播股份有限公司",
        "AOJE INC（奥杰股份有限公司）",
    ]  # fmt: skip
    folded = {fold_name(name) for name in names}
    assert len(folded) == len(names)
    assert {fold_name(name) for name in folded} == folded


def test_fold_name__case__is_kept() -> None:
    assert fold_name("CH AUTO Inc.") != fold_name("CH AUTO INC.")


@pytest.mark.parametrize(
    "other", ("示例（北京）充电科技有限公司", "示例（上海）充电科技股份有限公司", "示例（上海）充电科技有限公司 2")
)
def test_fold_name__another_company__stays_another(other: str) -> None:
    assert fold_name(other) != fold_name("示例（上海）充电科技有限公司")


@example("¨¸")
@example("U¯")
@given(st.text(max_size=60))
def test_fold_name__folded_twice__is_folded_once(name: str) -> None:
    folded = fold_name(name)
    assert fold_name(folded) == folded
    assert not any(
        unicodedata.category(char)[0] == "Z" or unicodedata.category(char) in ("Cc", "Cf") for char in folded
    )


@given(st.text(max_size=60))
def test_fold_number__folded_twice__is_folded_once(number: str) -> None:
    assert fold_number(fold_number(number)) == fold_number(number)


@pytest.mark.parametrize(
    "printed",
    (
        "国合函〔2026〕886号",
        "国合函[2026]886号",
        "国合函［2026］886 号",
        "国合函（2026）886号",
        "国合函【２０２６】８８６号",
        " 国合函 〔2026〕\u200b886号\n",
    ),
)
def test_number__however_printed__is_one_filing(printed: str) -> None:
    assert parse_number(printed) == "国合函〔2026〕886号"
    assert filing_id(printed) == filing_id("国合函〔2026〕886号")


def test_filing_id__is_keccak_of_the_folded_number() -> None:
    assert filing_id("国合函[2026]886号") == keccak256("国合函〔2026〕886号".encode())
    assert filing_id("国合函〔2026〕886号").hex() == "e2bb8e8fcd1d8218b386733b2228b237ccd285bf59e3d2f5021458a2c2032faa"


@pytest.mark.parametrize(
    "printed", ("", "886号", "国合函〔26〕886号", "国合函〔2026〕886", "〔2026〕886号", "国合函〔2026〕886号附件")
)
def test_parse_number__another_form__says_what_to_do(printed: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_number(printed)
    assert caught.value.where == "filing number"
    assert "number_pattern" in str(caught.value)


def test_parse_number__own_pattern__is_matched_whole() -> None:
    assert parse_number("A-12", r"A-\d+") == "A-12"
    with pytest.raises(InputError):
        parse_number("A-12x", r"A-\d+")
