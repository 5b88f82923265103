"""What a bank says of our cash: MT 940, customer statement. 现金对账单

Source: SWIFT MT 940: 20 reference, 25 account, 28C number and page, 60a opening, 61 entries with 86 their text, 62a closing.
Banks also send it without the blocks of FIN, with lines of their own around it; then nobody is named as sender.
"""

import re
from collections.abc import Iterator
from itertools import pairwise, zip_longest
from typing import Any, Final

import polars as pl

from nostro.kernel.money import currency_scale, to_minor
from nostro.kernel.refusals import Refused
from nostro.messages.lines import bad_frame, bad_row, file_broken
from nostro.messages.mt import reading, tokens, writing
from nostro.messages.mt.validate import missing_fault, value_fault
from nostro.messages.mt.writing import Line, Part
from nostro.messages.shapes import CASH, WHERE, Built, Parsed

_BALANCE: Final = re.compile(r"([DC])([0-9]{6})([A-Z]{3})([0-9]+(?:,[0-9]*)?|,[0-9]+)")
_ENTRY: Final = re.compile(
    r"([0-9]{6})([0-9]{4})?(R?[CD])([A-Z])? ?([0-9]+(?:,[0-9]*)?|,[0-9]+)([A-Z][A-Z0-9]{3})?([^\n]*?)(?://([^\n]*))?(?:\n(.*))?",
    re.DOTALL,
)
_NUMBER: Final = re.compile(r"([0-9]{1,18})(?:/([0-9]{1,5}))?")
_TAG_LINE: Final = re.compile(r"^:([0-9]{2}[A-Z]?):", re.MULTILINE)
_STATEMENT: Final = re.compile(rb"^:20:", re.MULTILINE)
_NO_REFERENCE: Final = ("", "NONREF")
_LINE: Final = 65
_SIGNS: Final = {"C": 1, "D": -1, "RC": -1, "RD": 1}

_Fields = list[tuple[str, str, int]]
_Row = tuple[Any, ...]


class _Page:
    """One message: its values, its entries, and all that is wrong with it."""

    def __init__(self, ordinal: int, start: int, end: int, sender: str | None) -> None:
        self.where = (ordinal, start, end - start)
        self.sender = sender
        self.faults: list[dict[str, Any]] = []
        self.statement = self.account = ""
        self.number, self.page = -1, 1
        self.opening: tuple[int, str, Any, bool] | None = None  # minor, currency, date, is first
        self.closing: tuple[int, str, Any, bool] | None = None
        self.entries: list[_Row] = []

    def blame(self, tag: str, line: int, value: str, rule: str) -> None:
        self.faults.append(value_fault(tag, "", line, value, rule))


def read_cash(data: bytes) -> Parsed:
    """The entries of a file of MT 940, as CASH: one row for each :61:, or one for a statement without any. 读取现金对账单

    With the blocks of FIN the sender is the bank; without them a statement begins at :20: and its sender is null. Pages of a
    statement (60M, 62M) are one: its opening is that of the first, its closing that of the last. `text` is the text after
    the entry: supplementary details of :61:, then :86:, whose full lines of 65 go on in the next. NONREF is no reference.
    Refuses values that cannot be read exactly and statements whose pages do not follow each other; a narrative is free.
    """
    empty = pl.DataFrame(schema={**WHERE, **CASH})
    if data.strip() and not _STATEMENT.search(data) and b"{1:" not in data:
        return Parsed(good=empty, bad=file_broken(data, {"rule": "mt_940"}))
    pages = [_page(*one) for one in (_fin(data) if b"{1:" in data else _bare(data))]
    rows: list[_Row] = []
    bad: list[tuple[Any, ...]] = []
    for statement in _statements(pages):
        _judge_pages(statement)
        if any(page.faults for page in statement):
            for page in statement:
                # Half a statement would have the wrong balance.
                if not page.faults:
                    page.blame("28C", 1, page.statement, "another page of the statement is refused")
                bad.append(bad_row(*page.where, page.faults, page.statement or None))
        else:
            rows.extend(_rows(statement))
    good = pl.DataFrame(rows, schema={**WHERE, **CASH}, orient="row") if rows else empty
    return Parsed(good=good, bad=bad_frame(sorted(bad)))


