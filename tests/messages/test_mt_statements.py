"""Statements of holdings (MT 535) and of cash (MT 940): read whole, or refused with the reason."""

import datetime as dt
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.kernel.money import currency_scale, from_minor
from nostro.kernel.refusals import Refused
from nostro.messages.mt import cash, holdings, tokens, validate
from nostro.messages.shapes import CASH, HOLDING, Built, Parsed

CUSTODIAN, US = "CEDELULLXXX", "LUXBDEFFXXX"
DAY = dt.date(2026, 11, 24)
SHARED = Path(os.environ.get("NOSTRO_SHARED", Path(__file__).resolve().parents[2] / "../shared"))
SAMPLES = SHARED / "corpus/messages/mt940"
X_SET = "ABCXYZabcxyz0189/?().,'+ -:"

ISINS = st.from_regex(r"[A-Z]{2}[A-Z0-9]{9}[0-9]", fullmatch=True)
POSITIONS = st.lists(st.tuples(ISINS, st.integers(-(10**13), 10**13)), max_size=5)


def frame(rows: list[tuple[object, ...]], shape: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={n: kind for n, kind in shape.items() if n != "sender"}, orient="row")


def held(number: int, positions: list[tuple[str, int]]) -> Iterator[tuple[object, ...]]:
    for isin, quantity in positions or [(None, None)]:
        yield f"ST{number}", number, f"ACC-{number}", DAY, isin, quantity


def assert_strictly_right(built: Built) -> None:
    for start, length in built.index.select("start", "length").iter_rows():
        message = tokens.tokenise(built.data[start : start + length].decode())
        assert validate.judge(message) == []


def told(parsed: Parsed) -> list[tuple[int, str, str]]:
    return [
        (row["ordinal"], e["facts"]["field"], e["facts"].get("rule", "missing"))
        for row in parsed.bad.iter_rows(named=True)
        for e in json.loads(row["errors"])
    ]


# --- holdings


@settings(max_examples=40, deadline=None)
@given(st.lists(POSITIONS, max_size=4))
def test_a_statement_of_holdings_that_is_written_is_read_back(statements):
    rows = frame([row for n, positions in enumerate(statements, 1) for row in held(n, positions)], HOLDING)
    built = holdings.build_holdings(rows, sender=CUSTODIAN, receiver=US)
    parsed = holdings.read_holdings(built.data)
    assert parsed.bad.is_empty(), parsed.bad["errors"].to_list()
    assert parsed.good.select(rows.columns).equals(rows)
    assert_strictly_right(built)


LONG = frame(list(held(7, [(f"DE{n:09}0", (n - 3) * 500_000) for n in range(250)])), HOLDING)


def test_a_long_statement_comes_in_pages_and_is_read_as_one():
    built = holdings.build_holdings(LONG, sender=CUSTODIAN, receiver=US)
    text = built.data.decode()
    assert [line for line in text.split("\r\n") if line.startswith(":28E:")] == [
        ":28E:1/MORE",
        ":28E:2/MORE",
        ":28E:3/LAST",
    ]
    assert len({line for line in text.split("\r\n") if ":SEME//" in line}) == 3
    assert ":93B::AGGR//UNIT/N1,5\r\n" in text
    assert max(built.index["length"]) < 10_000
    parsed = holdings.read_holdings(built.data)
    assert parsed.good.select(LONG.columns).equals(LONG)
    assert set(parsed.good["sender"]) == {CUSTODIAN}


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_statement_of_which_a_page_is_missing_is_refused_whole(gone):
    pages = holdings.build_holdings(LONG, sender=CUSTODIAN, receiver=US).data.split(b"\r\n$\r\n")
    other = holdings.build_holdings(frame(list(held(8, [("DE0007164600", 1)])), HOLDING), sender=CUSTODIAN, receiver=US)
    del pages[gone]
    parsed = holdings.read_holdings(b"\r\n$\r\n".join([*pages, other.data]))
    assert parsed.good["statement"].to_list() == ["ST8"]
    assert {(field, rule) for _, field, rule in told(parsed)} == {("28E", "pages from 1 to the last, in order")}
    assert len(parsed.bad) == 2


def test_a_bad_page_takes_its_statement_with_it():
    data = holdings.build_holdings(LONG, sender=CUSTODIAN, receiver=US).data
    wrong = data.replace(b":35B:ISIN DE0000001200", b":35B:/DE/0000001200")
    assert wrong != data
    assert told(holdings.read_holdings(wrong)) == [
        (1, "28E", "another page of the statement is refused"),
        (2, "35B", "isin_needed"),
        (3, "28E", "another page of the statement is refused"),
    ]
    assert holdings.read_holdings(wrong).good.is_empty()


