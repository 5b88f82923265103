"""Status messages folded into the three axes: one row for each reason, and walks at random."""

import json
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.departments.settlement.rules import statuses
from nostro.messages.shapes import STATUS, WHERE

CUTOFF = datetime(2026, 10, 13, 14, tzinfo=UTC)
STATE = {
    "id": pl.Int64,
    "reference": pl.String,
    "processing": pl.String,
    "matching": pl.String,
    "settlement": pl.String,
    "reason": pl.String,
    "trouble": pl.String,
    "text": pl.String,
    "trouble_message": pl.Int64,
    "amount_minor": pl.Int64,
    "currency": pl.String,
    "deadline": pl.Datetime("us", "UTC"),
}


def instructions(*states: tuple[str, str]) -> pl.DataFrame:
    """(reference, "processing matching settlement") -> the columns that the fold reads."""
    rows = [
        (n, reference, *axes.split(), None, None, None, None, 1000 * n, "EUR", CUTOFF)
        for n, (reference, axes) in enumerate(states, 1)
    ]
    return pl.DataFrame(rows, schema=STATE, orient="row")


def messages(*texts: str) -> pl.DataFrame:
    """ "R1 NMAT DMON" -> a status; the axis follows from the code unless it is written: "R1 matching/NMAT"."""
    axis_of = {code: axis for axis, code in statuses.STEPS}
    rows = []
    for ordinal, text in enumerate(texts, 1):
        reference, code, *reason = text.split()
        axis, _, code = code.rpartition("/")
        row = (reference, axis or axis_of[code], code, reason[0] if reason else None, "said so", "FCSDDEFFXXX")
        rows.append((ordinal, 100 * ordinal, 90, *row, 7 * 2**24 + ordinal))
    return pl.DataFrame(rows, schema={**WHERE, **STATUS, "message": pl.Int64}, orient="row")


def axes(state: pl.DataFrame, reference: str) -> str:
    (row,) = state.filter(reference=reference).select("processing", "matching", "settlement").rows()
    return " ".join(row)


@pytest.mark.parametrize(
    ("before", "said", "after", "trouble"),
    [
        ("sent none pending", "ACPT", "accepted none pending", None),
        ("sent none pending", "PACK", "accepted none pending", None),
        ("sent none pending", "MACH", "accepted matched pending", None),
        ("accepted matched pending", "PEND", "accepted matched pending", None),
        ("accepted matched failing", "PEND", "accepted matched pending", None),
        ("accepted none pending", "NMAT DMON", "accepted unmatched pending", "unmatched_amount"),
        ("accepted none pending", "NMAT DQUA", "accepted unmatched pending", "unmatched_quantity"),
        ("accepted none pending", "NMAT CMIS", "accepted unmatched pending", "unmatched_missing"),
        ("accepted none pending", "NMAT DSEC", "accepted unmatched pending", "unmatched_other"),
        ("accepted none pending", "NMAT", "accepted unmatched pending", "unmatched_other"),
        ("accepted matched pending", "PENF LATE", "accepted matched failing", "matched_late"),
        ("accepted matched pending", "PENF LACK", "accepted matched failing", "lack_of_securities"),
        ("accepted matched pending", "PENF MONY", "accepted matched failing", "lack_of_cash"),
        ("accepted matched pending", "PENF CLAC", "accepted matched failing", "counterparty_lacks_securities"),
        ("accepted matched pending", "PENF CMON", "accepted matched failing", "counterparty_lacks_cash"),
        ("accepted matched pending", "PENF PREA", "accepted matched failing", "settlement_failing"),
        ("accepted matched pending", "PENF", "accepted matched failing", "settlement_failing"),
        ("sent none pending", "REJT SAFE", "rejected none pending", "instruction_rejected"),
        ("accepted unmatched pending", "REJT", "rejected unmatched pending", "instruction_rejected"),
        ("accepted matched pending", "CANC", "cancelled matched pending", "instruction_cancelled"),
        ("rejected none pending", "REJT SAFE", "rejected none pending", "instruction_rejected"),
    ],
)
def test_a_status_moves_its_axis(before, said, after, trouble):
    folded = statuses.fold(messages(f"R1 {said}"), instructions(("R1", before)))
    assert axes(folded.state, "R1") == after
    assert folded.state["trouble"].to_list() == [trouble]
    assert folded.refused.is_empty()
    assert folded.applied.select("id", "ordinal").rows() == [(1, 1)]


@pytest.mark.parametrize(
    ("before", "said", "reason"),
    [
        ("accepted matched settled", "PENF LACK", "status_out_of_order"),
        ("accepted matched settled", "MACH", "status_out_of_order"),
        ("accepted matched settled", "CANC", "status_out_of_order"),
        ("accepted matched pending", "NMAT CMIS", "status_out_of_order"),
        ("accepted matched pending", "REJT", "status_out_of_order"),
        ("rejected none pending", "MACH", "status_out_of_order"),
        ("cancelled none pending", "ACPT", "status_out_of_order"),
        ("created none pending", "ACPT", "status_out_of_order"),
        ("sent none pending", "matching/XXXX", "status_code_unknown"),
        ("sent none pending", "settlement/MACH", "status_code_unknown"),
    ],
)
def test_a_status_that_cannot_be_taken_changes_nothing(before, said, reason):
    folded = statuses.fold(messages(f"R1 {said}"), instructions(("R1", before)))
    assert axes(folded.state, "R1") == before
    assert folded.applied.is_empty()
    (row,) = folded.refused.iter_rows(named=True)
    assert (row["reason"], row["subject"], row["money_minor"], row["ordinal"]) == (reason, "instruction/R1", 1000, 1)
    assert row["deadline"] == CUTOFF


