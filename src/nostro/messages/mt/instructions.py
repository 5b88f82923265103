"""Settlement instructions against payment: MT 541 receive, MT 543 deliver. 结算指令

Source: ISO 15022, MT 541 and MT 543; settlement market practice: the counterparty's agent is DEAG when we receive, REAG
when we deliver, and the place of settlement is PSET. Who instructs is the sender, unless the own party of the trade (BUYR
when we receive, SELL when we deliver) is named.
"""

from typing import Final

import polars as pl

from nostro.messages.mt import reading, writing
from nostro.messages.mt.reading import Row, Wanted
from nostro.messages.mt.tree import Node
from nostro.messages.mt.writing import Line, Part
from nostro.messages.shapes import INSTRUCTION, Built, Parsed

_TYPES: Final = {"541": "receive", "543": "deliver"}
_AGENT: Final = {"541": "DEAG", "543": "REAG"}
_OWN_PARTY: Final = {"541": "BUYR", "543": "SELL"}


def _wants(mt: str) -> tuple[Wanted, ...]:
    return (
        Wanted("reference", "GENL", "20C", "SEME"),
        Wanted("function", "GENL", "23G"),
        Wanted("settle_date", "TRADDET", "98A", "SETT"),
        Wanted("trade_date", "TRADDET", "98A", "TRAD"),
        Wanted("isin", "TRADDET", "35B"),
        Wanted("quantity_micro", "FIAC", "36B", "SETT"),
        Wanted("account", "FIAC", "97A", "SAFE"),
        Wanted("counterparty_bic", "SETDET/SETPRTY", "95P", _AGENT[mt]),
        Wanted("place_bic", "SETDET/SETPRTY", "95P", "PSET"),
        Wanted("party_bic", "SETDET/SETPRTY", "95P", _OWN_PARTY[mt], must=False),
        Wanted("amount_minor", "SETDET/AMT", "19A", "SETT"),
    )


def read_instructions(data: bytes) -> Parsed:
    """Instructions of a file of MT 541 and MT 543, as INSTRUCTION. 读取结算指令

    Quantities are units or nominal (UNIT, FAMT). Refuses what is not new (23G NEWM: a cancellation is no instruction), a
    35B without ISIN, parties not named by BIC, and an amount that runs against the securities (sign N).
    """
    return reading.read(data, _READER)


def _rows(mt: str, tree: Node) -> tuple[list[Row], list[Wanted]]:
    row, lacking = reading.take(tree, _wants(mt))
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
        trade_date=reading.date("trade_date"),
        settle_date=reading.date("settle_date"),
        account=reading.after_slash("account"),
        party_bic=pl.coalesce(reading.after_slash("party_bic"), pl.col("sender")),
        counterparty_bic=reading.after_slash("counterparty_bic"),
        place_bic=reading.after_slash("place_bic"),
        newm=pl.col("function").str.starts_with("NEWM"),
        units=pl.col("quantity_micro").str.contains("^/(UNIT|FAMT)/"),
        against=pl.col("amount_minor").str.contains(r"^/N[A-Z]{3}[0-9]"),
    )
    rules = {
        "only NEWM": ("function", ~pl.col("newm")),
        "calendar_date @trade": ("trade_date", pl.col("trade_date").is_null()),
        "calendar_date @settle": ("settle_date", pl.col("settle_date").is_null()),
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
    columns=tuple(want.column for want in _wants("541")),
    types=frozenset(_TYPES),
    rows_of=_rows,
    schema=INSTRUCTION,
    key="reference",
    typed=_typed,
)


def build_instructions(frame: pl.DataFrame, *, sender: str, receiver: str) -> Built:
    """One MT 541 or 543 for each row of INSTRUCTION, in order; reading it gives the row back. 编制结算指令

    Refuses, all at once, what the dialect cannot say: a reference over 16 characters, characters outside the SWIFT x set,
    numbers over 15 characters with their comma, what is not positive, and BICs that are none.
    """
    own = writing.bic_11(sender)
    texts = frame.select(
        reference="reference",
        direction="direction",
        w_reference=writing.slash(pl.col("reference")),
        w_settle=writing.slash(writing.day("settle_date")),
        w_trade=writing.slash(writing.day("trade_date")),
        w_isin=pl.lit("ISIN ") + pl.col("isin"),
        w_quantity=writing.units("quantity_micro"),
        w_account=writing.slash(pl.col("account")),
        w_counterparty=writing.slash(pl.col("counterparty_bic")),
        w_place=writing.slash(pl.col("place_bic")),
        w_party=writing.slash(pl.when(pl.col("party_bic") != own).then(pl.col("party_bic"))),
        w_amount=writing.slash(writing.amount("amount_minor", "currency")),
        quantity_micro="quantity_micro",
        amount_minor="amount_minor",
    )
    found = writing.refused_where(
        texts,
        "reference",
        "instruction",
        [
            ("2", "", "direction", "receive or deliver", ~pl.col("direction").is_in(list(_TYPES.values()))),
            ("36B", "FIAC", "quantity_micro", "positive", pl.col("quantity_micro") <= 0),
            ("19A", "SETDET/AMT", "amount_minor", "not_negative", pl.col("amount_minor") < 0),
        ],
    )
    return writing.directed(texts, "instruction", _TYPES, _parts, found, sender=sender, receiver=receiver)


def _parts(mt: str) -> list[Part]:
    return [
        "16R:GENL",
        Line("20C::SEME/", "w_reference", "GENL"),
        "23G:NEWM",
        "16S:GENL",
        "16R:TRADDET",
        Line("98A::SETT/", "w_settle", "TRADDET"),
        Line("98A::TRAD/", "w_trade", "TRADDET"),
        Line("35B:", "w_isin", "TRADDET"),
        "16S:TRADDET",
        "16R:FIAC",
        Line("36B::SETT/", "w_quantity", "FIAC"),
        Line("97A::SAFE/", "w_account", "FIAC"),
        "16S:FIAC",
        "16R:SETDET",
        "22F::SETR//TRAD",
        "16R:SETPRTY",
        Line(f"95P::{_AGENT[mt]}/", "w_counterparty", "SETDET/SETPRTY"),
        "16S:SETPRTY",
        "16R:SETPRTY",
        Line("95P::PSET/", "w_place", "SETDET/SETPRTY"),
        "16S:SETPRTY",
        Line(f"95P::{_OWN_PARTY[mt]}/", "w_party", "SETDET/SETPRTY", must=False, inside="SETPRTY"),
        "16R:AMT",
        Line("19A::SETT/", "w_amount", "SETDET/AMT"),
        "16S:AMT",
        "16S:SETDET",
    ]