@pytest.mark.parametrize(
    ("before", "after", "field", "rule"),
    [
        (":13J::STAT//00001", ":13J::STAT//0000A", "13J", "number"),
        (":13J::STAT//00001\r\n", "", "13A:STAT", "missing"),
        (":98A::STAT//20261124", ":98A::STAT//20261131", "98A", "calendar_date"),
        (":97A::SAFE//ACC-1\r\n", "", "97a:SAFE", "missing"),
        ("AGGR//UNIT/5,", "AVAI//UNIT/5,", "93a:AGGR", "missing"),
        ("AGGR//UNIT/5,", "AGGR//AMOR/5,", "93B", "UNIT or FAMT"),
        ("AGGR//UNIT/5,", "AGGR//UNIT/0,0000005", "93B", "at most 6 decimals"),
        (":28E:1/ONLY", ":28E:1/MORE", "28E", "pages from 1 to the last, in order"),
    ],
)  # fmt: skip
def test_each_error_of_a_statement_of_holdings_has_its_name(before, after, field, rule):
    built = holdings.build_holdings(
        frame(list(held(1, [("DE0007164600", 5_000_000)])), HOLDING), sender=CUSTODIAN, receiver=US
    )
    assert before in built.data.decode()
    parsed = holdings.read_holdings(built.data.replace(before.encode(), after.encode()))
    assert (1, field, rule) in told(parsed), told(parsed)


def test_a_sub_account_keeps_its_number_and_times_and_nominals_are_read():
    data = holdings.build_holdings(
        frame(list(held(1, [("DE0007164600", 5_000_000)])), HOLDING), sender=CUSTODIAN, receiver=US
    ).data
    richer = (
        data.replace(b":16R:SUBSAFE\r\n", b":16R:SUBSAFE\r\n:97A::SAFE//SUB/7\r\n")
        .replace(b":98A::STAT//20261124", b":98C::STAT//20261124180000")
        .replace(b"AGGR//UNIT/5,", b"AGGR//FAMT/N5,25")
        .replace(
            b":16S:FIN", b":16R:SUBBAL\r\n:93B::AGGR//UNIT/9,\r\n:94F::SAFE//CUST/CEDELULL\r\n:16S:SUBBAL\r\n:16S:FIN"
        )
        .replace(b":13J::STAT//00001", b":13A::STAT//001")
    )
    row = holdings.read_holdings(richer).good.row(0, named=True)
    assert (row["account"], row["day"], row["quantity_micro"], row["sequence"]) == ("SUB/7", DAY, -5_250_000, 1)


def test_holdings_that_cannot_be_said_are_refused_at_once():
    rows = frame([("A" * 17, 100_000, "ACC", DAY, "DE0007164600", None), ("B", 1, "ACC", DAY, "?", 1)], HOLDING)
    with pytest.raises(Refused) as caught:
        holdings.build_holdings(rows, sender=CUSTODIAN, receiver=US)
    assert [r.facts["field"] for r in caught.value.refusals] == ["20C", "13J", "93B:AGGR", "35B"]


# --- cash

TEXT_LINES = st.text(X_SET, min_size=1, max_size=64).filter(lambda line: line[0] not in ":-")
TEXTS = st.lists(TEXT_LINES, min_size=1, max_size=5).map("\n".join) | st.text("ABC xyz019", min_size=66, max_size=390)
REFERENCES = st.none() | st.from_regex(r"[A-Z0-9+.,-]{1,16}", fullmatch=True).filter(lambda r: r != "NONREF")
VALUE_DATES = st.dates(dt.date(1980, 1, 1), dt.date(2079, 12, 31))
ENTRIES = st.lists(
    st.tuples(VALUE_DATES, st.integers(-(10**11), 10**11), REFERENCES, REFERENCES, st.none() | TEXTS), max_size=4
)


def statement(
    number: int, currency: str, opening: int, entries: list[tuple[object, ...]]
) -> Iterator[tuple[object, ...]]:
    shared = (f"CASH{number}", number, f"DE{number}/EUR", currency, DAY, opening, opening + 1)
    for at, entry in enumerate(entries or [(None,) * 5], 1):
        yield (*shared, at if entries else None, *entry)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["EUR", "JPY", "KWD"]), st.integers(-(10**10), 10**10), ENTRIES), max_size=3))
