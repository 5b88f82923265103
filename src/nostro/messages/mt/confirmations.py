"""It has settled: MT 545 received against payment, MT 547 delivered against payment. 结算确认

Source: ISO 15022, MT 545 and MT 547: 98A ESET the day it settled, 36B and 19A ESTT what was settled, 20C RELA our instruction.
"""

from typing import Final

import polars as pl

from nostro.messages.mt import reading, writing
from nostro.messages.mt.reading import Row, Wanted
from nostro.messages.mt.tree import Node
from nostro.messages.mt.writing import Line, Part
from nostro.messages.shapes import CONFIRMATION, Built, Parsed

_TYPES: Final = {"545": "receive", "547": "deliver"}
_AGENT: Final = {"545": "DEAG", "547": "REAG"}
_WANTS: Final = (
    Wanted("reference", "GENL/LINK", "20C", "RELA"),
    Wanted("function", "GENL", "23G"),
    Wanted("settled_date", "TRADDET", "98A", "ESET"),
    Wanted("isin", "TRADDET", "35B"),
    Wanted("quantity_micro", "FIAC", "36B", "ESTT"),
    Wanted("account", "FIAC", "97A", "SAFE"),
    Wanted("amount_minor", "SETDET/AMT", "19A", "ESTT"),
)


def read_confirmations(data: bytes) -> Parsed:
    """The settlements of a file of MT 545 and MT 547, as CONFIRMATION. 读取结算确认

    Refuses what is not new (23G NEWM: a reversal is no settlement), a message without our reference (20C RELA), a 35B without
    ISIN, and an amount that runs against the securities (sign N).
    """
    return reading.read(data, _READER)


def _rows(_: str, tree: Node) -> tuple[list[Row], list[Wanted]]:
    row, lacking = reading.take(tree, _WANTS)
    return [row], lacking


def _typed(texts: pl.DataFrame) -> tuple[pl.DataFrame, list[reading.BadValue]]:
    money = pl.col("amount_minor").str.extract(r"^/N?([A-Z]{3})", 1)
    frame = texts.select(
        "ordinal",
        "start",
        "length",
        reference=reading.after_slash("reference"),
        direction=pl.col("mt").replace_strict(_TYPES, default=None, return_dtype=pl.String),
        isin=reading.isin("isin"),
        quantity_micro=reading.quantity_micro("quantity_micro"),
        amount_minor=reading.scaled(
            pl.col("amount_minor").str.extract(r"([0-9]+,[0-9]*)$", 1), reading.decimals(money)
        ),
        currency=money,
        settled_date=reading.date("settled_date"),
        account=reading.after_slash("account"),
        sender="sender",
        newm=pl.col("function").str.starts_with("NEWM"),
        units=pl.col("quantity_micro").str.contains("^/(UNIT|FAMT)/"),
        against=pl.col("amount_minor").str.contains(r"^/N[A-Z]{3}[0-9]"),
    )
    rules = {
        "only NEWM": ("function", ~pl.col("newm")),
        "calendar_date": ("settled_date", pl.col("settled_date").is_null()),
        "isin_needed": ("isin", pl.col("isin").is_null()),
        "UNIT or FAMT": ("quantity_micro", ~pl.col("units")),
        "positive, at most 6 decimals": (
            "quantity_micro",
            pl.col("quantity_micro").is_null() | (pl.col("quantity_micro") <= 0),
        ),
        "decimals_of_currency": ("amount_minor", pl.col("amount_minor").is_null()),
        "not_negative": ("amount_minor", pl.col("against")),
    }
    return frame, reading.bad_values(frame, rules)


_READER: Final = reading.Reader(
    columns=tuple(want.column for want in _WANTS),
    types=frozenset(_TYPES),
    rows_of=_rows,
    schema=CONFIRMATION,
    key="reference",
    typed=_typed,
)


def build_confirmations(frame: pl.DataFrame, *, sender: str, receiver: str) -> Built:
    """One MT 545 or 547 for each row of CONFIRMATION, in order; reading it gives the row back. The index goes by our reference.

    The standard wants settlement parties: the columns counterparty_bic and place_bic are written where the frame has them;
    without, the place is the sender, who settled it. Refuses, all at once, what the dialect cannot say.
    """
    place = pl.col("place_bic") if "place_bic" in frame.columns else pl.lit(writing.bic_11(sender))
    agent = pl.col("counterparty_bic") if "counterparty_bic" in frame.columns else pl.lit(None, pl.String)
    texts = frame.select(
        "reference",
        "direction",
        "quantity_micro",
        "amount_minor",
        w_reference=writing.slash(pl.col("reference")),
        w_settled=writing.slash(writing.day("settled_date")),
        w_isin=pl.lit("ISIN ") + pl.col("isin"),
        w_quantity=writing.units("quantity_micro"),
        w_account=writing.slash(pl.col("account")),
        w_agent=writing.slash(agent),
        w_place=writing.slash(place),
        w_amount=writing.slash(writing.amount("amount_minor", "currency")),
    )
    told = texts.select(
        pl.concat_str(pl.exclude("quantity_micro", "amount_minor"), separator="\x00", ignore_nulls=True)
    )
    texts = texts.with_columns(w_seme=writing.slash(pl.lit(writing.own_references(told.to_series()))))
    found = writing.refused_where(
        texts,
        "reference",
        "confirmation",
        [
            ("2", "", "direction", "receive or deliver", ~pl.col("direction").is_in(list(_TYPES.values()))),
            ("36B", "FIAC", "quantity_micro", "positive", pl.col("quantity_micro") <= 0),
            ("19A", "SETDET/AMT", "amount_minor", "not_negative", pl.col("amount_minor") < 0),
        ],
    )
    return writing.directed(texts, "confirmation", _TYPES, _parts, found, sender=sender, receiver=receiver)


def _parts(mt: str) -> list[Part]:
    return [
        "16R:GENL",
        Line("20C::SEME/", "w_seme", "GENL"),
        "23G:NEWM",
        "16R:LINK",
        Line("20C::RELA/", "w_reference", "GENL/LINK"),
        "16S:LINK",
        "16S:GENL",
        "16R:TRADDET",
        Line("98A::ESET/", "w_settled", "TRADDET"),
        Line("35B:", "w_isin", "TRADDET"),
        "16S:TRADDET",
        "16R:FIAC",
        Line("36B::ESTT/", "w_quantity", "FIAC"),
        Line("97A::SAFE/", "w_account", "FIAC"),
        "16S:FIAC",
        "16R:SETDET",
        "22F::SETR//TRAD",
        Line(f"95P::{_AGENT[mt]}/", "w_agent", "SETDET/SETPRTY", must=False, inside="SETPRTY"),
        "16R:SETPRTY",
        Line("95P::PSET/", "w_place", "SETDET/SETPRTY"),
        "16S:SETPRTY",
        "16R:AMT",
        Line("19A::ESTT/", "w_amount", "SETDET/AMT"),
        "16S:AMT",
        "16S:SETDET",
    ]
