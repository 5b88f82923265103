"""Holdings: position by position."""

from datetime import date

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.departments.reconciliation.rules import holdings

DAY = date(2026, 10, 13)
PRICES = pl.DataFrame({"isin": ["DE1", "JP1"], "price_micro": [10_000_000, 5_000_000], "currency": ["EUR", "JPY"]})


def _compare(theirs, ours):
    """Both sides as {isin: units}."""
    left = pl.DataFrame(
        [("D", DAY, 1, isin, int(units * 10**6)) for isin, units in theirs],
        schema={
            "account": pl.String,
            "day": pl.Date,
            "statement": pl.Int64,
            "item": pl.String,
            "quantity_micro": pl.Int64,
        },
        orient="row",
    )
    right = pl.DataFrame(
        [("D", DAY, isin, units * 10**6) for isin, units in ours],
        schema={"account": pl.String, "day": pl.Date, "item": pl.String, "quantity_micro": pl.Int64},
        orient="row",
    )
    return holdings.compare(left, right)


def test_a_position_differs_when_its_units_do_or_when_one_side_has_none():
    # custodian                    | ledger         | break: subject, at risk, currency
    table = [
        ([("DE1", 5)], [("DE1", 5)], []),
        ([("DE1", 5)], [("DE1", 7)], [("holding/D/DE1", 20_00, "EUR")]),
        ([], [("DE1", 7)], [("holding/D/DE1", 70_00, "EUR")]),
        ([("DE1", 5)], [], [("holding/D/DE1", 50_00, "EUR")]),
        ([("JP1", 5)], [], [("holding/D/JP1", 25, "JPY")]),
        ([("XX1", 5)], [], [("holding/D/XX1", None, None)]),
        ([("DE1", 5), ("DE1", 2)], [("DE1", 7)], []),
        ([("DE1", 0)], [], []),
        ([], [("DE1", 0)], []),
        ([("DE1", 0.5)], [("DE1", 1)], [("holding/D/DE1", 5_00, "EUR")]),
    ]
    for theirs, ours, breaks in table:
        told = holdings.told(_compare(theirs, ours), PRICES)
        assert told.select("subject", "money_minor", "currency").rows() == breaks, (theirs, ours)
        assert set(told["reason"]) <= {"holding_differs"}


def test_the_facts_are_units_without_needless_zeros():
    told = holdings.told(_compare([("DE1", 1200.5)], []), PRICES)
    assert '"theirs":"1200.5","ours":"0","difference":"1200.5"' in told["facts"][0]


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("ABCDE"), st.integers(1, 10**6), max_size=5), st.randoms(), st.data())
def test_a_statement_of_our_own_positions_has_no_break_and_one_altered_line_has_one(ours, random, data):
    theirs = list(ours.items())
    random.shuffle(theirs)
    lines = _compare(theirs, list(ours.items()))
    assert lines["reason"].null_count() == lines.height == len(ours)
    if theirs:
        at = data.draw(st.integers(0, len(theirs) - 1))
        isin, units = theirs[at]
        other = data.draw(st.integers(0, 10**6).filter(lambda n: n != units))
        altered = _compare([*theirs[:at], (isin, other), *theirs[at + 1 :]], list(ours.items()))
        assert holdings.broken(altered)["subject"].to_list() == [f"holding/D/{isin}"]
