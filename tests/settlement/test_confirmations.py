"""Confirmations: settled is final, and only what is the same in every field settles."""

import itertools
import json
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.departments.settlement.rules import confirmations, statuses
from nostro.messages.shapes import CONFIRMATION, STATUS, WHERE

DAY, CUTOFF = date(2026, 10, 13), datetime(2026, 10, 13, 14, tzinfo=UTC)
STATE = {
    "id": pl.Int64,
    "reference": pl.String,
    "direction": pl.String,
    "isin": pl.String,
    "quantity_micro": pl.Int64,
    "amount_minor": pl.Int64,
    "currency": pl.String,
    "account": pl.String,
    "processing": pl.String,
    "matching": pl.String,
    "settlement": pl.String,
    "settled_date": pl.Date,
    "trouble": pl.String,
    "reason": pl.String,
    "text": pl.String,
    "trouble_message": pl.Int64,
    "deadline": pl.Datetime("us", "UTC"),
}
RIGHT = {
    "direction": "receive",
    "isin": "DE000FCT0018",
    "quantity_micro": 5_000_000,
    "amount_minor": 123_456,
    "currency": "EUR",
    "settled_date": DAY,
    "account": "DEPOT-DE",
}


def instruction(axes: str = "accepted matched pending", *references: str, settled: date | None = None) -> pl.DataFrame:
    processing, matching, settlement = axes.split()
    fixed = {name: value for name, value in RIGHT.items() if name != "settled_date"}
    return pl.DataFrame(
        [
            {
                "id": n,
                "reference": reference,
                "processing": processing,
                "matching": matching,
                "settlement": settlement,
                "settled_date": settled,
                "deadline": CUTOFF,
                **fixed,
            }
            for n, reference in enumerate(references or ("R1",), 1)
        ],
        schema=STATE,
    )


def confirmed(*said: dict[str, object]) -> pl.DataFrame:
    """Each what it says otherwise than the right confirmation of R1."""
    rows = [
        {
            "ordinal": n,
            "start": 0,
            "length": 1,
            "reference": "R1",
            "sender": "FCSDDEFFXXX",
            "message": 70 + n,
            **RIGHT,
            **s,
        }
        for n, s in enumerate(said, 1)
    ]
    return pl.DataFrame(rows, schema={**WHERE, **CONFIRMATION, "message": pl.Int64})


def axes(state: pl.DataFrame) -> str:
    return " ".join(state.select(*statuses.AXES).row(0))


@pytest.mark.parametrize(
    ("before", "said", "after", "reasons", "duplicates"),
    [
        ("accepted matched pending", [{}], "accepted matched settled", [], []),
        ("sent none pending", [{}], "accepted matched settled", [], []),
        ("accepted unmatched failing", [{}], "accepted matched settled", [], []),
        ("accepted matched pending", [{}, {}], "accepted matched settled", [], [2]),
        (
            "accepted matched pending",
            [{"amount_minor": 1}, {}],
            "accepted matched settled",
            ["confirmation_differs"],
            [],
        ),
        (
            "accepted matched pending",
            [{}, {"amount_minor": 1}],
            "accepted matched settled",
            ["confirmation_differs"],
            [],
        ),
        (
            "accepted matched pending",
            [{}, {"settled_date": date(2026, 10, 14)}],
            "accepted matched settled",
            ["confirmation_differs"],
            [],
        ),
        *(
            ("accepted matched pending", [{name: value}], "accepted matched pending", ["confirmation_differs"], [])
            for name, value in {
                "direction": "deliver",
                "isin": "DE000FCT0026",
                "quantity_micro": 5_000_001,
                "amount_minor": 123_457,
                "currency": "USD",
                "account": "DEPOT-UK",
            }.items()
        ),
        ("accepted matched pending", [{"account": None}], "accepted matched pending", ["confirmation_differs"], []),
        ("rejected none pending", [{}], "rejected none pending", ["confirmation_unexpected"], []),
        ("cancelled none pending", [{}], "cancelled none pending", ["confirmation_unexpected"], []),
        ("created none pending", [{}], "created none pending", ["confirmation_unexpected"], []),
        (
            "accepted matched pending",
            [{"reference": "R9"}],
            "accepted matched pending",
            ["confirmation_unknown"],
            [],
        ),
    ],
)
def test_confirmations_settle_or_say_why_not(before, said, after, reasons, duplicates):
    result = confirmations.confirm(confirmed(*said), instruction(before))
    assert axes(result.state) == after
    assert result.refused["reason"].to_list() == reasons
    assert result.duplicates["ordinal"].to_list() == duplicates
    assert result.settled.height + result.refused.height + result.duplicates.height == len(said)
    assert result.state["settled_date"].to_list() == ([DAY] if after.endswith("settled") else [None])


