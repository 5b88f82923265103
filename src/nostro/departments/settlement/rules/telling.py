"""What the queue needs to know about an instruction, whatever is wrong with it. 指令异常要素"""

import polars as pl

from nostro.departments.clearing.rules.figures import DIRECTIONS_ZH, decimal_text, scale_of
from nostro.kernel.frames import filled, refused


def said(*words: pl.Expr) -> pl.Expr:
    """What a message gave as its reason, in its own words; a dash when it gave none."""
    together = pl.concat_str(words, separator=" ", ignore_nulls=True).str.strip_chars()
    return pl.when(together == "").then(pl.lit("-")).otherwise(together)


def tell(instructions: pl.DataFrame, reason: str | pl.Expr) -> pl.DataFrame:
    """One refusal for each instruction: REFUSED, `cause` (its event), `message` and `deadline`.

    instructions  `id`, `reference`, `direction`, `isin`, `quantity_micro`, `amount_minor`, `currency`, `settle_date`,
                  `counterparty_bic`, `place_bic`, `reason` (ISO), `text`, `trouble_message`, `deadline`
    """
    quantity = decimal_text(pl.col("quantity_micro"), pl.lit(6)).str.strip_chars_end("0").str.strip_chars_end(".")
    told = refused(
        instructions,
        "",
        subject=filled("instruction/{}", "reference"),
        facts={
            **{name: pl.col(name) for name in ("reference", "direction", "isin", "currency", "settle_date")},
            "quantity": quantity,
            "amount": decimal_text(pl.col("amount_minor"), pl.lit(scale_of(instructions["currency"]))),
            "counterparty_bic": pl.col("counterparty_bic"),
            "place_bic": pl.col("place_bic"),
            "direction_zh": pl.col("direction").replace_strict(DIRECTIONS_ZH, return_dtype=pl.String),
            "iso_reason": pl.col("reason"),
            "said": said(pl.col("reason"), pl.col("text")),
        },
        money_minor=pl.col("amount_minor"),
        currency=pl.col("currency"),
    )
    named = instructions.select(
        reason=pl.lit(reason) if isinstance(reason, str) else reason,
        cause="id",
        message="trouble_message",
        deadline="deadline",
    )
    return told.with_columns(named["reason"]).hstack(named.drop("reason"))
