"""At the end of the day each fail stands in the queue, once."""

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest

from nostro.departments.settlement.rules import fails

CUTOFF = datetime(2026, 10, 13, 14, tzinfo=UTC)


def due(axes: str, trouble: str | None = None) -> pl.DataFrame:
    processing, matching, settlement = axes.split()
    return pl.DataFrame(
        {
            "id": 7,
            "reference": "R1",
            "direction": "receive",
            "isin": "JP0000FCT017",
            "quantity_micro": 1_500_000,
            "amount_minor": 1000,
            "currency": "JPY",
            "settle_date": date(2026, 10, 13),
            "counterparty_bic": "FCBKDEFFXXX",
            "place_bic": "FCDDDEFFXXX",
            "processing": processing,
            "matching": matching,
            "settlement": settlement,
            "reason": None,
            "text": None,
            "trouble": trouble,
            "trouble_message": None,
            "deadline": CUTOFF,
        },
        schema_overrides={"reason": pl.String, "text": pl.String, "trouble": pl.String, "trouble_message": pl.Int64},
    )


def queued(*subjects: str) -> pl.DataFrame:
    return pl.DataFrame({"subject": subjects}, schema={"subject": pl.String})


@pytest.mark.parametrize(
    ("axes", "trouble", "is_failed", "settlement", "told"),
    [
        ("accepted matched settled", None, False, None, None),
        ("cancelled unmatched pending", None, False, None, None),
        ("accepted matched pending", None, True, "failing", "settlement_pending"),
        ("accepted matched failing", None, True, "failing", "settlement_pending"),
        ("sent none pending", None, True, "pending", "no_answer"),
        ("created none pending", None, True, "pending", "instruction_held"),
        ("accepted unmatched pending", "unmatched_missing", True, "failing", "unmatched_missing"),
        ("rejected none pending", "instruction_rejected", True, "pending", "instruction_rejected"),
        # What we told yesterday is told anew from what is known today.
        ("sent none pending", "instruction_held", True, "pending", "no_answer"),
        ("accepted none failing", "no_answer", True, "failing", "settlement_pending"),
    ],
)
def test_what_was_due_and_has_not_settled_has_failed(axes, trouble, is_failed, settlement, told):
    judged = fails.judge(due(axes, trouble), queued())
    assert judged.failed["settlement"].to_list() == ([settlement] if is_failed else [])
    assert judged.failed["trouble"].to_list() == ([told] if is_failed else [])
    assert judged.refused["reason"].to_list() == ([told] if told else [])


def test_what_stands_in_the_queue_gets_no_second_exception():
    judged = fails.judge(due("accepted matched pending"), queued("instruction/R1"))
    assert judged.failed.height == 1
    assert judged.refused.is_empty()


def test_a_fail_tells_what_is_at_risk_and_until_when():
    (row,) = fails.judge(due("sent none pending"), queued("instruction/R2")).refused.iter_rows(named=True)
    facts = json.loads(row["facts"])
    assert (facts["quantity"], facts["amount"], facts["currency"]) == ("1.5", "1000", "JPY")
    assert (row["subject"], row["money_minor"], row["currency"]) == ("instruction/R1", 1000, "JPY")
    assert (row["cause"], row["deadline"]) == (7, CUTOFF)
