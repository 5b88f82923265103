"""One row for each rule a reference file may break."""

import json
from datetime import date

import polars as pl
import pytest

from nostro.messages.marketfiles import KINDS, frame_names
from nostro.messages.shapes import WHERE
from nostro.reference.rules import prices, static

GOOD = {
    "entities.csv": {"code": "EUB", "name": "Fictitious Brokers", "name_zh": "虚构证券", "kind": "broker", "currency": "EUR",
                     "lei": "5493001KJTIIGC8Y1R12", "bic": "FCEUDEFFXXX"},
    "markets.csv": {"mic": "XETR", "valid_from": date(2020, 1, 1), "name": "Xetra", "name_zh": "西特拉", "currency": "EUR",
                    "place_bic": "FCSDDEFFXXX", "ccp_bic": "FCCPDEFFXXX", "dialect": "iso", "cycle_days": 2,
                    "exchange_calendar": "XETR", "bank_calendar": "TARGET", "timezone": "Europe/Berlin",
                    "cutoff": "16:00", "price_tolerance_bp": 500, "fee_bp_micro": 1_500_000, "tax_buy_bp_micro": 0,
                    "tax_sell_bp_micro": 0},
    "instruments.csv": {"isin": "DE0007164600", "name": "Fictitious Motors", "name_zh": "虚构汽车", "cfi": "ESVUFR",
                        "currency": "EUR", "mic": "XETR", "scale": 0},
    "parties.csv": {"bic": "FCBKDEFFXXX", "lei": "5493001KJTIIGC8Y1R12", "name": "Fictitious Bank",
                    "name_zh": "虚构银行", "kind": "counterparty"},
    "prices.csv": {"isin": "DE0007164600", "day": date(2026, 10, 12), "price_micro": 50_000_000, "currency": "EUR"},
    "fx.csv": {"base": "EUR", "quote": "USD", "day": date(2026, 10, 12), "rate_e8": 117_000_000},
    "books.csv": {"code": "FLOW", "name": "Flow", "name_zh": "做市", "is_block": "no"},
    "accounts.csv": {"number": "CASH-DE", "currency": "EUR", "kind": "cash", "servicer_bic": "FCAGDEFFXXX",
                     "place_bic": "FCSDDEFFXXX"},
    "ssis.csv": {"party_bic": "FCBKDEFFXXX", "place_bic": "FCSDDEFFXXX", "valid_from": date(2020, 1, 1),
                 "agent_bic": "FCAGDEFFXXX", "account": "7711"},
}  # fmt: skip


def _rows(kind: str, *changes: dict) -> pl.DataFrame:
    columns = frame_names(KINDS[kind])
    schema = {**WHERE, **{there: KINDS[kind][here].dtype for here, there in columns.items()}}
    rows = [
        {"ordinal": n, "start": n * 100, "length": 99, **GOOD[kind], **change} for n, change in enumerate(changes, 1)
    ]
    return pl.DataFrame(rows, schema=schema)


def _bad(kind: str, *changes: dict) -> dict[int, list[str]]:
    judged = static.judge(kind, _rows(kind, *changes))
    assert judged.good.height + judged.bad.height == len(changes)
    return {
        n: [e["facts"]["column"] for e in json.loads(errors)]
        for n, errors in judged.bad.select("ordinal", "errors").rows()
    }


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_a_good_row_passes_and_may_be_repeated_word_for_word(kind):
    assert _bad(kind, {}, {}) == {}


