"""The CSV files of the exchange folder: their columns, and what a file's name says. 市场文件的列

One rule maps a file's column to a frame's: a decimal bears its scale in its name, so that `price` of six decimals is
`price_micro`, `rate` of eight is `rate_e8`, and a cash of four is `cost_e4`, whole ten-thousandths of its currency.
All other names stay. The files are described in docs/exchange.md.
"""

import re
from collections.abc import Mapping
from typing import Final

import polars as pl

from nostro.messages.csvfile import Column, build_csv, read_csv
from nostro.messages.shapes import Parsed

_TEXT: Final = Column("text")
_DATE: Final = Column("date")
_INTEGER: Final = Column("integer")
_MICRO: Final = Column("decimal", scale=6)
_CASH: Final = Column("decimal", scale=4)

ENTITIES: Final[Mapping[str, Column]] = {
    "code": _TEXT,
    "name": _TEXT,
    "name_zh": _TEXT,
    "kind": Column("choice", choices=frozenset({"broker", "manager", "insurer"})),
    "currency": _TEXT,
    "lei": _TEXT,
    "bic": _TEXT,
}
MARKETS: Final[Mapping[str, Column]] = {
    "mic": _TEXT,
    "valid_from": _DATE,
    "name": _TEXT,
    "name_zh": _TEXT,
    "currency": _TEXT,
    "place_bic": _TEXT,
    "ccp_bic": _TEXT,
    "dialect": Column("choice", choices=frozenset({"iso", "mt"})),
    "cycle_days": _INTEGER,
    "exchange_calendar": _TEXT,
    "bank_calendar": _TEXT,
    "timezone": _TEXT,
    "cutoff": _TEXT,
    "price_tolerance_bp": _INTEGER,
    "fee_bp": _MICRO,
    "tax_buy_bp": _MICRO,
    "tax_sell_bp": _MICRO,
}
INSTRUMENTS: Final[Mapping[str, Column]] = {
    "isin": _TEXT,
    "name": _TEXT,
    "name_zh": _TEXT,
    "cfi": _TEXT,
    "currency": _TEXT,
    "mic": _TEXT,
    "scale": _INTEGER,
}
PARTIES: Final[Mapping[str, Column]] = {
    "bic": _TEXT,
    "lei": _TEXT,
    "name": _TEXT,
    "name_zh": _TEXT,
    "kind": Column("choice", choices=frozenset({"counterparty", "ccp", "csd", "custodian", "bank", "firm"})),
}
PRICES: Final[Mapping[str, Column]] = {"isin": _TEXT, "day": _DATE, "price": _MICRO, "currency": _TEXT}
FX: Final[Mapping[str, Column]] = {
    "base": _TEXT,
    "quote": _TEXT,
    "day": _DATE,
    "rate": Column("decimal", scale=8),
}
BOOKS: Final[Mapping[str, Column]] = {
    "code": _TEXT,
    "name": _TEXT,
    "name_zh": _TEXT,
    "is_block": Column("choice", choices=frozenset({"yes", "no"})),
}
ACCOUNTS: Final[Mapping[str, Column]] = {
    "number": _TEXT,
    "currency": Column("text", required=False),
    "kind": Column("choice", choices=frozenset({"securities", "cash"})),
    "servicer_bic": _TEXT,
    "place_bic": _TEXT,
}
SSIS: Final[Mapping[str, Column]] = {
    "party_bic": _TEXT,
    "place_bic": _TEXT,
    "valid_from": _DATE,
    "agent_bic": _TEXT,
    "account": _TEXT,
}
OPENINGS: Final[Mapping[str, Column]] = {
    "book": _TEXT,
    "isin": _TEXT,
    "quantity": _MICRO,
    "cost": _CASH,
    "currency": _TEXT,
    "account": _TEXT,
}
OPENING_CASH: Final[Mapping[str, Column]] = {
    "account": _TEXT,
    "currency": _TEXT,
    "amount": _CASH,
    "sequence": _INTEGER,
    "statement": _TEXT,
}
OBLIGATIONS: Final[Mapping[str, Column]] = {
    "ccp_bic": _TEXT,
    "isin": _TEXT,
    "settle_date": _DATE,
    "currency": _TEXT,
    "direction": Column("choice", choices=frozenset({"receive", "deliver"})),
    "quantity": _MICRO,
    "cash": _CASH,
    "trades": _INTEGER,
}
KINDS: Final[Mapping[str, Mapping[str, Column]]] = {
    "entities.csv": ENTITIES,
    "markets.csv": MARKETS,
    "instruments.csv": INSTRUMENTS,
    "parties.csv": PARTIES,
    "prices.csv": PRICES,
    "fx.csv": FX,
    "books.csv": BOOKS,
    "accounts.csv": ACCOUNTS,
    "ssis.csv": SSIS,
    "openings.csv": OPENINGS,
    "opening_cash.csv": OPENING_CASH,
    "obligations.csv": OBLIGATIONS,
}
"""The columns of each kind of CSV file, as its header has them."""

_SUFFIX: Final = {4: "_e4", 6: "_micro", 8: "_e8"}
_NAME: Final = re.compile(r"[0-9]+_([a-z0-9_]+)\.([A-Z0-9]+)\.([a-z0-9]+)")


def kind_of(name: str) -> tuple[str, str]:
    """Kind and sender of a file, from its name: "10_executions.OMSFDEFFXXX.fix" is ("executions.fix", "OMSFDEFFXXX").

    Refuses, with a ValueError, a name of another form: number_stem.SENDER.extension.
    """
    form = _NAME.fullmatch(name)
    if form is None:
        raise ValueError(
            f"{name!r} is not the name of a file in the exchange folder: expected number_stem.SENDER.extension, "
            "such as 10_executions.OMSFDEFFXXX.fix"
        )
    stem, sender, extension = form.groups()
    return f"{stem}.{extension}", sender


def frame_names(columns: Mapping[str, Column]) -> dict[str, str]:
    """Column of the file -> column of the frame, by the rule above."""
    return {
        name: name + _SUFFIX[column.scale] if column.scale is not None else name for name, column in columns.items()
    }


def read_market_file(kind: str, data: bytes) -> Parsed:
    """The rows of a file of this kind ("prices.csv"), in a frame's names. Bad rows name the file's own columns."""
    columns = KINDS[kind]
    parsed = read_csv(data, columns)
    return Parsed(good=parsed.good.rename(frame_names(columns)), bad=parsed.bad)


def build_market_file(kind: str, frame: pl.DataFrame) -> bytes:
    """The file of this kind that reads as this frame. Refuses what `build_csv` refuses."""
    columns = KINDS[kind]
    back = {there: here for here, there in frame_names(columns).items()}
    return build_csv(frame.rename({name: back[name] for name in frame.columns if name in back}), columns)
