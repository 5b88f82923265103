"""Agreement with the CCP: every obligation is the same on both sides, or has a reason why not."""

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest

from nostro.departments.clearing.rules import agree

DAY, CCP = date(2026, 10, 13), "FCCPDEFFXXX"
CUTOFF = datetime(2026, 10, 13, 14, tzinfo=UTC)
OURS = {
    "ccp_bic": pl.String,
    "isin": pl.String,
    "settle_date": pl.Date,
    "currency": pl.String,
    "direction": pl.String,
    "net": pl.Int64,
    "quantity_micro": pl.Int64,
    "cash_minor": pl.Int64,
    "is_agreed": pl.Boolean,
    "deadline": pl.Datetime("us", "UTC"),
}
THEIRS = {
    **dict(list(OURS.items())[:5]),
    "quantity_micro": pl.Int64,
    "cash_e4": pl.Int64,
    "message": pl.Int64,
    "deadline": pl.Datetime("us", "UTC"),
}
Row = tuple[str, str, int, int]


def compare(ours: list[tuple[str, str, int, int, bool]], theirs: list[Row], currency: str = "EUR") -> agree.Compared:
    """ours (isin, direction, units, cash minor, agreed already); theirs (isin, direction, units, ten-thousandths)."""
    mine = [
        (CCP, isin, DAY, currency, way, 100 + n, units * 10**6, cash, agreed, CUTOFF)
        for n, (isin, way, units, cash, agreed) in enumerate(ours)
    ]
    said = [
        (CCP, isin, DAY, currency, way, units * 10**6, cash, 7 + n, CUTOFF)
        for n, (isin, way, units, cash) in enumerate(theirs)
    ]
    return agree.compare(pl.DataFrame(mine, schema=OURS, orient="row"), pl.DataFrame(said, schema=THEIRS, orient="row"))


@pytest.mark.parametrize(
    ("case", "ours", "theirs", "agreed", "reasons"),
    [
        ("the same", [("A", "receive", 5, 1000, False)], [("A", "receive", 5, 100_000)], [100], []),
        (
            "another quantity",
            [("A", "receive", 5, 1000, False)],
            [("A", "receive", 6, 100_000)],
            [],
            ["obligation_differs"],
        ),
        ("a cent more", [("A", "receive", 5, 1000, False)], [("A", "receive", 5, 100_100)], [], ["obligation_differs"]),
        (
            "a part of a cent more",
            [("A", "receive", 5, 1000, False)],
            [("A", "receive", 5, 100_001)],
            [],
            ["obligation_differs"],
        ),
        ("they have nothing", [("A", "receive", 5, 1000, False)], [], [], ["obligation_missing"]),
        ("we have nothing", [], [("A", "receive", 5, 100_000)], [], ["obligation_unknown"]),
        (
            "the other direction is another obligation",
            [("A", "receive", 5, 1000, False)],
            [("A", "deliver", 5, 100_000)],
            [],
            ["obligation_missing", "obligation_unknown"],
        ),
        (
            "a strange net stays a purchase and a sale",
            [("A", "receive", 5, 1000, False), ("A", "deliver", 4, 1010, False)],
            [("A", "deliver", 4, 101_000), ("A", "receive", 5, 100_000)],
            [100, 101],
            [],
        ),
        (
            "two of our nets behind one of theirs",
            [("A", "receive", 5, 1000, False), ("A", "receive", 2, 390, False)],
            [("A", "receive", 7, 139_000)],
            [100, 101],
            [],
        ),
        (
            "they report only what is new",
            [("A", "receive", 5, 1000, True), ("A", "receive", 2, 390, False)],
            [("A", "receive", 2, 39_000)],
            [101],
            [],
        ),
        (
            "they report everything again",
            [("A", "receive", 5, 1000, True), ("A", "receive", 2, 390, False)],
            [("A", "receive", 7, 139_000)],
            [101],
            [],
        ),
        ("agreed before and said again", [("A", "receive", 5, 1000, True)], [("A", "receive", 5, 100_000)], [], []),
        (
            "agreed before, but now they say another figure",
            [("A", "receive", 5, 1000, True)],
            [("A", "receive", 5, 100_100)],
            [],
            ["obligation_differs"],
        ),
        ("agreed before and not repeated", [("A", "receive", 5, 1000, True)], [], [], []),
    ],
)
def test_obligations_are_compared(case, ours, theirs, agreed, reasons):
    result = compare(ours, theirs)
    assert result.agreed["net"].to_list() == agreed, case
    assert sorted(result.refused["reason"]) == reasons, case


def test_a_difference_shows_both_sides_to_a_clerk():
    (row,) = compare(
        [("DE000FCT0018", "receive", 1200, 5_432_100, False)], [("DE000FCT0018", "receive", 1300, 588_477_500)]
    ).refused.iter_rows(named=True)
    assert row["subject"] == f"obligation/{CCP}/DE000FCT0018/2026-10-13/EUR/receive"
    facts = json.loads(row["facts"])
    assert (facts["ours_quantity"], facts["ours_cash"]) == ("1200", "54321.00")
    assert (facts["theirs_quantity"], facts["theirs_cash"]) == ("1300", "58847.75")
    assert (row["money_minor"], row["currency"], row["message"], row["deadline"]) == (5_884_775, "EUR", 7, CUTOFF)


def test_parts_of_a_minor_unit_are_shown_as_the_ccp_wrote_them():
    (row,) = compare([("A", "receive", 1, 500, False)], [("A", "receive", 1, 5_000_001)], "JPY").refused.iter_rows(
        named=True
    )
    facts = json.loads(row["facts"])
    assert (facts["ours_cash"], facts["theirs_cash"]) == ("500", "500.0001")


def test_agreement_names_the_message_in_which_the_ccp_said_so():
    result = compare([("A", "receive", 5, 1000, False)], [("B", "receive", 1, 1), ("A", "receive", 5, 100_000)])
    assert result.agreed.rows() == [(100, CCP, 8, "net/100")]


@pytest.mark.parametrize(("currency", "e4"), [("EUR", 39_000), ("JPY", 3_900_000), ("KWD", 3900)])
def test_each_currency_is_compared_in_its_own_decimals(currency, e4):
    ours = [("A", "receive", 5, 1000, True), ("A", "receive", 2, 390, False)]
    assert compare(ours, [("A", "receive", 2, e4)], currency).agreed["net"].to_list() == [101]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, None),
        ({"ccp_bic": "FCCPDEFFXXXX"}, "ccp_bic (form)"),
        ({"isin": "DE000FCT0017"}, "isin (check_digit)"),
        ({"isin": "A security with a long name"}, "isin (form)"),
        ({"currency": "EURO", "quantity_micro": 0}, "currency (form), quantity (above 0)"),
        ({"cash_e4": -1}, "cash (above 0)"),
    ],
)
def test_a_line_that_names_no_possible_obligation_is_left_out(change, wrong):
    good = {"isin": "DE000FCT0018", "direction": "receive", "quantity_micro": 1, "cash_e4": 1}
    line = {"ordinal": 4, "subject": "message/o.csv/4", "ccp_bic": CCP, "settle_date": DAY, "currency": "EUR", **good}
    sifted = agree.sift(pl.DataFrame([{**line, **change}]))
    told = [json.loads(facts)["wrong"] for facts in sifted.refused["facts"]]
    assert told == ([wrong] if wrong else [])
    assert sifted.good.height == (0 if wrong else 1)
    assert sifted.refused.select("reason", "subject", "ordinal").rows() == (
        [("obligation_invalid", "message/o.csv/4", 4)] if wrong else []
    )
