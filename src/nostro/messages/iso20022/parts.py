"""What several messages share: the header, the day, the parties, and how amounts and quantities are written."""

import polars as pl

from nostro.kernel.money import MICRO
from nostro.messages.exact import decimal_text
from nostro.messages.iso20022.structure import (
    BIC,
    DATE,
    DATE_TIME,
    QUANTITY_NOT_NEGATIVE,
    TEXT_35,
    Check,
    Choice,
    Leaf,
    Mark,
    code,
    currency_scales,
    scale_of,
)

DIRECTION = {"receive": "RECE", "deliver": "DELI"}
SENDER_BIC = "AppHdr/Fr/FIId/FinInstnId/BICFI"
SENDER_ANY_BIC = "AppHdr/Fr/OrgId/Id/OrgId/AnyBIC"

Field = Leaf | Mark | Choice | Check


def header_fields(definition: str) -> tuple[Field, ...]:
    """The business application header (head.001.001.02), where there is one: a bare Document has none."""

    def party(end: str) -> tuple[Field, ...]:
        institution, organisation = f"AppHdr/{end}/FIId/FinInstnId/BICFI", f"AppHdr/{end}/OrgId/Id/OrgId/AnyBIC"
        return (
            Leaf(organisation, BIC, need=False),
            Leaf(institution, BIC, need=False),
            Choice((institution, organisation), need="AppHdr"),
        )

    return (
        Mark("AppHdr"),
        *party("Fr"),
        *party("To"),
        Leaf("AppHdr/BizMsgIdr", TEXT_35, need="AppHdr"),
        Leaf("AppHdr/MsgDefIdr", code(definition), need="AppHdr"),
        Leaf("AppHdr/CreDt", DATE_TIME, need="AppHdr"),
    )


def sender_bic() -> pl.Expr:
    """Who sent the message, by its header; null where it has none."""
    return pl.coalesce(SENDER_BIC, SENDER_ANY_BIC)


def date_fields(path: str, *, need: bool = True) -> tuple[Field, ...]:
    """DateAndDateTime2Choice: a date, or a time whose date counts."""
    dates = (Leaf(f"{path}/Dt", DATE, need=False), Leaf(f"{path}/DtTm", DATE_TIME, need=False))
    either = (f"{path}/Dt", f"{path}/DtTm")
    return (*dates, Choice(either)) if need else (Mark(path), *dates, Choice(either, need=path))


def quantity_fields(path: str) -> tuple[Field, ...]:
    """FinancialInstrumentQuantity33Choice, in units or in face amount."""
    unit, face = f"{path}/Unit", f"{path}/FaceAmt"
    return (
        Leaf(unit, QUANTITY_NOT_NEGATIVE, need=False),
        Leaf(face, QUANTITY_NOT_NEGATIVE, need=False),
        Choice((unit, face)),
    )


def quantity_text(micro: pl.Expr) -> pl.Expr:
    """A quantity without the zeros it does not need: eighteen digits is all a message holds."""
    return decimal_text(micro, MICRO).str.strip_chars_end("0").str.strip_chars_end(".")


def amount_text(minor: pl.Expr, currency: pl.Expr) -> pl.Expr:
    """An amount of minor units with all the decimals of its currency."""
    text = pl.lit(None, pl.String)
    for scale in currency_scales():
        text = pl.when(scale_of(currency) == scale).then(decimal_text(minor, scale)).otherwise(text)
    return text


def cash_direction(direction: pl.Expr) -> pl.Expr:
    """Against payment, who receives securities pays: DBIT; who delivers is paid: CRDT."""
    return pl.when(direction == "receive").then(pl.lit("DBIT")).otherwise(pl.lit("CRDT"))


def movement_agrees(movement: str, credit_debit: str) -> Check:
    """Cash must run against securities: a message that says otherwise has no place in our columns."""
    against = pl.col(movement).replace_strict({"RECE": "DBIT", "DELI": "CRDT"}, default=None, return_dtype=pl.String)
    return Check(credit_debit, pl.when(pl.col(credit_debit) != against).then(pl.lit("cash_runs_against_securities")))
