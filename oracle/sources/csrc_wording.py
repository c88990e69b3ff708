"""How the regulator words things: titles, labels, states, amounts. All of it configuration (regulation 0.3).

No token filing has been published yet, so each default below is our best reading of the 2023 regime's form
(regulation 2.2). A pattern that turns out wrong is corrected in the node's TOML, and the parser stays as it is.
"""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import Field, model_validator
from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from oracle.domain.fields import Currency, Frozen, Text
from oracle.domain.lifecycle import MINTABLE, LifeCycle
from oracle.domain.names import DEFAULT_NUMBER_PATTERN, fold_name
from oracle.sources.published_values import squeezed

__all__ = ["AmountPattern", "State", "WithdrawalTitle", "Wording", "plain_title"]

#: A state by its name; TOML has no enumerations, so the name is accepted here although documents are strict.
State = Annotated[LifeCycle, Field(strict=False)]

_VALUE = r"(?P<value>[0-9][0-9,.]*(?:[万亿][0-9,.]*)*)"
_BUSINESS = "境外发行资产支持证券代币"
#: A title may quote the title of the notice it ends.
_QUOTE = "[《〈<]?(?:关于)?"


class WithdrawalTitle(Frozen):
    """Titles that end a filing, and the state they end it in. The group `entity` is the company the title names."""

    pattern: Text
    status: State


class AmountPattern(Frozen):
    """Where the body states an amount of `ccy`. The group `value` is the number before 元."""

    ccy: Currency = "CNY"
    pattern: Text


class Wording(Frozen):
    """The words the parser looks for.

    Title patterns must fit the whole of `plain_title`; body patterns are searched in the text after NFKC (， kept),
    without blanks, one line a paragraph. `vocabulary` and `application_types` are compared after `fold_name`.
    """

    table_title: Text = r".*资产支持证券代币.*备案情况表.*"
    notice_title: Text = rf"关于(?P<entity>.+?){_BUSINESS}备案通知书"
    withdrawal_titles: list[WithdrawalTitle] = [
        WithdrawalTitle(
            pattern=rf"(?>.*?(?:撤销|取消|注销)){_QUOTE}(?P<entity>.*?)(?:{_BUSINESS})?备案.*", status=LifeCycle.REVOKED
        ),
        WithdrawalTitle(
            pattern=rf"(?>.*?(?:撤回|终止)){_QUOTE}(?P<entity>.*?)(?:{_BUSINESS})?备案.*", status=LifeCycle.WITHDRAWN
        ),
    ]
    #: Titles of the weekly requests for more material, by company.
    supplement_title: Text = r".*备案补充材料要求.*"
    #: 申报类型 of the rows that count; an empty list counts every row.
    application_types: list[Text] = [_BUSINESS]
    #: 备案状态 as published to the state it means; a word that is missing here leaves the state undecided.
    vocabulary: dict[str, State] = {
        "已接收": LifeCycle.RECEIVED,
        "补充材料": LifeCycle.SUPPLEMENT,
        "征求意见": LifeCycle.CONSULTING,
        "征询监管意见": LifeCycle.CONSULTING,
    }
    #: Labels of the page's own number and date, in the page's header table and in the list's metadata.
    number_labels: list[Text] = Field(default=["文号", "发文字号"], min_length=1)
    date_labels: list[Text] = Field(default=["发文日期"], min_length=1)
    number_pattern: Text = DEFAULT_NUMBER_PATTERN
    #: CSS selector of the one element that holds a page's text.
    body_selector: Text = "div.detail-news"
    units_patterns: list[Text] = [rf"发行(?:总量|数量|规模)?(?:不超过|共计|合计|为)?{_VALUE}份"]
    amount_patterns: list[AmountPattern] = [
        AmountPattern(pattern=rf"(?:总额|总金额|金额|规模)(?:不超过|共计|合计|为)?人民币{_VALUE}元")
    ]
    valid_until_patterns: list[Text] = [r"有效期(?:截至|截止|至)(?P<date>[0-9]{4}年[0-9]{1,2}月[0-9]{1,2}日)"]

    @model_validator(mode="after")
    def _patterns_compile(self) -> Self:
        _need("tableTitle", self.table_title)
        _need("supplementTitle", self.supplement_title)
        _need("noticeTitle", self.notice_title, "entity")
        _need("numberPattern", self.number_pattern)
        for title in self.withdrawal_titles:
            _need("withdrawalTitles", title.pattern, "entity")
            if title.status in MINTABLE:
                raise ValueError(f"withdrawalTitles: {title.status} does not end a filing")
        for units in self.units_patterns:
            _need("unitsPatterns", units, "value")
        for amount in self.amount_patterns:
            _need("amountPatterns", amount.pattern, "value")
        for until in self.valid_until_patterns:
            _need("validUntilPatterns", until, "date")
        try:
            LexborHTMLParser("<p>").css(self.body_selector)
        except (SelectolaxError, ValueError):
            raise ValueError(f"bodySelector: {self.body_selector!r} is not a CSS selector") from None
        return self

    def is_table(self, title: str) -> bool:
        """Whether the title is that of a status table (备案情况表)."""
        return re.fullmatch(self.table_title, plain_title(title)) is not None

    def is_supplement(self, title: str) -> bool:
        """Whether the title is that of a list of supplement requests (补充材料要求公示)."""
        return re.fullmatch(self.supplement_title, plain_title(title)) is not None

    def withdrawal(self, title: str) -> tuple[LifeCycle, str] | None:
        """The state a withdrawal's title ends a filing in, and the folded name it gives ("" if none)."""
        for candidate in self.withdrawal_titles:
            found = re.fullmatch(candidate.pattern, plain_title(title))
            if found:
                return candidate.status, fold_name(found["entity"] or "")
        return None

    def notice_entity(self, title: str) -> str | None:
        """The folded name in the title of a filing notice (备案通知书), None if it is no such title.

        A withdrawal's title may contain a notice's whole title, so what reads as a withdrawal is never a notice.
        """
        if self.withdrawal(title):
            return None
        found = re.fullmatch(self.notice_title, plain_title(title))
        return fold_name(found["entity"]) if found else None

    def state(self, raw: str) -> LifeCycle | None:
        """What the vocabulary says of a published state, None if it does not know it."""
        known = {fold_name(word): state for word, state in self.vocabulary.items()}
        return known.get(fold_name(raw))

    def counts(self, application_type: str) -> bool:
        """Whether rows of this 申报类型 are looked at."""
        return not self.application_types or fold_name(application_type) in {
            fold_name(t) for t in self.application_types
        }


def _need(key: str, pattern: str, group: str | None = None) -> None:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{key}: {pattern!r} is not a regular expression: {error}") from None
    if group and group not in compiled.groupindex:
        raise ValueError(f"{key}: {pattern!r} has no group (?P<{group}>…)")


def plain_title(title: str) -> str:
    """A title as patterns see it: NFKC, no blanks, no 《》 around the whole; full-width brackets are ( ) then."""
    plain = squeezed(title)
    while plain.startswith("《") and plain.endswith("》") and plain.find("》") == len(plain) - 1:
        plain = plain[1:-1]
    return plain
