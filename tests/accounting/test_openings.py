"""Openings: what may stand at the beginning of the books, and all that speaks against a line."""

import polars as pl
import pytest

from nostro.departments.accounting.rules import openings

BOOKS = pl.DataFrame({"code": ["FLOW"], "is_block": [False]})
INSTRUMENTS = pl.DataFrame(
    {"isin": ["DE1", "JP1"], "currency": ["EUR", "JPY"], "scale": [0, 2]}, schema_overrides={"scale": pl.Int64}
)
DEPOTS = pl.DataFrame({"number": ["DEPOT"]})
CASH = pl.DataFrame({"number": ["CASH", "YEN"], "currency": ["EUR", "JPY"]})
NONE = pl.Series([], dtype=pl.String)
POSITION = {
    "book": "FLOW",
    "isin": "DE1",
    "quantity_micro": 5_000_000,
    "cost_e4": 7_0000,
    "currency": "EUR",
    "account": "DEPOT",
}
BALANCE = {"account": "CASH", "currency": "EUR", "amount_e4": 12_0000, "sequence": 4, "statement": "S4"}


def _positions(*rows, opened=NONE):
    frame = pl.DataFrame([{"ordinal": n, **POSITION, **row} for n, row in enumerate(rows, 1)])
    return openings.positions(frame, books=BOOKS, instruments=INSTRUMENTS, accounts=DEPOTS, opened=opened)


def _cash(*rows, opened=NONE):
    frame = pl.DataFrame([{"ordinal": n, **BALANCE, **row} for n, row in enumerate(rows, 1)])
    return openings.cash(frame, accounts=CASH, opened=opened)


def test_a_position_is_counted_in_its_own_decimals_and_its_cost_in_cents():
    good, bad = _positions({}, {"isin": "JP1", "currency": "JPY", "quantity_micro": 1_500_000, "cost_e4": 900_0000})
    assert good.select("subject", "quantity", "cost_minor").rows() == [
        ("opening/FLOW/DE1/DEPOT", 5, 700),
        ("opening/FLOW/JP1/DEPOT", 150, 900),
    ]
    assert bad.is_empty()


@pytest.mark.parametrize(
    ("line", "reasons"),
    [
        ({"book": "X"}, {"opening_unknown": "book X"}),
        ({"isin": "X"}, {"opening_unknown": "ISIN X"}),
        ({"account": "X", "book": "Y"}, {"opening_unknown": "book Y; account X"}),
        ({"quantity_micro": 0}, {"opening_invalid": "the quantity is not positive"}),
        ({"quantity_micro": 5_500_000}, {"opening_invalid": "the quantity has more than 0 decimals"}),
        ({"cost_e4": -1_0000}, {"opening_invalid": "the cost is negative"}),
        ({"cost_e4": 1}, {"opening_invalid": "the cost has more decimals than EUR"}),
        ({"currency": "USD"}, {"opening_invalid": "the currency is USD, the instrument's EUR"}),
        (
            {"book": "X", "quantity_micro": -1_000_000},
            {"opening_unknown": "book X", "opening_invalid": "the quantity is not positive"},
        ),
    ],
)
def test_a_line_that_cannot_be_opened_says_all_its_reasons(line, reasons):
    good, bad = _positions({}, line)
    assert good["ordinal"].to_list() == [1]
    assert {r["reason"]: _told(r["facts"]) for r in bad.to_dicts()} == reasons
    assert set(bad["ordinal"]) == {2}


def _told(facts):
    told = pl.Series([facts]).str.json_decode(pl.Struct({"unknown": pl.String, "rule": pl.String}))[0]
    return told["unknown"] or told["rule"]


def test_the_same_position_is_opened_once():
    good, bad = _positions({}, {}, opened=NONE)
    assert (good["ordinal"].to_list(), bad.select("reason", "ordinal").rows()) == ([1], [("opening_repeated", 2)])
    good, bad = _positions({}, opened=pl.Series(["opening/FLOW/DE1/DEPOT"]))
    assert (good.height, bad["reason"].to_list()) == (0, ["opening_repeated"])


def test_cash_is_opened_in_minor_units_and_may_be_overdrawn():
    good, bad = _cash({}, {"account": "YEN", "currency": "JPY", "amount_e4": -500_0000})
    assert good.select("subject", "amount_minor", "sequence", "statement").rows() == [
        ("opening/CASH/EUR", 1200, 4, "S4"),
        ("opening/YEN/JPY", -500, 4, "S4"),
    ]
    assert bad.is_empty()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"currency": "JPY"}, "opening_unknown"),
        ({"account": "X"}, "opening_unknown"),
        ({"amount_e4": 1}, "opening_invalid"),
        ({"sequence": -1}, "opening_invalid"),
        ({}, "opening_repeated"),
    ],
)
def test_cash_that_cannot_be_opened_is_refused_with_its_reason(line, reason):
    good, bad = _cash({}, line)
    assert (good["ordinal"].to_list(), bad.select("reason", "ordinal").rows()) == ([1], [(reason, 2)])