_Found = tuple[int, int, int, str | None, _Fields, list[dict[str, Any]]]


def _fin(data: bytes) -> Iterator[_Found]:
    for ordinal, (start, end) in enumerate(tokens.split_messages(data), 1):
        message = tokens.tokenise(data[start:end].decode("latin-1"))
        faults = list(message.faults)
        if not faults and message.header is not None and message.header.mt != "940":
            faults.append(value_fault("2", "", 1, message.header.mt, "only MT 940"))
        fields = [(field.tag, field.value, field.line) for field in message.fields()] if not faults else []
        yield ordinal, start, end, message.header.sender if message.header else None, fields, faults


def _bare(data: bytes) -> Iterator[_Found]:
    """Statements without blocks: each begins at :20: and ends before the next, or at a line that is a bank's own."""
    starts = [found.start() for found in _STATEMENT.finditer(data)]
    for ordinal, (start, end) in enumerate(pairwise([*starts, len(data)]), 1):
        text = data[start:end].decode("latin-1")
        ending = re.search(r"^-\}?[ \t]*\r?$", text, re.MULTILINE)
        text = (text[: ending.start()] if ending else text).rstrip()
        tidy = text.replace("\r\n", "\n")
        marks = list(_TAG_LINE.finditer(tidy))
        fields: _Fields = []
        for mark, following in zip_longest(marks, marks[1:]):
            value = tidy[mark.end() : following.start() - 1 if following else len(tidy)]
            fields.append((mark.group(1), value, tidy.count("\n", 0, mark.start()) + 1))
        yield ordinal, start, start + len(text), None, fields, []


def _page(
    ordinal: int, start: int, end: int, sender: str | None, fields: _Fields, faults: list[dict[str, Any]]
) -> _Page:
    page = _Page(ordinal, start, end, sender)
    page.faults = faults
    if faults:
        return page
    seen: set[str] = set()
    before = ""
    for tag, value, line in fields:
        kind = tag[:2]
        if kind in ("20", "25", "28", "60", "62") and kind in seen:
            page.blame(tag, line, value, "once")
            continue
        seen.add(kind)
        match kind:
            case "20":
                page.statement = value.strip()
            case "25":
                page.account = value.split("\n")[0].strip()
            case "28":
                _read_number(page, tag, value, line)
            case "60":
                page.opening = _balance(page, tag, value, line)
            case "61":
                _read_entry(page, value, line)
            case "86" if before == "61" and page.entries:
                page.entries[-1] = (*page.entries[-1][:-1], _joined(page.entries[-1][-1], _narrative(value)))
            case "62":
                page.closing = _balance(page, tag, value, line)
        before = kind
    for kind, name in (("20", "20"), ("25", "25a"), ("28", "28C"), ("60", "60a"), ("62", "62a")):
        if kind not in seen:
            page.faults.append(missing_fault(name, ""))
    for tag, value in (("20", page.statement), ("25", page.account)):
        if tag in seen and not value:
            page.blame(tag, 1, value, "empty")
    if page.opening and page.closing and page.opening[1] != page.closing[1]:
        page.blame("62a", 1, page.closing[1], f"currency of the opening balance, {page.opening[1]}")
    return page


def _read_number(page: _Page, tag: str, value: str, line: int) -> None:
    found = _NUMBER.fullmatch(value.strip())
    if found is None:
        page.blame(tag, line, value, "format 5n[/5n]")
        return
    page.number = int(found.group(1))
    page.page = int(found.group(2) or 1)


def _balance(page: _Page, tag: str, value: str, line: int) -> tuple[int, str, Any, bool] | None:
    found = _BALANCE.fullmatch(value.strip())
    if found is None:
        page.blame(tag, line, value, "format S6!d3!a15d")
        return None
    mark, day, currency, number = found.groups()
    date = _date(day)
    minor = _minor(number, currency)
    if date is None:
        page.blame(tag, line, value, "calendar_date")
    if minor is None:
        page.blame(tag, line, value, "decimals_of_currency")
    if date is None or minor is None:
        return None
    return (_SIGNS[mark] * minor, currency, date, not tag.endswith("M"))


