"""What the stand-in publishes, made from its state: list items, pages, the status tables as real xlsx files.

The 2023 regime's table shows real published rows; token notices are in our own words, on the form of the real ones.
"""

from __future__ import annotations

import hashlib
import html
import io
import json
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from openpyxl import Workbook

ROWS_FILE = Path(__file__).with_name("data") / "csrc-status-rows.json"
BUSINESS = "境外发行资产支持证券代币"

#: Channels as the lists know them, and the channel under which their pages really stand (they differ on the real site).
LISTING_TABLE = "c101935"
TOKEN_TABLE = "c900001"
TOKEN_NOTICES = "c900002"
REQUESTS = "c100098"
PENALTIES = "c101928"
MARKET_BANS = "c101927"
PARENT = "c900000"
REAL_CHANNEL = {
    LISTING_TABLE: "c106251",
    TOKEN_TABLE: "c106251",
    TOKEN_NOTICES: "c900102",
    REQUESTS: "c100098",
    PENALTIES: "c101928",
    MARKET_BANS: "c101927",
}


def channel_id(code: str) -> str:
    """The 32 hex digits a channel has here."""
    return hashlib.sha256(code.encode()).hexdigest()[:32]


@dataclass
class Item:
    """One published page: where it stands, what it says, what hangs on it."""

    manuscript_id: str
    channel: str
    title: str
    published: str
    body: str = ""
    number: str | None = None
    page_number: str | None = None
    issued_on: str | None = None
    page_title: str | None = None
    header: str | None = None
    table: tuple[str, tuple[tuple[tuple[str, str], ...], ...]] | None = None
    layout: tuple[str, ...] = ()
    gone: bool = False
    linked: bool = True
    relative: bool = False
    docx: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        return f"/csrc/{REAL_CHANNEL[self.channel]}/c{self.manuscript_id}/"

    @property
    def path(self) -> str:
        return self.folder + "content.shtml"

    @property
    def file_path(self) -> str:
        name = hashlib.sha256(self.manuscript_id.encode()).hexdigest()[:32]
        return f"{self.folder}{self.manuscript_id}/files/{name}.{'docx' if self.docx else 'xlsx'}"


def items_of(state: dict[str, Any]) -> dict[str, list[Item]]:
    """The items of each channel, newest first."""
    return {
        LISTING_TABLE: _around(state, LISTING_TABLE, [_listing_table()]),
        TOKEN_TABLE: _around(state, TOKEN_TABLE, _token_tables(state)),
        TOKEN_NOTICES: _around(state, TOKEN_NOTICES, _withdrawals(state) + _notices(state)),
        REQUESTS: _around(state, REQUESTS, _requests(state)),
        PENALTIES: _decisions(state.get("penalties", []), PENALTIES, "行政处罚决定书"),
        MARKET_BANS: _decisions(state.get("marketBans", []), MARKET_BANS, "市场禁入决定书"),
    }


def _requests(state: dict[str, Any]) -> list[Item]:
    """Weekly requests for more material: as paragraphs, or in a docx (`docx`: true)."""
    return [
        Item(
            manuscript_id=str(7_600_000 + index),
            channel=REQUESTS,
            title=f"境外发行上市备案补充材料要求公示（{entry['from']}—{entry['to']}）",
            published=entry.get("published", "2026-11-16 17:00:00"),
            body="<p>附件：</p>" if entry.get("docx") else "".join(f"<p>{line}</p>" for line in entry["lines"]),
            docx=tuple(entry["lines"]) if entry.get("docx") else (),
        )
        for index, entry in enumerate(state.get("requests", []))
    ]


def _decisions(entries: list[dict[str, Any]], channel: str, kind: str) -> list[Item]:
    return [
        Item(
            manuscript_id=str(7_500_000 + index),
            channel=channel,
            title=entry.get("title", f"中国证监会{kind}（{entry.get('party', '张某')}）"),
            published=entry.get("published", "2026-05-06 10:00:00"),
            body=entry.get("body", "<p>依据有关规定，作出决定。</p>"),
        )
        for index, entry in enumerate([{}, *entries])
    ]


