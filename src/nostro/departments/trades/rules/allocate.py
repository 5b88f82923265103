"""Whose book a trade belongs to: one book, or the parts of a block trade by its allocation instruction. 交易分配

Source: FIX 4.4 volume 5, AllocationInstruction; an instruction is taken whole or not at all, and the last one counts.
"""

from typing import Final

import polars as pl

from nostro.departments.trades.rules.validate import written_micro
from nostro.kernel.frames import checked_minor, filled, refused
from nostro.kernel.money import MICRO

AMOUNTS: Final = ("gross_minor", "fee_minor", "tax_minor")
REASONS: Final = (
    *("allocation_missing", "allocation_differs", "allocation_book_unknown", "allocation_sum_differs"),
    "allocation_fraction",
)
_TRADE: Final = (
    *("id", "exec_id", "isin", "scale", "side", "trade_date", "quantity"),
    *(*AMOUNTS, "currency", "book"),
)
_PART: Final = ("trade", "book", "quantity", *AMOUNTS)


def allocate(
    trades: pl.DataFrame, instructions: pl.DataFrame, books: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(one row for each trade and book, ordered so; REFUSED with `id` of the trade).

    trades        not allocated yet: id, exec_id, isin, scale, side, trade_date, quantity, AMOUNTS, currency, book,
                  is_block
    instructions  one row for each part: exec_id, message, isin, side, trade_date, total_micro, book, quantity_micro
    books         the entity's: code, is_block
    The parts of a block trade must add up to it, each in whole units and in a book that is known and no block itself.
    Parts of one instruction in one book are added. Amounts follow the quantity; see `split`.
    """
    whole = trades.filter(~pl.col("is_block")).select(pl.col("id").alias("trade"), *_PART[1:])
    blocks = trades.filter("is_block").select(_TRADE)
    told, bad = _instructed(blocks, instructions, books)
    parts = split(told)
    return pl.concat([whole, parts]).sort("trade", "book"), bad


def split(parts: pl.DataFrame) -> pl.DataFrame:
    """The parts with their share of each amount: quantity / whole, rounded down, and what is left to the largest part.

    parts  trade, book, quantity, whole (the trade's quantity), AMOUNTS (the trade's), one row for each book
    Of equally large parts the first by book takes the rest. The shares of a trade add up to its amount exactly.
    """
    ordered = parts.sort(["trade", "quantity", "book"], descending=[False, True, False])
    wide = ordered.with_columns(
        (pl.col(name).cast(pl.Int128) * pl.col("quantity") // pl.col("whole")).alias(f"share of {name}")
        for name in AMOUNTS
    )
    rest = {name: pl.col(name) - pl.col(f"share of {name}").sum().over("trade") for name in AMOUNTS}
    shared = wide.with_columns(
        (pl.col(f"share of {name}") + pl.when(pl.col("trade").is_first_distinct()).then(rest[name]).otherwise(0)).alias(
            name
        )
        for name in AMOUNTS
    )
    return checked_minor(shared.select(_PART), *AMOUNTS).sort("trade", "book")


def _instructed(
    blocks: pl.DataFrame, instructions: pl.DataFrame, books: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    last = instructions.filter(pl.col("message") == pl.col("message").max().over("exec_id"))
    theirs = last.select("exec_id", "total_micro", "quantity_micro", told_isin="isin", told_side="side",
                         told_date="trade_date", to_book="book")  # fmt: skip
    known = books.select(to_book="code", to_block="is_block")
    lines = (
        blocks.join(theirs, on="exec_id", how="inner", maintain_order="left")
        .join(known, on="to_book", how="left", maintain_order="left")
        .with_columns(unit=10 ** (MICRO - pl.col("scale").cast(pl.Int64)))
    )
    facts = lines.group_by("exec_id", maintain_order=True).agg(
        sum_micro=pl.col("quantity_micro").cast(pl.Int128).sum(),
        whole_micro=(pl.col("quantity").cast(pl.Int128) * pl.col("unit")).first(),
        total_micro=pl.col("total_micro").first(),
        differs=(
            (pl.col("told_isin") != pl.col("isin"))
            | (pl.col("told_side") != pl.col("side"))
            | (pl.col("told_date") != pl.col("trade_date"))
        ).any(),
        told=pl.concat_str("told_isin", "told_side", "told_date", separator=" ").first(),
        expected=pl.concat_str("isin", "side", "trade_date", separator=" ").first(),
        wrong_books=pl.col("to_book").filter(pl.col("to_block").fill_null(True)).unique().sort().str.join(", "),
        is_fraction=(pl.col("quantity_micro") % pl.col("unit") != 0).any(),
    )
    seen = blocks.join(facts, on="exec_id", how="left", maintain_order="left")
    adds_up = pl.col("sum_micro") == pl.col("whole_micro")
    checks = (
        ("allocation_missing", pl.col("sum_micro").is_null(), {"book": pl.col("book")}),
        (
            "allocation_differs",
            pl.col("differs") | (adds_up & (pl.col("total_micro") != pl.col("whole_micro"))),
            {
                "told": filled("{} {}", "told", written_micro(pl.col("total_micro"))),
                "expected": filled("{} {}", "expected", written_micro(pl.col("whole_micro"))),
            },
        ),
        ("allocation_book_unknown", pl.col("wrong_books") != "", {"books": pl.col("wrong_books")}),
        (
            "allocation_sum_differs",
            ~adds_up,
            {"sum": written_micro(pl.col("sum_micro")), "expected": written_micro(pl.col("whole_micro"))},
        ),
        ("allocation_fraction", pl.col("is_fraction"), {"isin": pl.col("isin")}),
    )
    found = []
    wrong = pl.lit(False)
    for order, (reason, fails, what) in enumerate(checks):
        failing = seen.filter(fails.fill_null(False))
        told = refused(
            failing,
            reason,
            subject=filled("execution/{}", pl.col("exec_id")),
            facts={"exec_id": pl.col("exec_id"), "quantity": written_micro(pl.col("whole_micro")), **what},
            money_minor=pl.col("gross_minor"),
            currency=pl.col("currency"),
        )
        found.append(told.hstack(failing.select("id")).with_columns(order=pl.lit(order)))
        wrong = wrong | fails.fill_null(False)
    good = lines.join(seen.filter(~wrong), on="id", how="semi", maintain_order="left")
    parts = good.group_by("id", "to_book").agg(
        pl.col("quantity_micro").sum() // pl.col("unit").first(),
        pl.col("quantity").first(),
        *(pl.col(name).first() for name in AMOUNTS),
    )
    told = parts.select("id", *AMOUNTS, book="to_book", quantity="quantity_micro", whole="quantity")
    return told.rename({"id": "trade"}), pl.concat(found).sort("id", "order").drop("order")
