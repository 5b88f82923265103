"""Reads of reference data, as frames: what is in force on a day. 参考数据查询"""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from nostro.reference.rules import calendars
from nostro.spine.database import read_frame

HAND: Final = "hand"
"""The source of a price two people set; it goes before any vendor's."""
_INSTRUMENT: Final = pl.Schema(
    {
        "instrument_id": pl.Int64,
        "isin": pl.String,
        "name": pl.String,
        "currency": pl.String,
        "mic": pl.String,
        "scale": pl.Int64,
    }
)
_MARKET: Final = pl.Schema(
    {
        "mic": pl.String,
        "valid_from": pl.Date,
        "name": pl.String,
        "name_zh": pl.String,
        "currency": pl.String,
        "place_bic": pl.String,
        "ccp_bic": pl.String,
        "dialect": pl.String,
        "cycle_days": pl.Int64,
        "exchange_calendar": pl.String,
        "bank_calendar": pl.String,
        "timezone": pl.String,
        "cutoff": pl.String,  # HH:MM:SS, local
        "price_tolerance_bp": pl.Int64,
        "fee_bp_micro": pl.Int64,
        "tax_buy_bp_micro": pl.Int64,
        "tax_sell_bp_micro": pl.Int64,
    }
)
_PARTY: Final = pl.Schema({"bic": pl.String, "lei": pl.String, "name": pl.String, "kind": pl.String})
_SSI: Final = pl.Schema({"party_bic": pl.String, "place_bic": pl.String, "agent_bic": pl.String, "account": pl.String})
_BOOK: Final = pl.Schema({"code": pl.String, "is_block": pl.Boolean})
_ACCOUNT: Final = pl.Schema(
    {
        "number": pl.String,
        "currency": pl.String,  # "" for securities
        "kind": pl.String,
        "servicer_bic": pl.String,
        "place_bic": pl.String,
    }
)
_PRICE: Final = pl.Schema({"isin": pl.String, "price_micro": pl.Int64, "currency": pl.String})
_LAST: Final = pl.Schema({"isin": pl.String, "price_micro": pl.Int64, "currency": pl.String, "day": pl.Date})
_RATE: Final = pl.Schema({"base": pl.String, "quote": pl.String, "rate_e8": pl.Int64, "day": pl.Date})
_CUTOFF: Final = pl.Schema({"mic": pl.String(), "place_bic": pl.String(), "cutoff": pl.Datetime("us", "UTC")})


def instruments() -> pl.DataFrame:
    """The golden copy, by number: instrument_id, isin, name, currency, mic, scale (decimals of a quantity)."""
    return read_frame(
        "SELECT id, isin, name, currency, mic, scale FROM reference_instrument ORDER BY id", schema=_INSTRUMENT
    )


def markets(day: date) -> pl.DataFrame:
    """Every market with its rules in force that day."""
    return (
        _market_history()
        .filter(pl.col("valid_from") <= day)
        .unique("mic", keep="last", maintain_order=True)
        .sort("mic")
    )


def parties() -> pl.DataFrame:
    """Everybody we deal with: bic, lei, name, kind."""
    return read_frame("SELECT bic, lei, name, kind FROM reference_party ORDER BY bic", schema=_PARTY)


def ssis(entity_id: int, day: date) -> pl.DataFrame:
    """Where counterparties settle with this entity, one row for each party and place, as in force that day."""
    return read_frame(
        "SELECT DISTINCT ON (party_bic, place_bic) party_bic, place_bic, agent_bic, account FROM reference_ssi"
        " WHERE entity_id = %s AND valid_from <= %s ORDER BY party_bic, place_bic, valid_from DESC",
        [entity_id, day],
        schema=_SSI,
    )


def books(entity_id: int) -> pl.DataFrame:
    """The entity's books: code, is_block."""
    return read_frame(
        "SELECT code, is_block FROM reference_book WHERE entity_id = %s ORDER BY code", [entity_id], schema=_BOOK
    )


