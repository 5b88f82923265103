"""What clearing knows: nets, the trades behind them, and what the CCPs said. 清算查询"""

from datetime import date
from typing import Final

import polars as pl

from nostro.reference import queries as reference
from nostro.spine.database import read_frame

NET: Final = pl.Schema(
    {
        "net": pl.Int64,
        "ccp_bic": pl.String,
        "place_bic": pl.String,
        "mic": pl.String,
        "instrument_id": pl.Int64,
        "currency": pl.String,
        "settle_date": pl.Date,
        "trade_date": pl.Date,
        "quantity": pl.Int64,
        "cash_minor": pl.Int64,
        "trades": pl.Int64,
        "business_date": pl.Date,
        "agreed_event": pl.Int64,
    }
)
"""A net as it is stored; its number is the event that formed it. Signs: + we receive."""
OBLIGATION: Final = pl.Schema(
    {
        "ccp_bic": pl.String,
        "isin": pl.String,
        "settle_date": pl.Date,
        "currency": pl.String,
        "direction": pl.String,
        "quantity_micro": pl.Int64,
        "cash_e4": pl.Int64,
        "message": pl.Int64,
    }
)
_NUMBER: Final = pl.Schema({"trade": pl.Int64, "net": pl.Int64})
_COLUMNS: Final = "id, " + ", ".join(name for name in NET if name != "net")


def nets(entity_id: int, *, as_of: date | None = None) -> pl.DataFrame:
    """Every net formed up to a business date, by number: NET and `isin`, `scale`, `direction` (receive, deliver)."""
    return _named(
        read_frame(
            f"SELECT {_COLUMNS} FROM clearing_net WHERE entity_id = %s"  # noqa: S608  # our own column list
            " AND (%s::date IS NULL OR business_date <= %s) ORDER BY id",
            [entity_id, as_of, as_of],
            schema=NET,
        )
    )


def standing(entity_id: int, keys: pl.DataFrame) -> pl.DataFrame:
    """The nets that are not agreed yet, and all others of the same CCP, instrument and settlement date as these keys.

    keys  `ccp_bic`, `isin`, `settle_date`. Columns as `nets`, in order of number.
    """
    dates = keys["settle_date"].unique().to_list()
    found = _named(
        read_frame(
            f"SELECT {_COLUMNS} FROM clearing_net WHERE entity_id = %s"  # noqa: S608  # our own column list
            " AND (agreed_event IS NULL OR settle_date = ANY(%s::date[]) OR settle_date IN"
            " (SELECT settle_date FROM clearing_net WHERE entity_id = %s AND agreed_event IS NULL)) ORDER BY id",
            [entity_id, dates, entity_id],
            schema=NET,
        )
    )
    same = ["ccp_bic", "isin", "settle_date"]
    touched = pl.concat([keys.select(same), found.filter(pl.col("agreed_event").is_null()).select(same)]).unique()
    return found.join(touched, on=same, how="semi", maintain_order="left")


def obligations(entity_id: int, settle_dates: list[date]) -> pl.DataFrame:
    """What the CCPs said last about obligations of these settlement dates: columns of OBLIGATION."""
    return read_frame(
        f"SELECT {', '.join(OBLIGATION)} FROM clearing_obligation WHERE entity_id = %s"  # noqa: S608  # our own list
        " AND settle_date = ANY(%s::date[]) ORDER BY ccp_bic, isin, settle_date, currency, direction",
        [entity_id, settle_dates],
        schema=OBLIGATION,
    )


def for_settlement(entity_id: int) -> pl.DataFrame:
    """Nets that are agreed with the CCP, by number, columns as `nets`. Settlement leaves out what it has instructed."""
    return _named(
        read_frame(
            f"SELECT {_COLUMNS} FROM clearing_net WHERE entity_id = %s"  # noqa: S608  # our own column list
            " AND agreed_event IS NOT NULL ORDER BY id",
            [entity_id],
            schema=NET,
        )
    )


def novations(entity_id: int, from_trade: int) -> pl.DataFrame:
    """Trades from this number on whose counterparty is the CCP, and their nets: `trade`, `net`, by trade."""
    return read_frame(
        "SELECT trade, net FROM clearing_novation WHERE entity_id = %s AND trade >= %s ORDER BY trade",
        [entity_id, from_trade],
        schema=_NUMBER,
    )


def trades_of(entity_id: int, net: int) -> list[int]:
    """The trades behind a net, by number: what explains it."""
    found = read_frame(
        "SELECT trade, net FROM clearing_novation WHERE entity_id = %s AND net = %s ORDER BY trade",
        [entity_id, net],
        schema=_NUMBER,
    )
    return found["trade"].to_list()


def net_of(entity_id: int, trade: int) -> int | None:
    """The net that a trade went into; None while it is not novated."""
    found = read_frame(
        "SELECT trade, net FROM clearing_novation WHERE entity_id = %s AND trade = %s",
        [entity_id, trade],
        schema=_NUMBER,
    )
    return int(found["net"][0]) if found.height else None


def _named(found: pl.DataFrame) -> pl.DataFrame:
    names = reference.instruments().select("instrument_id", "isin", "scale")
    return found.join(names, on="instrument_id", how="left", maintain_order="left").with_columns(
        direction=pl.when(pl.col("quantity") > 0).then(pl.lit("receive")).otherwise(pl.lit("deliver"))
    )