@pytest.mark.parametrize(
    ("kind", "change", "column"),
    [
        ("entities.csv", {"code": "eub"}, "code"),
        ("entities.csv", {"code": "HOUSE"}, "code"),
        ("entities.csv", {"lei": "5493001KJTIIGC8Y1R13"}, "lei"),
        ("entities.csv", {"bic": "FCEUZZFFXXX"}, "bic"),
        ("entities.csv", {"currency": "eur"}, "currency"),
        ("entities.csv", {"name": "x" * 81}, "name"),
        ("markets.csv", {"mic": "XET"}, "mic"),
        ("markets.csv", {"cycle_days": 6}, "cycle_days"),
        ("markets.csv", {"exchange_calendar": "XTKS"}, "exchange_calendar"),
        ("markets.csv", {"bank_calendar": "XETR"}, "bank_calendar"),
        ("markets.csv", {"timezone": "Europe/Frankfurt"}, "timezone"),
        ("markets.csv", {"cutoff": "24:00"}, "cutoff"),
        ("markets.csv", {"price_tolerance_bp": -1}, "price_tolerance_bp"),
        ("markets.csv", {"fee_bp_micro": -1}, "fee_bp_micro"),
        ("markets.csv", {"ccp_bic": "FCCP"}, "ccp_bic"),
        ("instruments.csv", {"isin": "DE0007164601"}, "isin"),
        ("instruments.csv", {"cfi": "ES"}, "cfi"),
        ("instruments.csv", {"scale": 7}, "scale"),
        ("parties.csv", {"lei": "X"}, "lei"),
        ("prices.csv", {"price_micro": 0}, "price_micro"),
        ("prices.csv", {"currency": "EURO"}, "currency"),
        ("fx.csv", {"quote": "US"}, "quote"),
        ("fx.csv", {"rate_e8": 0}, "rate_e8"),
        ("books.csv", {"code": "A/B"}, "code"),
        ("books.csv", {"code": "x" * 21}, "code"),
        ("accounts.csv", {"currency": None}, "currency"),
        ("accounts.csv", {"kind": "securities"}, "currency"),
        ("accounts.csv", {"number": "A/B"}, "number"),
        ("ssis.csv", {"agent_bic": "nobody"}, "agent_bic"),
        ("ssis.csv", {"account": "7" * 36}, "account"),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused_in_that_column_and_the_others_stay(kind, change, column):
    assert _bad(kind, {}, change) == {2: [column]}


def test_a_securities_account_has_no_currency():
    assert _bad("accounts.csv", {"kind": "securities", "currency": None}) == {}


def test_all_errors_of_a_row_are_told_at_once():
    assert _bad("instruments.csv", {"isin": "DE00", "cfi": "1", "currency": "E", "scale": -1}) == {
        1: ["isin", "cfi", "scale", "currency"]
    }


def test_a_row_that_contradicts_an_earlier_one_is_refused():
    assert _bad("prices.csv", {}, {"price_micro": 51_000_000}, {}, {"day": date(2026, 10, 9)}) == {2: ["isin, day"]}


def test_the_scale_of_an_instrument_the_ledger_counts_in_never_changes():
    rows = _rows("instruments.csv", {"scale": 0}, {"isin": "US0378331005", "scale": 2})
    known = pl.DataFrame({"isin": ["DE0007164600", "US0378331005"], "scale": [0, 0]})
    assert list(static.scale_changes(rows, known)) == [2]


DAY = date(2026, 10, 13)
LAST = date(2026, 10, 12)
GOLDEN = pl.DataFrame(
    [("A", "Alpha", "EUR", "XETR"), ("B", "Beta", "EUR", "XETR"), ("C", "Gamma", "CNY", "XSHG")],
    schema=["isin", "name", "currency", "mic"],
    orient="row",
)
BEFORE = pl.DataFrame(
    [("A", 100, LAST), ("B", 200, LAST), ("C", 400, LAST)], schema=["isin", "price_micro", "day"], orient="row"
)


def _close(*lines: tuple, shut: tuple[str, ...] = ()) -> tuple[list, list]:
    frame = pl.DataFrame(
        lines, schema={"isin": pl.String, "day": pl.Date, "price_micro": pl.Int64, "currency": pl.String}, orient="row"
    )
    usable, refused = prices.close(frame, GOLDEN, BEFORE, DAY, shut)
    return usable.select("isin", "price_micro").rows(), refused.select("subject", "reason").rows()


def test_a_price_is_used_when_it_is_of_the_day_and_near_the_last():
    assert _close(("A", DAY, 125, "EUR"), ("B", DAY, 150, "EUR"), ("C", DAY, 400, "CNY")) == (
        [("A", 125), ("B", 150), ("C", 400)],
        [],
    )


def test_wild_stale_and_missing_prices_are_not_used():
    assert _close(("A", DAY, 126, "EUR"), ("B", LAST, 200, "EUR")) == (
        [],
        [("price/A", "price_wild"), ("price/B", "price_stale"), ("price/C", "price_missing")],
    )
    assert _close(("A", DAY, 74, "EUR"), ("B", DAY, 200, "EUR"), ("C", DAY, 400, "CNY"))[1] == [
        ("price/A", "price_wild")
    ]


def test_on_a_day_its_exchange_was_shut_an_instrument_needs_no_price():
    lines = (("A", DAY, 100, "EUR"), ("B", DAY, 200, "EUR"))
    assert _close(*lines, shut=("XSHG",)) == ([("A", 100), ("B", 200)], [])
    assert _close(*lines, ("C", LAST, 400, "CNY"), shut=("XSHG",)) == ([("A", 100), ("B", 200), ("C", 400)], [])


def test_the_newer_of_two_lines_counts_and_an_unknown_instrument_is_not_measured():
    lines = (
        ("A", DAY, 101, "EUR"),
        ("A", LAST, 100, "EUR"),
        ("B", DAY, 200, "EUR"),
        ("C", DAY, 400, "CNY"),
        ("Z", DAY, 1, "EUR"),
    )
    assert _close(*lines) == ([("A", 101), ("B", 200), ("C", 400), ("Z", 1)], [])


def test_a_line_of_a_later_day_or_in_another_currency_cannot_be_meant():
    lines = _rows(
        "prices.csv", {}, {"day": date(2026, 10, 14)}, {"currency": "USD"}, {"isin": "US0378331005", "currency": "USD"}
    )
    golden = pl.DataFrame({"isin": ["DE0007164600"], "currency": ["EUR"]})
    judged = prices.lines_usable(lines, golden, DAY)
    assert (judged.good["ordinal"].to_list(), judged.bad["ordinal"].to_list()) == ([1, 4], [2, 3])