def accounts(entity_id: int) -> pl.DataFrame:
    """The entity's accounts with custodians and banks."""
    return read_frame(
        "SELECT number, currency, kind, servicer_bic, place_bic FROM reference_placeaccount WHERE entity_id = %s"
        " ORDER BY number, currency",
        [entity_id],
        schema=_ACCOUNT,
    )


def prices(day: date) -> pl.DataFrame:
    """The close of that day for each instrument that has one; a price set by hand goes before a vendor's."""
    return read_frame(
        "SELECT DISTINCT ON (isin) isin, price_micro, currency FROM reference_price WHERE day = %s"
        " ORDER BY isin, (source = %s) DESC, source",
        [day, HAND],
        schema=_PRICE,
    )


def last_prices(before: date) -> pl.DataFrame:
    """The latest close of a day before this one for each instrument that has one, and its day."""
    return read_frame(
        "SELECT DISTINCT ON (isin) isin, price_micro, currency, day FROM reference_price WHERE day < %s"
        " ORDER BY isin, day DESC, (source = %s) DESC, source",
        [before, HAND],
        schema=_LAST,
    )


def fx_rates(day: date) -> pl.DataFrame:
    """The latest rate up to that day for each pair that has one: base, quote, rate_e8, day."""
    return read_frame(
        "SELECT DISTINCT ON (base, quote) base, quote, rate_e8, day FROM reference_fxrate WHERE day <= %s"
        " ORDER BY base, quote, day DESC, source",
        [day],
        schema=_RATE,
    )


def market_terms(pairs: pl.DataFrame) -> pl.DataFrame:
    """The rules in force on each trade date, with the settlement date or why there is none.

    pairs  mic, trade_date, once each. A market that is not known on its date is left out.
    """
    history = _market_history().rename({"name": "market"})
    told = (
        pairs.select("mic", "trade_date")
        .sort("trade_date", "mic")
        .join_asof(
            history.sort("valid_from"), left_on="trade_date", right_on="valid_from", by="mic", check_sortedness=False
        )
        .filter(pl.col("cycle_days").is_not_null())
        .sort("mic", "trade_date")
    )
    settles = calendars.settle_dates(told)
    return told.hstack(settles.select("settle_date", "fault"))


def settle_dates(pairs: pl.DataFrame) -> pl.DataFrame:
    """mic, trade_date, settle_date and fault for each pair, in order.

    Without a date there is a fault, trade_on_holiday or calendar_unknown; a market that is not known has no calendar.
    """
    terms = market_terms(pairs.unique()).select("mic", "trade_date", "settle_date", "fault")
    told = pairs.select("mic", "trade_date").join(terms, on=["mic", "trade_date"], how="left", maintain_order="left")
    no_date = pl.col("settle_date").is_null() & pl.col("fault").is_null()
    return told.with_columns(fault=pl.when(no_date).then(pl.lit("calendar_unknown")).otherwise("fault"))


def shut_markets(day: date) -> list[str]:
    """Markets whose exchange is shut that day. One whose calendar does not reach the day is not called shut."""
    pairs = markets(day).select("mic", trade_date=pl.lit(day))
    return settle_dates(pairs).filter(pl.col("fault") == "trade_on_holiday")["mic"].to_list()


def cutoffs(day: date) -> pl.DataFrame:
    """When settlement against payment ends that day: mic, place_bic, cutoff (UTC)."""
    rows = []
    for market in markets(day).select("mic", "place_bic", "cutoff", "timezone").iter_rows():
        mic, place_bic, local, timezone = market
        at = datetime.fromisoformat(f"{day}T{local}").replace(tzinfo=ZoneInfo(timezone))
        rows.append((mic, place_bic, at.astimezone(ZoneInfo("UTC"))))
    return pl.DataFrame(rows, schema=_CUTOFF, orient="row")


def _market_history() -> pl.DataFrame:
    return read_frame(
        "SELECT mic, valid_from, name, name_zh, currency, place_bic, ccp_bic, dialect, cycle_days, exchange_calendar,"
        " bank_calendar, timezone, cutoff::text, price_tolerance_bp, fee_bp_micro, tax_buy_bp_micro, tax_sell_bp_micro"
        " FROM reference_market ORDER BY mic, valid_from",
        schema=_MARKET,
    )
