"""Statements: which are accepted, which are odd, which are refused."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.departments.reconciliation.rules import statements

DAY = date(2026, 10, 13)
SCHEMA = pl.Schema(
    {
        "message": pl.Int64,
        "account": pl.String,
        "currency": pl.String,
        "statement": pl.String,
        "sequence": pl.Int64,
        "day": pl.Date,
        "opening_minor": pl.Int64,
        "closing_minor": pl.Int64,
        "entries_minor": pl.Int64,
    }
)
LAST = pl.DataFrame({"account": ["CASH"], "currency": ["EUR"], "sequence": [7], "closing_minor": [100_00]})
KNOWN = pl.DataFrame({"account": ["CASH"], "currency": ["EUR"], "statement": ["S7"]})
ACCOUNTS = pl.DataFrame({"account": ["CASH", "NEW", "DEPOT"], "currency": ["EUR", "USD", ""]})
GOOD = {
    "account": "CASH",
    "currency": "EUR",
    "statement": "S8",
    "sequence": 8,
    "day": DAY,
    "opening_minor": 100_00,
    "closing_minor": 150_00,
    "entries_minor": 50_00,
}


def _judge(*rows):
    frame = pl.DataFrame([{"message": n, **GOOD, **row} for n, row in enumerate(rows, 1)], schema=SCHEMA)
    return statements.judge(frame, last=LAST, known=KNOWN, accounts=ACCOUNTS, day=DAY)


@pytest.mark.parametrize(
    ("row", "accepted", "reasons"),
    [
        ({}, 1, []),
        ({"statement": "S7"}, 0, ["statement_duplicate"]),
        ({"sequence": 11}, 1, ["statement_out_of_sequence"]),
        ({"sequence": 7}, 1, ["statement_out_of_sequence"]),
        ({"opening_minor": 90_00, "closing_minor": 140_00}, 1, ["statement_opening_differs"]),
        (
            {"sequence": 11, "opening_minor": 90_00, "closing_minor": 140_00},
            1,
            ["statement_opening_differs", "statement_out_of_sequence"],
        ),
        ({"closing_minor": 150_01}, 0, ["statement_does_not_add_up"]),
        ({"account": "OTHER"}, 0, ["statement_account_unknown"]),
        ({"currency": "USD"}, 0, ["statement_account_unknown"]),
        ({"day": date(2026, 10, 14)}, 0, ["statement_day_ahead"]),
        ({"day": date(2026, 10, 12)}, 1, []),
        ({"account": "NEW", "currency": "USD", "sequence": 900, "opening_minor": 0, "entries_minor": 150_00}, 1, []),
        (
            {
                "account": "DEPOT",
                "currency": "",
                "opening_minor": None,
                "closing_minor": None,
                "entries_minor": None,
                "sequence": 5,
            },
            1,
            [],
        ),
    ],
)
def test_a_statement_is_accepted_when_it_follows_the_last_and_adds_up(row, accepted, reasons):
    judged = _judge(row)
    assert (judged.accepted.height, judged.refused.height) == (accepted, 1 - accepted)
    assert judged.told["reason"].to_list() == reasons
    assert set(judged.told["subject"]) <= {f"statement/{row.get('account', 'CASH')}/{row.get('statement', 'S8')}"}


def test_what_an_odd_opening_puts_at_risk_is_the_difference():
    told = _judge({"opening_minor": 90_00, "closing_minor": 140_00}).told
    assert told.select("money_minor", "currency").rows() == [(10_00, "EUR")]
    assert '"opening":"90.00","previous":"100.00"' in told["facts"][0]


def test_two_statements_of_a_day_follow_each_other_whatever_came_first():
    first, second = {}, {"statement": "S9", "sequence": 9, "opening_minor": 150_00, "closing_minor": 200_00}
    for rows in ([first, second], [second, first]):
        judged = _judge(*rows)
        assert judged.told.is_empty()
        assert judged.accepted.select("statement", "previous_minor").rows() == [("S8", 100_00), ("S9", 150_00)]


def test_a_statement_that_comes_twice_counts_once_and_a_correction_follows_a_wrong_one():
    assert _judge({}, {}).told.select("reason", "message").rows() == [("statement_duplicate", 2)]
    judged = _judge({"closing_minor": 1}, {})
    assert judged.accepted["message"].to_list() == [2]
    assert judged.told["reason"].to_list() == ["statement_does_not_add_up"]


def test_an_account_without_a_statement_is_told():
    told = statements.missing(ACCOUNTS, DAY)
    assert told.select("reason", "subject").rows() == [
        ("statement_missing", "statement/CASH/EUR/2026-10-13"),
        ("statement_missing", "statement/DEPOT/2026-10-13"),
        ("statement_missing", "statement/NEW/USD/2026-10-13"),
    ]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["S7", "S8", "S9"]), st.integers(6, 10), st.integers(0, 2), st.integers(0, 2)),
        max_size=8,
    )
)
def test_every_statement_is_accepted_or_refused_and_every_refusal_is_told(rows):
    judged = _judge(
        *(
            {"statement": s, "sequence": n, "opening_minor": a, "closing_minor": b, "entries_minor": 1}
            for s, n, a, b in rows
        )
    )
    assert sorted([*judged.accepted["message"], *judged.refused["message"]]) == list(range(1, len(rows) + 1))
    assert set(judged.refused["message"]) <= set(judged.told["message"])
    assert judged.accepted["statement"].is_unique().all()