def test_what_settled_on_an_earlier_day_stays_settled():
    settled = instruction("accepted matched settled", settled=DAY)
    again = confirmations.confirm(confirmed({}), settled)
    assert again.duplicates["ordinal"].to_list() == [1]
    assert again.settled.is_empty()
    other = confirmations.confirm(confirmed({"settled_date": date(2026, 10, 14)}), settled)
    assert other.refused["reason"].to_list() == ["confirmation_differs"]
    assert other.state["settled_date"].to_list() == [DAY]


def test_all_differences_are_told_beside_each_other():
    (row,) = confirmations.confirm(
        confirmed({"quantity_micro": 6_500_000, "amount_minor": 123_400, "account": None}), instruction()
    ).refused.iter_rows(named=True)
    facts = json.loads(row["facts"])
    assert facts["fields"] == "quantity, amount, account"
    assert facts["ours"] == "quantity 5, amount 1234.56 EUR, account DEPOT-DE"
    assert facts["theirs"] == "quantity 6.5, amount 1234.00 EUR, account -"
    assert (row["subject"], row["money_minor"], row["currency"]) == ("instruction/R1", 123_456, "EUR")
    assert (row["message"], row["deadline"]) == (71, CUTOFF)


def test_settling_ends_the_trouble():
    troubled = instruction("accepted matched failing").with_columns(
        trouble=pl.lit("lack_of_securities"), reason=pl.lit("LACK")
    )
    state = confirmations.confirm(confirmed({}), troubled).state
    assert state.select("trouble", "reason").row(0) == (None, None)


MOVES = st.lists(
    st.sampled_from(["ACPT", "REJT", "CANC", "MACH", "NMAT CMIS", "PEND", "PENF LACK", "right", "wrong"]), max_size=25
)
AXIS_OF = {code: axis for axis, code in statuses.STEPS}


@settings(deadline=None)
@given(MOVES)
def test_whatever_the_street_says_settled_is_final_and_every_state_is_legal(moves):
    state = instruction("sent none pending").with_columns(amount_minor=pl.lit(123_456, pl.Int64))
    history = [axes(state).split()]
    settlements = 0
    for number, move in enumerate(moves, 1):
        if move in ("right", "wrong"):
            result = confirmations.confirm(confirmed({} if move == "right" else {"amount_minor": 7}), state)
            state, settlements = result.state, settlements + result.settled.height
            assert move == "right" or result.settled.is_empty(), "a wrong confirmation settles nothing"
        else:
            code, *reason = move.split()
            row = (1, 0, 1, "R1", AXIS_OF[code], code, reason[0] if reason else None, "", "FCSDDEFFXXX", number)
            said = pl.DataFrame([row], schema={**WHERE, **STATUS, "message": pl.Int64}, orient="row")
            state = statuses.fold(said, state).state
        history.append(axes(state).split())
    for before, after in itertools.pairwise(history):
        assert before[2] != "settled" or after == before, "settled is final"
        assert before[0] not in ("rejected", "cancelled") or after == before, "what is out stays out"
        assert after[2] != "settled" or after[1] == "matched", "matched before settled"
        assert not (before[1] == "matched" and after[1] != "matched"), "matched stays matched"
    assert settlements == (history[-1][2] == "settled"), "delivered and paid once"