def _read_entry(page: _Page, value: str, line: int) -> None:
    found = _ENTRY.fullmatch(value)
    currency = page.opening[1] if page.opening else None
    if found is None:
        page.blame("61", line, value, "format of a statement line")
        return
    day, _, mark, _, number, _, ours, banks, more = found.groups()
    date = _date(day)
    if date is None:
        page.blame("61", line, value, "calendar_date")
    if currency is None:
        return
    minor = _minor(number, currency)
    if minor is None:
        page.blame("61", line, value, "decimals_of_currency")
        return
    # A reference has 16 characters; some banks go on in the same line with a name.
    reference, beyond = _text(ours[:16].strip()), _text(ours[16:].strip())
    banks = _text((banks or "").strip())
    page.entries.append(
        (
            date,
            _SIGNS[mark] * minor,
            None if reference in _NO_REFERENCE else reference,
            None if banks in _NO_REFERENCE else banks,
            _joined(beyond, _text((more or "").strip())),
        )
    )


def _date(text: str) -> Any:
    # SWIFT reads years over 79 as of the last century.
    century = "19" if int(text[:2]) > 79 else "20"
    return pl.Series([century + text]).str.to_date("%Y%m%d", strict=False).item()


def _minor(number: str, currency: str) -> int | None:
    try:
        return to_minor(f"0{number.replace(',', '.')}", currency_scale(currency))
    except (ValueError, OverflowError):
        return None