def test_an_unknown_reference_is_said_and_stops_nobody():
    folded = statuses.fold(
        messages("R1 ACPT", "R9 MACH", "R2 NMAT DMON"),
        instructions(("R1", "sent none pending"), ("R2", "sent none pending")),
    )
    assert folded.refused.select("reason", "subject", "ordinal").rows() == [("status_unknown", "instruction/R9", 2)]
    assert axes(folded.state, "R1") == "accepted none pending"
    assert axes(folded.state, "R2") == "accepted unmatched pending"


def test_what_is_out_of_order_says_what_it_met():
    folded = statuses.fold(messages("R1 MACH", "R1 NMAT CMIS"), instructions(("R1", "sent none pending")))
    facts = json.loads(folded.refused["facts"][0])
    assert (facts["code"], facts["iso_reason"], facts["matching"]) == ("NMAT", "CMIS", "matched")


def test_the_latest_trouble_counts_and_what_came_right_is_forgotten():
    state = statuses.fold(
        messages(
            "R1 NMAT CMIS", "R1 PENF LATE",
            "R2 NMAT DMON", "R2 MACH",
            "R3 PENF LACK", "R3 PEND",
            "R4 NMAT CMIS", "R4 PEND",
        ),
        instructions(*((f"R{n}", "sent none pending") for n in range(1, 5))),
    ).state  # fmt: skip
    assert state["trouble"].to_list() == ["matched_late", None, None, "unmatched_missing"]
    assert state["reason"].to_list() == ["LATE", None, None, "CMIS"]


def test_trouble_of_an_earlier_day_stays_until_it_comes_right():
    first = statuses.fold(messages("R1 NMAT CMIS", "R2 PENF LACK"), instructions(
        ("R1", "sent none pending"), ("R2", "sent matched pending"))).state  # fmt: skip
    second = statuses.fold(messages("R1 ACPT", "R2 PEND"), first).state
    assert second["trouble"].to_list() == ["unmatched_missing", None]
    assert second["trouble_message"].to_list() == [7 * 2**24 + 1, None]


CODES = st.sampled_from(["ACPT", "REJT", "CANC", "MACH", "NMAT DMON", "NMAT CMIS", "PEND", "PENF LACK", "PENF LATE"])
WALKS = st.lists(st.tuples(st.integers(1, 3), CODES), max_size=30)


def slow(said: list[str], start: str) -> tuple[str, int]:
    """One instruction, one message after another: its axes and how many were refused."""
    now = dict(zip(statuses.AXES, start.split(), strict=True))
    refused = 0
    for text in said:
        code = text.split()[0]
        step = next(s for (_, known), s in statuses.STEPS.items() if known == code)
        if (
            now["settlement"] == "settled"
            or now["processing"] not in step.processing_from
            or now["matching"] not in step.matching_from
        ):
            refused += 1
            continue
        for axis in statuses.AXES:
            now[axis] = getattr(step, axis) or now[axis]
    return " ".join(now.values()), refused


@settings(deadline=None)
@given(WALKS, st.sampled_from(["sent none pending", "accepted matched settled", "accepted unmatched failing"]))
def test_the_fold_equals_one_message_after_another(walk, start):
    folded = statuses.fold(
        messages(*(f"R{n} {code}" for n, code in walk)), instructions(*((f"R{n}", start) for n in (1, 2, 3)))
    )
    refused = 0
    for n in (1, 2, 3):
        expected, late = slow([code for m, code in walk if m == n], start)
        assert axes(folded.state, f"R{n}") == expected
        refused += late
    assert folded.refused.height == refused
    assert folded.applied.height + folded.refused.height == len(walk), "no message vanishes"


@settings(deadline=None)
@given(WALKS, WALKS)
def test_one_file_or_two_make_no_difference(first, second):
    start = instructions(*((f"R{n}", "sent none pending") for n in (1, 2, 3)))
    whole = statuses.fold(messages(*(f"R{n} {code}" for n, code in first + second)), start).state
    half = statuses.fold(messages(*(f"R{n} {code}" for n, code in first)), start).state
    parts = statuses.fold(messages(*(f"R{n} {code}" for n, code in second)), half).state
    kept = ["reference", *statuses.AXES, "reason", "trouble"]
    assert whole.select(kept).equals(parts.select(kept))


@settings(deadline=None)
@given(WALKS)
def test_trouble_is_always_borne_out_by_the_axes(walk):
    state = statuses.fold(
        messages(*(f"R{n} {code}" for n, code in walk)),
        instructions(*((f"R{n}", "sent none pending") for n in (1, 2, 3))),
    ).state
    for row in state.iter_rows(named=True):
        troubled = (
            row["processing"] in ("rejected", "cancelled")
            or row["matching"] == "unmatched"
            or row["settlement"] == "failing"
        )
        assert (row["trouble"] is not None) == troubled


def test_no_messages_change_nothing():
    start = instructions(("R1", "sent none pending"))
    folded = statuses.fold(messages(), start)
    assert folded.state.equals(start)