def docx_bytes(lines: tuple[str, ...]) -> bytes:
    """A docx with one paragraph a line, its text split over two runs as word processors do."""
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    paragraphs = "".join(
        f"<w:p><w:r><w:t>{html.escape(line[:3])}</w:t></w:r><w:r><w:t>{html.escape(line[3:])}</w:t></w:r></w:p>"
        for line in lines
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "word/document.xml", f'<w:document xmlns:w="{word}"><w:body>{paragraphs}</w:body></w:document>'
        )
    return packed.getvalue()


def _around(state: dict[str, Any], channel: str, items: list[Item]) -> list[Item]:
    """Other publications before and after the ones that matter, so that they do not stand on the first page."""
    newer, older = state.get("fillersNewer", 20), state.get("fillersOlder", 25)
    base = 9_000_000 + list(REAL_CHANNEL).index(channel) * 100_000

    def filler(index: int) -> Item:
        return Item(
            manuscript_id=str(base + index),
            channel=channel,
            title=f"工作动态第{index}号",
            published=f"2026-10-{28 - index % 28:02d} 10:00:00",
            body="<p>其他事项。</p>",
        )

    return [filler(i) for i in range(newer)] + items + [filler(newer + i) for i in range(older)]


def _listing_table() -> Item:
    data = json.loads(ROWS_FILE.read_text("utf-8"))
    rows = tuple(tuple((key, str(row[key])) for key in data["columns"]) for row in data["rows"])
    title = data["title"]
    return Item(
        "7662540", LISTING_TABLE, title, "2026-10-09 17:05:00", "<p>附件：</p>", table=(title, rows), relative=True
    )


def _token_tables(state: dict[str, Any]) -> list[Item]:
    tables = []
    days = [state.get("tableAsOf", "2026-11-20"), *state.get("olderTables", ["2026-11-13"])]
    for index, day in enumerate(days):
        year, month, date = (int(part) for part in day.split("-"))
        title = f"境内资产{BUSINESS}备案情况表（截至{year}年{month}月{date}日）"
        rows = tuple(_token_row(n, row) for n, row in enumerate(state.get("tokenRows", []), 1)) if index == 0 else ()
        sheet_title = state.get("sheetTitle", title) if index == 0 else title
        tables.append(
            Item(
                manuscript_id=str(7_700_000 + index),
                channel=TOKEN_TABLE,
                title=title,
                published=f"{day} 17:00:00",
                body="<p>附件：</p>" + "".join(f'<a href="{name}">其他</a>' for name in state.get("otherFiles", [])),
                table=(sheet_title, rows),
                layout=tuple(state.get("layout", [])) if index == 0 else (),
                linked=state.get("linked", True),
            )
        )
    return tables


