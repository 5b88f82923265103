"""What settlement knows: instructions, what is due, what settled, what fails and why. 交收查询"""

from datetime import date
from typing import Final

import polars as pl

from nostro.kernel.money import MICRO
from nostro.reference import queries as reference
from nostro.spine.database import copy_in, raw, read_frame

INSTRUCTION: Final = pl.Schema(
    {
        "id": pl.Int64,
        "reference": pl.String,
        "source": pl.String,
        "direction": pl.String,
        "instrument_id": pl.Int64,
        "quantity": pl.Int64,
        "amount_minor": pl.Int64,
        "currency": pl.String,
        "trade_date": pl.Date,
        "settle_date": pl.Date,
        "mic": pl.String,
        "account": pl.String,
        "cash_account": pl.String,
        "counterparty_bic": pl.String,
        "place_bic": pl.String,
        "processing": pl.String,
        "matching": pl.String,
        "settlement": pl.String,
        "reason": pl.String,
        "trouble": pl.String,
        "settled_date": pl.Date,
        "failed_date": pl.Date,
        "business_date": pl.Date,
        "sent_as": pl.Int64,
    }
)
"""An instruction as it is stored; `sent_as` is the number of the message in which it went out, null before."""
RATE: Final = pl.Schema(
    {
        "place_bic": pl.String,
        "currency": pl.String,
        "due": pl.Int64,
        "settled": pl.Int64,
        "due_minor": pl.Int64,
        "settled_minor": pl.Int64,
    }
)
_NAMES: Final = ", i.".join(name for name in INSTRUCTION if name != "sent_as")
_SELECT: Final = f"SELECT i.{_NAMES}, i.message FROM settlement_instruction i"  # noqa: S608  # our own column list
_DUE: Final = """
    i.entity_id = %s AND i.settle_date <= %s AND i.business_date <= %s
    AND (i.settled_date IS NULL OR i.settled_date >= %s)
    AND (i.settle_date = %s OR i.processing NOT IN ('rejected', 'cancelled'))
"""
_RATE_QUERY: Final = f"""
SELECT i.place_bic, i.currency, count(*), count(*) FILTER (WHERE i.settled_date = %s),
    sum(i.amount_minor), coalesce(sum(i.amount_minor) FILTER (WHERE i.settled_date = %s), 0)
FROM settlement_instruction i WHERE {_DUE} AND i.processing <> 'cancelled' GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608  # our own words


def instruction(entity_id: int, reference: str) -> pl.DataFrame:
    """The one instruction of this reference, or no row: INSTRUCTION, `isin`, `quantity_micro`."""
    return _named(
        read_frame(f"{_SELECT} WHERE i.entity_id = %s AND i.reference = %s", [entity_id, reference], schema=INSTRUCTION)
    )


def instructions(entity_id: int, *, as_of: date | None = None) -> pl.DataFrame:
    """Every instruction created up to a business date, by number: INSTRUCTION, `isin`, `quantity_micro`."""
    return _named(
        read_frame(
            f"{_SELECT} WHERE i.entity_id = %s AND (%s::date IS NULL OR i.business_date <= %s) ORDER BY i.id",
            [entity_id, as_of, as_of],
            schema=INSTRUCTION,
        )
    )


def of_references(entity_id: int, references: pl.Series) -> pl.DataFrame:
    """The instructions of these references, by number; one that does not exist is not among them."""
    with raw().cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE asked (reference text)")
        copy_in("asked", pl.DataFrame({"reference": references.drop_nulls().unique(maintain_order=True)}))
        found = read_frame(
            f"{_SELECT} JOIN asked a ON a.reference = i.reference WHERE i.entity_id = %s ORDER BY i.id",
            [entity_id],
            schema=INSTRUCTION,
        )
        cursor.execute("DROP TABLE asked")
    return _named(found)


def sources(entity_id: int) -> pl.DataFrame:
    """What has ever been instructed: column `source`. What was rejected is not instructed again by itself."""
    return read_frame(
        "SELECT DISTINCT source FROM settlement_instruction WHERE entity_id = %s",
        [entity_id],
        schema=pl.Schema({"source": pl.String}),
    )


def of_source(entity_id: int, source: str) -> pl.DataFrame:
    """Every instruction of a trade or net ("net/812"), the first one first: INSTRUCTION, `isin`, `quantity_micro`."""
    return _named(
        read_frame(
            f"{_SELECT} WHERE i.entity_id = %s AND i.source = %s ORDER BY i.id",
            [entity_id, source],
            schema=INSTRUCTION,
        )
    )


def unsent(entity_id: int) -> pl.DataFrame:
    """Instructions that have not gone out, by number: INSTRUCTION, `isin`, `quantity_micro`."""
    return _named(
        read_frame(
            f"{_SELECT} WHERE i.entity_id = %s AND i.processing = 'created' ORDER BY i.id",
            [entity_id],
            schema=INSTRUCTION,
        )
    )


def due(entity_id: int, day: date) -> pl.DataFrame:
    """What was to settle on this day, by number: intended for it or before, and not settled before it.

    What was rejected or cancelled counts on its intended date only. Columns INSTRUCTION, `isin`, `quantity_micro`.
    """
    return _named(
        read_frame(
            f"{_SELECT} WHERE {_DUE} ORDER BY i.id",
            [entity_id, day, day, day, day],
            schema=INSTRUCTION,
        )
    )


def settled(entity_id: int, day: date) -> pl.DataFrame:
    """What the CSDs settled on this day, by number: INSTRUCTION, `isin`, `quantity_micro`."""
    return _named(
        read_frame(
            f"{_SELECT} WHERE i.entity_id = %s AND i.settled_date = %s ORDER BY i.id",
            [entity_id, day],
            schema=INSTRUCTION,
        )
    )


def fails(entity_id: int, day: date) -> pl.DataFrame:
    """What was due at the end of this day and had not settled, by number, with its `trouble` and ISO `reason`.

    Trouble is what is known now; whether it settled later shows in `settled_date`.
    """
    return _named(
        read_frame(
            f"{_SELECT} WHERE {_DUE} AND (i.settled_date IS NULL OR i.settled_date > %s)"
            " AND i.processing <> 'cancelled' ORDER BY i.id",
            [entity_id, day, day, day, day, day],
            schema=INSTRUCTION,
        )
    )


def settlement_rate(entity_id: int, day: date) -> pl.DataFrame:
    """Settled of due, by number and by value, for each place and currency: columns of RATE. Cancelled ones do not count.

    The quotient is left to the reader of the figures: settled / due is exact in whole numbers, a float is not.
    """
    return read_frame(_RATE_QUERY, [day, day, entity_id, day, day, day, day], schema=RATE)


def in_queue(entity_id: int) -> pl.DataFrame:
    """Instructions about which an exception is open or waits: column `subject`."""
    return read_frame(
        "SELECT DISTINCT subject FROM spine_exception WHERE entity_id = %s AND department = 'settlement'"
        " AND state <> 'closed' AND subject LIKE 'instruction/%%'",
        [entity_id],
        schema=pl.Schema({"subject": pl.String}),
    )


def _named(found: pl.DataFrame) -> pl.DataFrame:
    units = pl.col("scale").replace_strict({s: 10 ** (MICRO - s) for s in range(MICRO + 1)}, return_dtype=pl.Int64)
    names = reference.instruments().select("instrument_id", "isin", "scale")
    return (
        found.join(names, on="instrument_id", how="left", maintain_order="left")
        .with_columns(quantity_micro=pl.col("quantity") * units)
        .drop("scale")
    )