def test_a_statement_of_cash_that_is_written_is_read_back(statements):
    rows = frame([row for n, one in enumerate(statements, 1) for row in statement(n, *one)], CASH)
    built = cash.build_cash(rows, sender=CUSTODIAN, receiver=US)
    parsed = cash.read_cash(built.data)
    assert parsed.bad.is_empty(), parsed.bad["errors"].to_list()
    assert parsed.good.select(rows.columns).equals(rows)
    assert_strictly_right(built)
    assert built.index["key"].to_list() == rows["statement"].unique(maintain_order=True).to_list()


BARE = """:20:REF1
:25:123/456
:28C:7/1
:60F:C261123EUR100,00
:61:2611241124D30,00NTRFI-4711//BANK1
EXTRA
:86:paid
:61:261124C5,NTRFNONREF
:62F:C261124EUR75,
-
"""


def test_a_statement_without_blocks_is_read_without_sender():
    parsed = cash.read_cash(f"ABNANL2A\n940\n{BARE}".encode())
    assert parsed.good.drop("start", "length", "ordinal").rows() == [
        ("REF1", 7, "123/456", "EUR", DAY, 10_000, 7_500, 1, DAY, -3_000, "I-4711", "BANK1", "EXTRA\npaid", None),
        ("REF1", 7, "123/456", "EUR", DAY, 10_000, 7_500, 2, DAY, 500, None, None, None, None),
    ]


def test_pages_of_a_cash_statement_are_one():
    second = (
        BARE.replace("28C:7/1", "28C:7/2")
        .replace("60F:C261123EUR100,00", "60M:C261124EUR75,")
        .replace("62F:C261124EUR75,", "62F:C261124EUR50,")
    )
    first = BARE.replace("62F", "62M")
    parsed = cash.read_cash((first + second).encode())
    assert parsed.bad.is_empty()
    assert parsed.good.select("opening_minor", "closing_minor", "entry").rows() == [
        (10_000, 5_000, n) for n in (1, 2, 3, 4)
    ]
    assert told(cash.read_cash(first.encode())) == [(1, "62M", "the page after is missing")]
    assert told(cash.read_cash(second.encode())) == [(1, "60M", "the page before is missing")]
    assert told(cash.read_cash((first + second.replace("60M:C261124EUR75,", "60M:C261124EUR76,")).encode())) == [
        (1, "28C", "another page of the statement is refused"),
        (2, "60M", "the closing balance of the page before"),
    ]


@pytest.mark.parametrize(
    ("before", "after", "field", "rule"),
    [
        (":25:123/456\n", "", "25a", "missing"),
        (":28C:7/1", ":28C:X", "28C", "format 5n[/5n]"),
        (":60F:C261123EUR100,00", ":60F:X261123EUR100,00", "60F", "format S6!d3!a15d"),
        (":60F:C261123EUR100,00", ":60F:C261131EUR100,00", "60F", "calendar_date"),
        (":60F:C261123EUR100,00", ":60F:C261123EUR100,001", "60F", "decimals_of_currency"),
        (":62F:C261124EUR75,", ":62F:C261124USD75,", "62a", "currency of the opening balance, EUR"),
        (":62F:C261124EUR75,\n", "", "62a", "missing"),
        ("D30,00NTRF", "X30,00NTRF", "61", "format of a statement line"),
        ("D30,00NTRF", "D30,001NTRF", "61", "decimals_of_currency"),
        (":61:261124C5,", ":61:261131C5,", "61", "calendar_date"),
        (":25:123/456\n", ":25:123/456\n:25:9\n", "25", "once"),
    ],
)
def test_each_error_of_a_cash_statement_has_its_name(before, after, field, rule):
    assert before in BARE
    parsed = cash.read_cash((BARE.replace(before, after) + BARE).encode())
    assert (1, field, rule) in told(parsed), told(parsed)
    assert parsed.good["ordinal"].unique().to_list() == [2]


def test_all_errors_of_a_cash_statement_come_at_once():
    wrong = BARE.replace(":25:123/456\n", "").replace("D30,00", "D30,001").replace(":62F:C", ":62F:X")
    assert {field for _, field, _ in told(cash.read_cash(wrong.encode()))} == {"25a", "61", "62F"}