def _token_row(number: int, row: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return (
        ("序号", str(number)),
        ("企业名称", row["company"]),
        ("申报类型", row.get("type", BUSINESS)),
        ("申报主体", row.get("filer", "/")),
        ("拟上市证券交易所", row.get("venue", "/")),
        ("保荐人/主承销商", row.get("arranger", "/")),
        ("境内律师", row.get("lawyer", "北京市某某律师事务所")),
        ("接收日期", row.get("received", "2026年11月2日")),
        ("备案状态", row.get("status", "已接收")),
        ("备注", row.get("remark", "")),
    )


def _notices(state: dict[str, Any]) -> list[Item]:
    listed = [entry for entry in state.get("notices", []) if not entry.get("withdrawn")]
    return [
        Item(
            manuscript_id=entry["manuscriptId"],
            channel=TOKEN_NOTICES,
            title=entry.get("title", f"关于{entry['company']}{BUSINESS}备案通知书"),
            published=f"{entry['issuedOn']} 09:30:00",
            body=notice_body(entry),
            number=entry.get("listNumber", entry["number"]),
            page_number=entry.get("pageNumber", entry["number"]),
            issued_on=entry["issuedOn"],
            page_title=entry.get("pageTitle"),
            gone=entry.get("gone", False),
        )
        for entry in listed
    ]


def notice_body(entry: dict[str, Any]) -> str:
    """The text of a filing notice, in paragraphs."""
    units = entry.get("unitsText", f"{int(entry['units']):,}")
    amount = entry.get("amountText", _thousands(entry["amount"]))
    paragraphs = [
        f"{entry['company']}：",
        "你公司提交的境内资产境外发行代币备案材料已收到，现将备案结果告知如下：",
        f"一、你公司以{entry.get('asset', '应收账款')}产生的现金流作为偿付支持，"
        f"拟在境外发行不超过{units}份资产支持证券代币，发行总额不超过人民币{amount}元。",
        "二、境外发行结束后，或者出现重大风险及其他重大事项时，请及时向我会报告。",
        "三、备案仅确认所报信息，不构成对资产质量、代币价值的任何评价。",
    ]
    if entry.get("validUntil"):
        year, month, day = (int(part) for part in entry["validUntil"].split("-"))
        paragraphs.append(f"四、本通知书有效期至{year}年{month}月{day}日。")
    paragraphs.extend(entry.get("more", []))
    return "".join(f"<p>　　{html.escape(text)}</p>" for text in paragraphs)


def _thousands(amount: str) -> str:
    whole, point, rest = amount.partition(".")
    return f"{int(whole):,}{point}{rest}"


def _withdrawals(state: dict[str, Any]) -> list[Item]:
    return [
        Item(
            manuscript_id=entry["manuscriptId"],
            channel=TOKEN_NOTICES,
            title=entry.get("title", f"关于{entry.get('kind', '撤销')}{entry['company']}{BUSINESS}备案通知书的公告"),
            published=f"{entry['issuedOn']} 16:00:00",
            body=entry.get("body", _withdrawal_body(entry)),
            number=entry.get("ownNumber", "公告〔2026〕31号"),
            page_number=entry.get("ownNumber", "公告〔2026〕31号"),
            issued_on=entry["issuedOn"],
            gone=entry.get("gone", False),
        )
        for entry in state.get("withdrawals", [])
    ]


def _withdrawal_body(entry: dict[str, Any]) -> str:
    kind = entry.get("kind", "撤销")
    return f"<p>　　现{kind}{entry['company']}的备案（{entry['number']}）。自即日起不得据此发行。</p>"


# --- as the site gives it ---------------------------------------------------------------------------------------------


def list_item(item: Item, host: str) -> dict[str, Any]:
    """One entry of searchList. `publishedTime` is 8 hours off and missing metadata is the text "null"."""
    shown = datetime.strptime(item.published, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    epoch = int((shown - timedelta(hours=16)).timestamp() * 1000)
    address = f"../../..{item.path}" if item.relative else f"//{host}{item.path}"
    files = [{"fileName": "附件.xlsx", "filePath": item.file_path, "title": item.title}] if item.table else []
    return {
        "manuscriptId": int(item.manuscript_id),
        "title": item.title,
        "subTitle": "",
        "memo": "",
        "content": "",
        "contentHtml": item.body,
        "url": address,
        "publishedTime": epoch,
        "publishedTimeStr": item.published,
        "channelName": "备案",
        "channelCodeName": item.channel,
        "resList": files,
        "domainMetaList": [
            {
                "domainMetadataName": "政府信息公开",
                "resultList": [
                    {"name": "索引号", "key": "syh", "value": f"bm56000001/2026-{item.manuscript_id}"},
                    {"name": "文号", "key": "wh", "value": item.number or "null"},
                    {"name": "发布机构", "key": "fbjg", "value": "证监会"},
                    {"name": "发文日期", "key": "fwrq", "value": item.issued_on or ""},
                ],
            }
        ],
        **item.extra,
    }


def detail_page(item: Item) -> str:
    """The page of an item: meta tags, header table with the item's own number and date, text, attachment."""
    title = html.escape(item.page_title or item.title)
    link = ""
    if (item.table or item.docx) and item.linked:
        # Relative to the page; joined to the site's root it would be another address, which answers with a web page.
        href = item.file_path.replace("/csrc/", "../../", 1)
        link = f'<p><a href="{href}">附件：{title}</a></p>'
    return f"""<!DOCTYPE html>
<html lang="zh-CN"><head><meta charset="utf-8">
<meta name="SiteName" content="备案信息"><meta name="ArticleTitle" content="{title}">
<meta name="PubDate" content="{item.published[:16]}"><meta name="channelid" content="{channel_id(item.channel)}">
<title>{title}</title><script>var page = "文号";</script></head>
<body><div class="nav"><a href="/">首页</a></div>
<table class="header">
<tr><th>索　引　号</th><td>bm56000001/2026-{item.manuscript_id}</td><th>发布机构</th><td>证监会</td></tr>
<tr><th>名　　称</th><td>{title}</td><th>发文日期</th><td>{_chinese_date(item.issued_on)}</td></tr>
<tr><th>文　　号</th><td>{html.escape(item.page_number or "")}</td><th></th><td></td></tr>
</table>
<h2>{title}</h2>
<div class="detail-news">{item.body}{link}</div>
<div class="footer"><a href="../../../about.shtml">关于本站</a></div></body></html>
"""


def _chinese_date(day: str | None) -> str:
    if not day:
        return ""
    year, month, date = (int(part) for part in day.split("-"))
    return f"{year}年{month}月{date}日"


@cache
def table_xlsx(title: str, rows: tuple[tuple[tuple[str, str], ...], ...], layout: tuple[str, ...] = ()) -> bytes:
    """A status table: title, blank row, header of two rows with merged cells, rows; as the regulator lays it out.

    `layout` names what has drifted: column-added, columns-swapped, header-moved, one-row-header, label-changed,
    column-gone, serial-dates, companies-merged.
    """
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    labels = [
        "序号",
        "企业名称",
        "申报类型",
        "申报主体",
        "拟上市证券交易所",
        "中介机构",
        "",
        "接收日期",
        "备案状态",
        "备注",
    ]
    sheet.append([title])
    sheet.append([])
    sheet.append(labels)
    sheet.append(["", "", "", "", "", "保荐人/\n主承销商", "境内律师", "", "", ""])
    for row in rows:
        sheet.append([int(value) if key == "序号" else value for key, value in row])
    sheet.merge_cells("A1:J1")
    sheet.merge_cells("F3:G3")
    for column in "ABCDEHIJ":
        sheet.merge_cells(f"{column}3:{column}4")
    for name in layout:
        _DRIFTS[name](sheet)
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


def _add_column(sheet: Any) -> None:
    _unmerged(sheet)
    sheet.insert_cols(3)
    sheet["C3"] = "统一社会信用代码"
    for row in range(5, sheet.max_row + 1):
        sheet.cell(row, 3, "已备案")


def _swap_columns(sheet: Any) -> None:
    _unmerged(sheet)
    for row in range(3, sheet.max_row + 1):
        for left, right in ((2, 9), (3, 4)):
            sheet.cell(row, left).value, sheet.cell(row, right).value = (
                sheet.cell(row, right).value,
                sheet.cell(row, left).value,
            )


def _move_header(sheet: Any) -> None:
    _unmerged(sheet)
    sheet.insert_rows(2, 5)
    sheet["A3"] = "说明：本表每周更新"


def _one_row_header(sheet: Any) -> None:
    _unmerged(sheet)
    sheet.delete_rows(4)


def _unmerged(sheet: Any) -> None:
    for merged in list(sheet.merged_cells.ranges):
        sheet.unmerge_cells(str(merged))


def _relabel(sheet: Any) -> None:
    sheet["I3"] = "状态"


def _drop_column(sheet: Any) -> None:
    _unmerged(sheet)
    sheet.delete_cols(9)


def _serial_dates(sheet: Any) -> None:
    for row in range(5, sheet.max_row + 1):
        sheet.cell(row, 8, 46328)


def _merge_companies(sheet: Any) -> None:
    for column in "BCD":
        sheet.merge_cells(f"{column}5:{column}{sheet.max_row}")


_DRIFTS = {
    "column-added": _add_column,
    "columns-swapped": _swap_columns,
    "header-moved": _move_header,
    "one-row-header": _one_row_header,
    "label-changed": _relabel,
    "column-gone": _drop_column,
    "serial-dates": _serial_dates,
    "companies-merged": _merge_companies,
}
