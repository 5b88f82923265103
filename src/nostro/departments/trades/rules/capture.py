"""Which execution reports are new, which came before, and which contradict what came before. 成交去重

Source: FIX 4.4 volume 4: ExecID (17) is unique for a sell side and a day; a report seen again must change nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import polars as pl

from nostro.kernel.frames import filled, refused

KNOWN: Final = pl.Schema({"exec_id": pl.String, "content_sha256": pl.String})


@dataclass(frozen=True, slots=True)
class Judged:
    """Every report of a batch, in the batch's order and in exactly one of three frames."""

    new: pl.DataFrame
    duplicates: pl.DataFrame  # the same trade told again
    conflicts: pl.DataFrame  # another trade under an id that is taken


def content_hashes(content: pl.Series) -> pl.Series:
    """The sha256 of each text, in hexadecimal."""
    hashes = [sha256(text.encode()).hexdigest() for text in content.to_list()]
    return pl.Series("content_sha256", hashes, pl.String)


def judge(reports: pl.DataFrame, known: pl.DataFrame) -> Judged:
    """Split a batch by what came before: earlier reports of the batch, and `known` (KNOWN), which goes first.

    reports  at least the columns of KNOWN. The first report of an id counts; the later ones are measured against it.
    """
    first = pl.col("exec_id").is_first_distinct()
    told = reports.join(
        known.select("exec_id", before="content_sha256"), on="exec_id", how="left", maintain_order="left"
    )
    measure = pl.coalesce("before", pl.col("content_sha256").first().over("exec_id"))
    told = told.with_columns(is_new=first & pl.col("before").is_null(), is_same=pl.col("content_sha256") == measure)
    told = told.drop("before")
    flags = ["is_new", "is_same"]
    return Judged(
        new=told.filter("is_new").drop(flags),
        duplicates=told.filter(~pl.col("is_new") & pl.col("is_same")).drop(flags),
        conflicts=told.filter(~pl.col("is_new") & ~pl.col("is_same")).drop(flags),
    )


def duplicate_refusals(duplicates: pl.DataFrame, file: str) -> pl.DataFrame:
    """An execution_duplicate for each report told again. Nothing is to be done about it."""
    return _refusals(duplicates, "execution_duplicate", file, ["trade_date"])


def conflict_refusals(conflicts: pl.DataFrame, file: str) -> pl.DataFrame:
    """An execution_conflict for each report that says another trade under an id that is taken."""
    return _refusals(conflicts, "execution_conflict", file, ["isin", "side", "trade_date"])


def _refusals(reports: pl.DataFrame, reason: str, file: str, facts: Sequence[str]) -> pl.DataFrame:
    told = refused(
        reports,
        reason,
        subject=filled("execution/{}", pl.col("exec_id")),
        place=filled("{} message {}", pl.lit(file), pl.col("ordinal")),
        facts={name: pl.col(name) for name in ["exec_id", *facts]},
    )
    return told.hstack(reports.select("message", "mic"))
