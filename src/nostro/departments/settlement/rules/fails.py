"""What was due at the end of the day and has not settled has failed; each fail stands in the queue. 交收失败"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from nostro.departments.settlement.rules.telling import tell
from nostro.kernel.frames import filled

OURS: Final = ("instruction_held", "no_answer", "settlement_pending")
"""Reasons we give ourselves, since the CSD gave none: what follows from the axes today."""


@dataclass(frozen=True, slots=True)
class Failed:
    """What became of what was due.

    failed   the instructions that failed, with `trouble` and `settlement` as they are from now on
    refused  the fails that nothing in the queue explains yet, as `telling.tell` gives them
    """

    failed: pl.DataFrame
    refused: pl.DataFrame


def judge(due: pl.DataFrame, in_queue: pl.DataFrame) -> Failed:
    """Which of the instructions that were due have failed, and what nobody has been told about them.

    due       what `telling.tell` reads, the three axes and `trouble`
    in_queue  `subject` of everything about which an exception is open
    """
    reason = (
        pl.when(pl.col("processing") == "created")
        .then(pl.lit("instruction_held"))
        .when(pl.col("processing") == "sent")
        .then(pl.lit("no_answer"))
        .otherwise(pl.lit("settlement_pending"))
    )
    failed = due.filter((pl.col("settlement") != "settled") & (pl.col("processing") != "cancelled")).with_columns(
        trouble=pl.when(pl.col("trouble").is_null() | pl.col("trouble").is_in(OURS)).then(reason).otherwise("trouble"),
        # What the CSD does not have can't fail there: it keeps its axis, and its date says that it failed.
        settlement=pl.when(pl.col("processing") == "accepted").then(pl.lit("failing")).otherwise("settlement"),
    )
    named = failed.with_columns(subject=filled("instruction/{}", "reference"))
    untold = named.join(in_queue, on="subject", how="anti", maintain_order="left")
    return Failed(failed, tell(untold, pl.col("trouble")))
