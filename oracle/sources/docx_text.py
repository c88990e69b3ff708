"""The text of a docx file, a line a paragraph. Pure, bounded, and without any entity: bytes in, text out."""

from __future__ import annotations

import io
from xml.etree.ElementTree import ParseError as XmlError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from oracle.sources.bounded_zip import rebuilt_zip
from oracle.sources.parse_error import ParseError
from oracle.sources.published_values import half_width

__all__ = ["docx_lines"]

_MAX_UNPACKED = 20_000_000
_MAX_TAGS = 100_000
_MAX_DEPTH = 400
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_REMEDY = "look at the stored attachment; open it in a word processor without macros"
_BREAKS = frozenset((f"{_WORD}p", f"{_WORD}br", f"{_WORD}cr", f"{_WORD}tab", f"{_WORD}tc"))


def docx_lines(data: bytes) -> list[str]:
    """The paragraphs, table cells and lines in their order, NFKC and without blanks; empty ones are left out."""
    if not data.startswith(b"PK\x03\x04"):
        raise ParseError("the attachment is not a docx", remedy=_REMEDY)
    document = rebuilt_zip(data, max_unpacked=_MAX_UNPACKED).get("word/document.xml")
    if document is None:
        raise ParseError("the attachment holds no word/document.xml", remedy=_REMEDY)
    if document.count(b"<") > _MAX_TAGS:
        raise ParseError(f"the docx has more than {_MAX_TAGS} tags", remedy=_REMEDY)
    try:
        text = _text(document)
    except (XmlError, DefusedXmlException, ValueError, LookupError) as error:
        raise ParseError(f"the docx cannot be read: {type(error).__name__}", remedy=_REMEDY) from None
    return [line for line in ("".join(half_width(raw).split()) for raw in text.splitlines()) if line]


def _text(document: bytes) -> str:
    pieces: list[str] = []
    depth = 0
    for event, element in iterparse(io.BytesIO(document), events=("start", "end"), forbid_dtd=True):
        if event == "start":
            depth += 1
            if depth > _MAX_DEPTH:
                raise ParseError("the docx is nested too deeply", remedy=_REMEDY)
            if element.tag in _BREAKS:
                pieces.append("\n")
            continue
        depth -= 1
        if element.tag == f"{_WORD}t":
            pieces.append(element.text or "")
        elif element.tag in _BREAKS:
            pieces.append("\n")
        element.clear()
    return "".join(pieces)
