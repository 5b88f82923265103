"""A confirmation against the instruction it settles: every field the same, or it settles nothing. 交收确认

Sources: ISO 20022 sese.025, ISO 15022 MT545 and MT547. Settled is final: the axes become matched and settled, with the
date the CSD gives, and nothing that comes later changes them.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from nostro.departments.clearing.rules.figures import decimal_text, scale_of
from nostro.kernel.frames import filled, refused

COMPARED: Final = ("direction", "isin", "quantity_micro", "amount_minor", "currency", "account")
"""What must be the same. The date is the CSD's to say; two confirmations must not say two dates."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What became of each confirmation of a file.

    state       the instructions with their new axes, in their order
    settled     the confirmations that settled something, in file order: `ordinal`, `message`, `settled_date` and all
                columns of the instruction
    duplicates  right again about what is settled already: `ordinal`
    refused     REFUSED, `ordinal`, `message` and `deadline`: confirmation_unknown, confirmation_unexpected,
                confirmation_differs
    """

    state: pl.DataFrame
    settled: pl.DataFrame
    duplicates: pl.DataFrame
    refused: pl.DataFrame


def confirm(confirmations: pl.DataFrame, instructions: pl.DataFrame) -> Confirmed:
    """Settle what one file's confirmations confirm. A right one after a wrong one settles.

    confirmations  WHERE, CONFIRMATION and `message` (number), in the order of the file
    instructions   `reference`, COMPARED, the three axes, `settled_date`, `trouble`, `reason`, `deadline`; perhaps more,
                   which is carried along
    """
    ours = instructions.select(
        "reference",
        "processing",
        "deadline",
        *(pl.col(name).alias(f"our_{name}") for name in (*COMPARED, "settled_date")),
    ).with_columns(is_known=pl.lit(True))
    messages = confirmations.join(ours, on="reference", how="left", maintain_order="left").with_columns(
        *(pl.col(name).ne_missing(pl.col(f"our_{name}")).alias(f"differs_{name}") for name in COMPARED)
    )
    known = messages.filter("is_known")
    is_right = ~pl.any_horizontal(f"differs_{name}" for name in COMPARED)
    # The first right confirmation gives the date; what says another one later is not the same confirmation.
    first = known.filter(is_right).unique("reference", keep="first", maintain_order=True)
    dated = known.join(
        first.select("reference", first_date="settled_date", first_ordinal="ordinal"),
        on="reference",
        how="left",
        maintain_order="left",
    ).with_columns(
        differs_settled_date=is_right
        & (pl.col("settled_date") != pl.coalesce("our_settled_date", "first_date")).fill_null(True)
    )
    is_alive = pl.col("processing").is_in(["sent", "accepted"])
    right = dated.filter(is_alive & is_right & ~pl.col("differs_settled_date"))
    settles = pl.col("our_settled_date").is_null() & (pl.col("ordinal") == pl.col("first_ordinal"))
    settled = right.filter(settles).select("reference", "ordinal", "message", "settled_date")
    differing = dated.filter(is_alive & (~is_right | pl.col("differs_settled_date")))
    return Confirmed(
        _settle(instructions, settled),
        settled.join(instructions.drop("settled_date"), on="reference", how="inner", maintain_order="left"),
        right.filter(~settles).select("ordinal"),
        pl.concat(
            [
                _refused(messages.filter(pl.col("is_known").is_null()), "confirmation_unknown", {}),
                _refused(dated.filter(~is_alive), "confirmation_unexpected", {"processing": pl.col("processing")}),
                _refused(differing, "confirmation_differs", _differences(differing)),
            ]
        ).sort("ordinal"),
    )


def _settle(instructions: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    dates = settled.select("reference", date_now="settled_date")
    is_now = pl.col("date_now").is_not_null()
    return (
        instructions.join(dates, on="reference", how="left", maintain_order="left")
        .with_columns(
            processing=pl.when(is_now).then(pl.lit("accepted")).otherwise("processing"),
            matching=pl.when(is_now).then(pl.lit("matched")).otherwise("matching"),
            settlement=pl.when(is_now).then(pl.lit("settled")).otherwise("settlement"),
            settled_date=pl.coalesce("settled_date", "date_now"),
            trouble=pl.when(~is_now).then("trouble"),
            reason=pl.when(~is_now).then("reason"),
        )
        .drop("date_now")
    )


def _differences(rows: pl.DataFrame) -> dict[str, pl.Expr]:
    """All fields in which the two sides differ, beside each other, in words of figures."""
    fields = {
        "direction": (pl.col("direction"), pl.col("our_direction")),
        "isin": (pl.col("isin"), pl.col("our_isin")),
        "quantity_micro": (_quantity("quantity_micro"), _quantity("our_quantity_micro")),
        "amount_minor": (_amount(rows, "amount_minor", "currency"), _amount(rows, "our_amount_minor", "our_currency")),
        "currency": (pl.col("currency"), pl.col("our_currency")),
        "account": (pl.col("account"), pl.col("our_account")),
        "settled_date": (pl.col("settled_date"), pl.coalesce("our_settled_date", "first_date")),
    }
    named = {name: name.removesuffix("_micro").removesuffix("_minor") for name in fields}
    return {
        "fields": _joined({name: pl.lit(named[name]) for name in fields}),
        "ours": _joined({name: filled(named[name] + " {}", _shown(ours)) for name, (_, ours) in fields.items()}),
        "theirs": _joined({name: filled(named[name] + " {}", _shown(said)) for name, (said, _) in fields.items()}),
    }


def _joined(texts: dict[str, pl.Expr]) -> pl.Expr:
    differing = [pl.when(f"differs_{name}").then(text) for name, text in texts.items()]
    return pl.concat_str(differing, separator=", ", ignore_nulls=True)


def _shown(value: pl.Expr) -> pl.Expr:
    return value.cast(pl.String).fill_null("-")


def _quantity(column: str) -> pl.Expr:
    return decimal_text(pl.col(column), pl.lit(6)).str.strip_chars_end("0").str.strip_chars_end(".")


def _amount(rows: pl.DataFrame, amount: str, currency: str) -> pl.Expr:
    scale = pl.lit(scale_of(rows[currency]))
    return decimal_text(pl.col(amount), scale) + pl.lit(" ") + pl.col(currency)


def _refused(messages: pl.DataFrame, reason: str, facts: dict[str, pl.Expr]) -> pl.DataFrame:
    return refused(
        messages,
        reason,
        subject=filled("instruction/{}", "reference"),
        facts={
            "reference": pl.col("reference"),
            "sender": pl.col("sender"),
            "amount": _amount(messages, "amount_minor", "currency"),
            **facts,
        },
        money_minor=pl.coalesce("our_amount_minor", "amount_minor"),
        currency=pl.coalesce("our_currency", "currency"),
    ).hstack(messages.select("ordinal", "message", "deadline"))
