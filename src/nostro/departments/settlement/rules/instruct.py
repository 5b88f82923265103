"""Obligations become instructions: who receives, who delivers, from which accounts, under which reference. 指令生成"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from nostro.kernel.frames import refused

REFERENCE_LENGTH_MAX: Final = 16
"""Of the reference of an instruction. Source: ISO 15022 :20C: 16x; ISO 20022 allows more, the street counts on this."""
OBLIGATION: Final = (
    "source",
    "cause",
    "subject",
    "direction",
    "instrument_id",
    "isin",
    "quantity",
    "amount_minor",
    "currency",
    "trade_date",
    "settle_date",
    "mic",
    "place_bic",
    "counterparty_bic",
    "deadline",
)
"""What is to be instructed. `source` is "trade/<id>" or "net/<id>", `subject` the name its exceptions bear."""


@dataclass(frozen=True, slots=True)
class Instructed:
    """What became of each obligation.

    done     OBLIGATION, `reference`, `account`, `cash_account`, `servicer_bic`; in the order of the obligations
    refused  REFUSED, `cause` and `deadline`: account_missing
    """

    done: pl.DataFrame
    refused: pl.DataFrame


def reference(entity_code: str, event: pl.Expr) -> pl.Expr:
    """The reference of the instruction that this event creates: EUB0000000004711, unique as the event is."""
    letters = entity_code[:4]
    return pl.lit(letters) + event.cast(pl.String).str.zfill(REFERENCE_LENGTH_MAX - len(letters))


def instruct(obligations: pl.DataFrame, accounts: pl.DataFrame, entity_code: str, first_event: int) -> Instructed:
    """Instruct each obligation (OBLIGATION) from our accounts at its place; `first_event` creates the first of them.

    accounts  `number`, `currency`, `kind`, `servicer_bic`, `place_bic`: at most one of a kind, place and currency
    """
    securities = accounts.filter(kind="securities").select("place_bic", "servicer_bic", account="number")
    cash = accounts.filter(kind="cash").select("place_bic", "currency", cash_account="number")
    joined = (
        obligations.select(OBLIGATION)
        .join(securities, on="place_bic", how="left", maintain_order="left")
        .join(cash, on=["place_bic", "currency"], how="left", maintain_order="left")
    )
    is_complete = pl.col("account").is_not_null() & pl.col("cash_account").is_not_null()
    done = joined.filter(is_complete).with_row_index("row")
    without = joined.filter(~is_complete)
    lacking = (
        pl.when(pl.col("account").is_null() & pl.col("cash_account").is_null())
        .then(pl.lit("securities and cash"))
        .when(pl.col("account").is_null())
        .then(pl.lit("securities"))
        .otherwise(pl.lit("cash"))
    )
    return Instructed(
        done.with_columns(reference=reference(entity_code, pl.col("row").cast(pl.Int64) + first_event)).drop("row"),
        refused(
            without,
            "account_missing",
            subject=pl.col("subject"),
            facts={
                "source": pl.col("source"),
                "place_bic": pl.col("place_bic"),
                "currency": pl.col("currency"),
                "kind": lacking,
                "isin": pl.col("isin"),
                "settle_date": pl.col("settle_date"),
            },
            money_minor=pl.col("amount_minor"),
            currency=pl.col("currency"),
        ).hstack(without.select("cause", "deadline")),
    )
