"""The site's pages: HTML bytes to title, labelled fields, text and links (regulation 3.1, 3.3). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from oracle.sources.csrc_lists import CHANNEL_ID, MAX_TITLE, Listed
from oracle.sources.csrc_wording import Wording, plain_title
from oracle.sources.labelled_fields import DRIFT, Fields, add_field, printed_text
from oracle.sources.parse_error import ParseError
from oracle.sources.published_values import half_width, squeezed

__all__ = ["Page", "parse_list_shell", "parse_page"]

_MAX_BODY = 1_000_000
_MAX_DEPTH = 400
#: A page of the site has a few hundred. An HTML parser looks through all open elements at each new one, so that the
#: time of the deepest nesting grows with the square of this number.
_MAX_TAGS = 15_000
#: The same with the attributes of one tag. Every `<` is tried, so that no quote or comment hides a tag from this look.
_MANY_ATTRIBUTES = re.compile(
    # A look ahead is never taken back, like a possessive group; those go wrong in Python before 3.11.5 (gh-106052).
    r"""<[a-z][^\s/>]*+(?:[\s/]*+[^\s/>][^\s/>=]*+"""
    r"""(?=(?P<value>\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+)|))(?P=value)){100}""",
    re.ASCII | re.IGNORECASE,
)
#: Elements that a parser opens anew in every paragraph until they are closed: a few kB of them make millions of nodes.
#: They say nothing here, and a span is opened once. (An `a` closes the one before.)
_FORMATTING = re.compile(
    r"<(/?)(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])", re.ASCII | re.IGNORECASE
)
_MAX_LABELS = 500
_BLOCKS = frozenset(
    ("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "hr", "li", "ol", "p", "pre", "ul")
) | frozenset(("h1", "h2", "h3", "h4", "h5", "h6", "section", "table", "tbody", "td", "tfoot", "th", "thead", "tr"))


@dataclass(frozen=True)
class Page:
    """A detail page: its own title, its labelled fields (outside the text), its text, the addresses it links to."""

    title: str
    fields: Fields
    body: str
    links: tuple[str, ...]


def _tree(data: bytes) -> LexborHTMLParser:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ParseError(f"the page is not UTF-8 at byte {error.start}", remedy=DRIFT) from None
    if text.count("<") > _MAX_TAGS:
        raise ParseError(f"the page has more than {_MAX_TAGS} tags", remedy=DRIFT)
    if _MANY_ATTRIBUTES.search(text):
        raise ParseError("a tag of the page has 100 attributes or more", remedy=DRIFT)
    try:
        return LexborHTMLParser(_FORMATTING.sub(r"<\1span", text))
    except (SelectolaxError, ValueError) as error:
        raise ParseError(f"the page is not HTML: {error}", remedy=DRIFT) from None


def parse_page(data: bytes, wording: Wording, listed: Listed | None = None) -> Page:
    """A detail page; its title has to be the one the list gives, if the list item is given.

    Labelled fields are read outside the text only: a text may cite another filing's number.
    """
    tree = _tree(data)
    title = _page_title(tree)
    if listed and plain_title(title) != plain_title(listed.title):
        raise ParseError(
            f"the list calls it {listed.title!r}, the page {title!r}",
            remedy="read both; the address may lead elsewhere",
        )
    found = tree.css(wording.body_selector)
    if len(found) != 1:
        raise ParseError(
            f"{len(found)} elements fit {wording.body_selector!r}, one is expected",
            remedy="correct bodySelector, or " + DRIFT,
        )
    body = _lines(found[0])
    links = tuple(href for node in tree.css("a[href]") if (href := (node.attributes.get("href") or "").strip()))
    found[0].decompose()
    return Page(
        title=title, fields=_labelled(tree, (*wording.number_labels, *wording.date_labels)), body=body, links=links
    )


def _page_title(tree: LexborHTMLParser) -> str:
    titles = {squeezed(node.attributes.get("content") or "") for node in tree.css('meta[name="ArticleTitle"]')} - {""}
    if len(titles) != 1:
        raise ParseError(f"the page has {len(titles)} titles (meta ArticleTitle), one is expected", remedy=DRIFT)
    title = titles.pop()
    if len(title) > MAX_TITLE:
        raise ParseError("the page's title is too long to be one", remedy=DRIFT)
    return title


def _lines(top: LexborNode) -> str:
    """The text below a node, a line for each block: inline tags join, block tags part."""
    pieces: list[str] = []
    waiting: list[tuple[LexborNode | None, int]] = [(top, 0)]
    while waiting:
        node, depth = waiting.pop()
        if node is None or node.tag in _BLOCKS:
            pieces.append("\n")
        if node is None or node.tag in ("script", "style"):
            continue
        if node.is_text_node:
            pieces.append(node.text_content or "")
            continue
        if depth > _MAX_DEPTH:
            raise ParseError("the page is nested too deeply", remedy=DRIFT)
        if node.tag in _BLOCKS:
            waiting.append((None, depth))
        waiting.extend((child, depth + 1) for child in reversed(list(node.iter(include_text=True))))
    text = "".join(pieces)
    if len(text) > _MAX_BODY:
        raise ParseError("the page's text is too long for a notice", remedy=DRIFT)
    lines = ("".join(half_width(line).split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _labelled(tree: LexborHTMLParser, labels: tuple[str, ...]) -> Fields:
    """Fields printed as `<th>文号</th><td>value</td>`, `<b>文号：</b>value` or `<span>文号：value</span>`."""
    wanted = {squeezed(label) for label in labels}
    fields: Fields = {}
    found = 0
    for node in tree.css("th, td, dt, dd, li, p, div, span, label"):
        own = (node.text(deep=False) or "").strip()
        if not own or len(own) > 300:
            continue
        label, colon, rest = squeezed(own).partition(":")
        if label not in wanted:
            continue
        found += 1
        if found > _MAX_LABELS:
            raise ParseError(f"the page has more than {_MAX_LABELS} labels of number or date", remedy=DRIFT)
        if colon and rest:
            add_field(fields, label, printed_text(half_width(own).partition(":")[2]))
        else:
            add_field(fields, label, printed_text(_following(node)))
    for node in tree.css("meta[name][content]"):
        if squeezed(node.attributes.get("name") or "") in wanted:
            add_field(fields, node.attributes.get("name") or "", printed_text(node.attributes.get("content")))
    return fields


def _following(node: LexborNode) -> str:
    after = node.next
    while after is not None and after.is_empty_text_node:
        after = after.next
    if after is None:
        return ""
    return (after.text_content or "") if after.is_text_node else after.text(deep=True)


def parse_list_shell(data: bytes) -> str | None:
    """The channel id in a list's HTML page: `<meta name="channelid">` or `<input id="channelid">`."""
    tree = _tree(data)
    for selector, attribute in (('meta[name="channelid"]', "content"), ("input#channelid", "value")):
        for node in tree.css(selector):
            found = node.attributes.get(attribute) or ""
            if CHANNEL_ID.fullmatch(found):
                return found.lower()
    return None