def test_a_message_of_another_type_is_no_cash_statement():
    built = holdings.build_holdings(frame(list(held(1, [])), HOLDING), sender=CUSTODIAN, receiver=US)
    assert told(cash.read_cash(built.data)) == [(1, "2", "only MT 940")]
    assert cash.read_cash(b"date;amount\n").bad["reason"].to_list() == ["file_broken"]
    assert cash.read_cash(b"").bad.is_empty()


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        ((DAY, 1, "A" * 17, None, None), "format"),
        ((DAY, 1, "NONREF", None, None), "NONREF is no reference"),
        ((DAY, 1, "A//B", None, None), "a reference has no two slashes"),
        ((DAY, 1, None, None, "A" * 391), "format"),
        ((DAY, 1, None, None, "one\n:20:two"), "no line is empty or begins with : or -"),
        ((dt.date(1979, 1, 1), 1, None, None, None), "from 1980 to 2079"),
        ((DAY, 10**16, None, None, None), "format"),
    ],
)
def test_cash_that_cannot_be_said_is_refused(entry, rule):
    with pytest.raises(Refused) as caught:
        cash.build_cash(frame(list(statement(1, "EUR", 0, [entry])), CASH), sender=CUSTODIAN, receiver=US)
    assert rule in [r.facts["rule"] for r in caught.value.refusals]


# --- real statements of banks

# What the library that wrote the expected values says otherwise, and we don't: a reversed credit (RC) takes money away.
REVERSALS = {"sepa_mt9401"}
# Fragments and damaged files, which are no statements: each must be refused, not half read.
REFUSED = {
    "amount_formats",
    "currency_in_25",
    "empty_86",
    "empty_entry_date",
    "empty_line",
    "missing_crlf_at_end",
    "sepa_snippet_broken",
}
# Its second statement is a page (60M, 62M) without the pages around it.
PAGED = {"abnamro"}


@pytest.mark.skipif(not SAMPLES.exists(), reason="the MT 940 samples of the shared corpus are not here")
@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*/*.sta")), ids=lambda path: path.stem)
def test_a_bank_s_statement_is_read_as_expected(path):
    expected = json.loads((SAMPLES / f"{path.parent.name}__{path.stem}.json").read_text())
    parsed = cash.read_cash(path.read_bytes())
    if path.stem in REFUSED:
        assert parsed.good.is_empty()
        assert len(parsed.bad) == 1
        return
    assert len(parsed.bad) == (1 if path.stem in PAGED else 0), parsed.bad["errors"].to_list()
    good = parsed.good.filter(pl.col("entry").is_not_null())
    theirs = [one["data"] for one in expected["transactions"]][: len(good)]
    assert len(good) == len(expected["transactions"]) - (2 if path.stem in PAGED else 0)
    for row, other in zip(good.iter_rows(named=True), theirs, strict=True):
        amount = from_minor(row["amount_minor"], currency_scale(row["currency"]))
        sign = -1 if path.stem in REVERSALS and other["status"] in ("RC", "RD") else 1
        assert amount == sign * Decimal(other["amount"]["amount"])
        assert row["value_date"].isoformat() == other["date"]
        # The expected values take "//" and the bank's reference for a part of ours, and codes of the narrative too.
        theirs_too = (other["customer_reference"] or "").split("//")[0].rstrip("/").strip()
        if theirs_too and not theirs_too.startswith("KREF"):
            assert (row["reference"] or "NONREF") == theirs_too
        assert other["bank_reference"] in (None, row["bank_reference"])
    if path.stem not in PAGED:
        last = parsed.good.row(-1, named=True)
        closing = expected["data"]["final_closing_balance"]
        assert from_minor(last["closing_minor"], 2) == Decimal(closing["amount"]["amount"])
        assert last["day"].isoformat() == closing["date"]
        assert last["account"] == expected["data"]["account_identification"]


@pytest.mark.skipif(not SAMPLES.exists(), reason="the MT 940 samples of the shared corpus are not here")
def test_a_reversed_credit_takes_money_away_as_the_bank_s_own_balance_says():
    rows = cash.read_cash((SAMPLES / "betterplace/sepa_mt9401.sta").read_bytes()).good
    sums = rows.group_by("ordinal", maintain_order=True).agg(
        pl.col("opening_minor", "closing_minor").first(), pl.col("amount_minor").sum()
    )
    balanced = sums.filter(pl.col("opening_minor") + pl.col("amount_minor") == pl.col("closing_minor"))
    assert 1 in balanced["ordinal"].to_list()
    assert len(balanced) > len(sums) / 2