def _text(value: str) -> str:
    """Banks write UTF-8 or Latin-1; the bytes were held as Latin-1."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return value


def _narrative(value: str) -> str | None:
    lines = _text(value).split("\n")
    text = "".join(line if len(line) == _LINE else line + "\n" for line in lines)
    return text.removesuffix("\n") or None


def _joined(first: str | None, second: str | None) -> str | None:
    return "\n".join(part for part in (first, second) if part) or None


def _statements(pages: list[_Page]) -> list[list[_Page]]:
    """Pages gathered into statements: a page that opens with 60M goes on where the last of its account stopped with 62M."""
    statements: list[list[_Page]] = []
    unfinished: dict[tuple[str, int], list[_Page]] = {}
    for page in pages:
        key = (page.account, page.number)
        if page.opening and not page.opening[3] and key in unfinished:
            unfinished[key].append(page)
            whole = unfinished[key]
        else:
            whole = [page]
            statements.append(whole)
        if page.closing and not page.closing[3]:
            unfinished[key] = whole
        else:
            unfinished.pop(key, None)
    return statements


def _judge_pages(statement: list[_Page]) -> None:
    first, last = statement[0], statement[-1]
    if first.opening and not first.opening[3]:
        first.blame("60M", 1, str(first.page), "the page before is missing")
    if last.closing and not last.closing[3]:
        last.blame("62M", 1, str(last.page), "the page after is missing")
    for before, after in pairwise(statement):
        if before.closing and after.opening and before.closing[:2] != after.opening[:2]:
            after.blame("60M", 1, str(after.opening[0]), "the closing balance of the page before")


def _rows(statement: list[_Page]) -> Iterator[_Row]:
    first, last = statement[0], statement[-1]
    assert first.opening is not None
    assert last.closing is not None
    shared = (
        first.statement,
        first.number,
        first.account,
        first.opening[1],
        last.closing[2],
        first.opening[0],
        last.closing[0],
    )
    entry = 0
    for page in statement:
        for date, minor, ours, banks, text in page.entries:
            entry += 1
            yield (*page.where, *shared, entry, date, minor, ours, banks, text, first.sender)
    if not entry:
        yield (*first.where, *shared, None, None, None, None, None, None, first.sender)


def build_cash(frame: pl.DataFrame, *, sender: str, receiver: str) -> Built:
    """One MT 940 for each statement of a frame of CASH; reading it gives the rows back. 编制现金对账单

    A statement is one message of any length: it goes by file. Entries are transfers, NTRF; `text` goes into :86:, cut into
    lines of 65. Refuses, all at once, what the dialect cannot say: references over 16 characters, a text over six lines,
    amounts over 15 characters, characters outside the SWIFT sets.
    """
    of = ["statement", "sequence", "account", "currency", "day", "opening_minor", "closing_minor"]
    money = pl.when(pl.col("currency").str.contains("^[A-Z]{3}$")).then(pl.col("currency"))

    def amount(column: str) -> pl.Expr:
        return writing.number(pl.col(column), reading.decimals(money))

    def balance(column: str) -> pl.Expr:
        mark = pl.when(pl.col(column) < 0).then(pl.lit("D")).otherwise(pl.lit("C"))
        return mark + pl.col("day").dt.strftime("%y%m%d") + money + amount(column)

    mark = pl.when(pl.col("amount_minor") < 0).then(pl.lit("D")).otherwise(pl.lit("C"))
    bank = (pl.lit("//") + pl.col("bank_reference")).fill_null("")
    lines = pl.col("text").str.replace_all(r"([^\n]{65})", "$1\n").str.replace_all(r"([^\n]{65}\n)\n", "$1")
    texts = frame.with_columns(
        w_statement=pl.col("statement"),
        w_account=pl.col("account"),
        w_number=pl.col("sequence").cast(pl.String),
        w_opening=balance("opening_minor"),
        w_closing=balance("closing_minor"),
        w_entry=pl.col("value_date").dt.strftime("%y%m%d")
        + pl.col("value_date").dt.strftime("%m%d")
        + mark
        + amount("amount_minor")
        + "NTRF"
        + pl.col("reference").fill_null("NONREF")
        + bank,
        w_text=lines.str.strip_suffix("\n"),
    )
    general: list[Part] = [
        Line("20:", "w_statement", ""),
        Line("25:", "w_account", ""),
        Line("28C:", "w_number", ""),
        Line("60F:", "w_opening", ""),
        Line("62F:", "w_closing", ""),
    ]
    detail: list[Part] = [Line("61:", "w_entry", ""), Line("86:", "w_text", "", must=False)]
    heads = texts.unique(of, keep="first", maintain_order=True)
    entries = texts.filter(pl.col("entry").is_not_null())
    found = writing.refusals(heads, "statement", "statement", general)
    found += writing.refusals(entries, "statement", "statement", detail)
    found += writing.refused_where(
        entries,
        "statement",
        "statement",
        [
            ("61", "", "reference", "NONREF is no reference", pl.col("reference").is_in(["", "NONREF"])),
            ("61", "", "reference", "a reference has no two slashes", pl.col("reference").str.contains("//|/$")),
            (
                "86",
                "",
                "text",
                "no line is empty or begins with : or -",
                pl.col("w_text").str.contains(r"(?m)^[:-]|\n\n|^$"),
            ),
            ("61", "", "value_date", "from 1980 to 2079", ~pl.col("value_date").dt.year().is_between(1980, 2079)),
        ],
    )
    found += writing.refused_where(
        heads,
        "statement",
        "statement",
        [("62F", "", "day", "from 1980 to 2079", ~pl.col("day").dt.year().is_between(1980, 2079))],
    )
    header = writing.header("940", sender, receiver)
    if found:
        raise Refused(*found)
    nl = writing.NL
    told = (
        texts.with_columns(
            told=pl.when(pl.col("entry").is_not_null()).then(
                pl.concat_str(
                    pl.lit(":61:"),
                    pl.col("w_entry"),
                    pl.lit(nl),
                    (pl.lit(":86:") + pl.col("w_text").str.replace_all("\n", nl) + nl).fill_null(""),
                )
            )
        )
        .group_by(of, maintain_order=True)
        .agg(
            pl.col("w_statement", "w_account", "w_number", "w_opening", "w_closing").first(),
            entries=pl.col("told").drop_nulls().str.join(""),
        )
    )
    messages = told.select(
        pl.concat_str(
            pl.lit(f"{header}:20:"),
            pl.col("w_statement"),
            pl.lit(f"{nl}:25:"),
            pl.col("w_account"),
            pl.lit(f"{nl}:28C:"),
            pl.col("w_number"),
            pl.lit(f"{nl}:60F:"),
            pl.col("w_opening"),
            pl.lit(nl),
            pl.col("entries"),
            pl.lit(":62F:"),
            pl.col("w_closing"),
            pl.lit(f"{nl}-}}"),
        )
    ).to_series()
    return writing.file_of(told["statement"], messages)
