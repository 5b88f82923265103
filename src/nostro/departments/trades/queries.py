"""Reads of the trades department, as frames. 交易查询"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import polars as pl

from nostro.spine.database import read_frame

EXECUTION: Final = pl.Schema(
    {
        "id": pl.Int64,
        "exec_id": pl.String,
        "order_id": pl.String,
        "book": pl.String,
        "isin": pl.String,
        "side": pl.String,
        "quantity_micro": pl.Int64,
        "price_micro": pl.Int64,
        "currency": pl.String,
        "trade_date": pl.Date,
        "settle_date": pl.Date,
        "mic": pl.String,
        "counterparty_bic": pl.String,
        "ccp_bic": pl.String,
        "message": pl.Int64,
        "price_accepted": pl.Boolean,
        "is_cancelled": pl.Boolean,
    }
)
_EXECUTION_SQL: Final = (
    "SELECT x.id, x.exec_id, x.order_id, x.book, x.isin, x.side, x.quantity_micro, x.price_micro, x.currency,"
    " x.trade_date, x.settle_date, x.mic, x.counterparty_bic, x.ccp_bic, x.message,"
    " x.price_accepted_by IS NOT NULL, x.cancelled_by IS NOT NULL FROM trades_execution x"
)
TRADE: Final = pl.Schema(
    {
        "id": pl.Int64,
        "exec_id": pl.String,
        "order_id": pl.String,
        "instrument_id": pl.Int64,
        "isin": pl.String,
        "side": pl.String,
        "quantity": pl.Int64,  # in the instrument's scale
        "quantity_micro": pl.Int64,
        "price_micro": pl.Int64,
        "currency": pl.String,
        "gross_minor": pl.Int64,
        "fee_minor": pl.Int64,
        "tax_minor": pl.Int64,
        "net_minor": pl.Int64,
        "trade_date": pl.Date,
        "settle_date": pl.Date,
        "mic": pl.String,
        "place_bic": pl.String,
        "counterparty_bic": pl.String,
        "ccp_bic": pl.String,
        "agent_bic": pl.String,
        "book": pl.String,
        "is_block": pl.Boolean,
        "event": pl.Int64,
        "is_cancelled": pl.Boolean,
    }
)
_TRADE_SQL: Final = (
    "SELECT t.id, x.exec_id, x.order_id, t.instrument_id, x.isin, t.side, t.quantity, x.quantity_micro, t.price_micro,"
    " t.currency, t.gross_minor, t.fee_minor, t.tax_minor, t.net_minor, t.trade_date, t.settle_date, t.mic, t.place_bic,"
    " t.counterparty_bic, t.ccp_bic, t.agent_bic, t.book, t.is_block, t.event, x.cancelled_by IS NOT NULL"
    " FROM trades_trade t JOIN trades_execution x ON x.entity_id = t.entity_id AND x.id = t.id"
)
# Cancelled ones are counted on the day they were cancelled, and never seen again.
_LIVE_OR_CANCELLED_TODAY: Final = (
    " AND (x.cancelled_by IS NULL OR EXISTS (SELECT FROM spine_event e WHERE e.entity_id = x.entity_id"
    " AND e.seq = x.cancelled_by AND e.business_date = %s))"
)
# What belongs to a book is never cancelled again, so that nothing later has to ask.
_IS_ALLOCATED: Final = "EXISTS (SELECT FROM trades_allocation a WHERE a.entity_id = t.entity_id AND a.trade = t.id)"
_CLEARING: Final = (
    *("id", "exec_id", "instrument_id", "isin", "side", "quantity", "gross_minor", "currency", "trade_date"),
    *("settle_date", "mic", "place_bic", "ccp_bic", "event"),
)
_SETTLEMENT: Final = pl.Schema(
    {
        "trade": pl.Int64,
        "exec_id": pl.String,
        "instrument_id": pl.Int64,
        "isin": pl.String,
        "side": pl.String,
        "quantity": pl.Int64,
        "gross_minor": pl.Int64,
        "currency": pl.String,
        "trade_date": pl.Date,
        "settle_date": pl.Date,
        "mic": pl.String,
        "place_bic": pl.String,
        "agent_bic": pl.String,
        "counterparty_bic": pl.String,
        "cause": pl.Int64,  # the event that confirmed it
    }
)
_CONFIRMED_SQL: Final = (
    "SELECT t.id, x.exec_id, t.instrument_id, x.isin, t.side, t.quantity, t.gross_minor, t.currency, t.trade_date,"
    " t.settle_date, t.mic, t.place_bic, t.agent_bic, t.counterparty_bic, c.event FROM trades_trade t"
    " JOIN trades_execution x ON x.entity_id = t.entity_id AND x.id = t.id"
    " JOIN trades_confirm c ON c.entity_id = t.entity_id AND c.trade = t.id"
)
ALLOCATION: Final = pl.Schema(
    {
        "trade": pl.Int64,
        "book": pl.String,
        "quantity": pl.Int64,
        "gross_minor": pl.Int64,
        "fee_minor": pl.Int64,
        "tax_minor": pl.Int64,
        "event": pl.Int64,
    }
)
ALLOCATION_LINE: Final = pl.Schema(
    {
        "exec_id": pl.String,
        "message": pl.Int64,
        "isin": pl.String,
        "side": pl.String,
        "trade_date": pl.Date,
        "total_micro": pl.Int64,
        "book": pl.String,
        "quantity_micro": pl.Int64,
    }
)
CONFIRMATION: Final = pl.Schema(
    {
        "message": pl.Int64,
        "confirm_id": pl.String,
        "order_id": pl.String,
        "isin": pl.String,
        "side": pl.String,
        "quantity_micro": pl.Int64,
        "currency": pl.String,
        "trade_date": pl.Date,
        "settle_date": pl.Date,
        "counterparty_bic": pl.String,
        "net_minor": pl.Int64,
    }
)


@dataclass(frozen=True, slots=True)
class Life:
    """What this department knows of one execution: as it came, what it became, whose it is, and who agreed."""

    execution: Mapping[str, Any]
    trade: Mapping[str, Any] | None  # null while it has not passed every check
    allocations: pl.DataFrame
    confirm_id: str | None  # null while it is not confirmed; cleared trades need no confirmation


def for_clearing(entity_id: int) -> pl.DataFrame:
    """Trades that belong to books and that a CCP clears, by number (`trade`). Which it has novated, clearing knows."""
    query = f"{_TRADE_SQL} WHERE t.entity_id = %s AND t.ccp_bic IS NOT NULL AND {_IS_ALLOCATED} ORDER BY t.id"
    return read_frame(query, [entity_id], schema=TRADE).select(_CLEARING).rename({"id": "trade", "event": "cause"})


def for_settlement(entity_id: int) -> pl.DataFrame:
    """Bilateral trades that belong to books and that the counterparty confirmed, by number."""
    query = f"{_CONFIRMED_SQL} WHERE t.entity_id = %s AND t.ccp_bic IS NULL AND {_IS_ALLOCATED} ORDER BY t.id"
    return read_frame(query, [entity_id], schema=_SETTLEMENT)


def executions_waiting(entity_id: int, day: date) -> pl.DataFrame:
    """EXECUTION rows that are no trade yet, by number, with those that were cancelled that day."""
    return read_frame(
        f"{_EXECUTION_SQL} WHERE x.entity_id = %s AND NOT EXISTS"  # our own text
        f" (SELECT FROM trades_trade t WHERE t.entity_id = x.entity_id AND t.id = x.id){_LIVE_OR_CANCELLED_TODAY}"
        " ORDER BY x.id",
        [entity_id, day],
        schema=EXECUTION,
    )


def trades_unallocated(entity_id: int, day: date) -> pl.DataFrame:
    """TRADE rows that belong to no book yet, by number, with those that were cancelled that day."""
    return _trades_without("trades_allocation", "", entity_id, day)


def trades_unconfirmed(entity_id: int, day: date) -> pl.DataFrame:
    """Bilateral TRADE rows nobody confirmed yet, by number, with those that were cancelled that day."""
    return _trades_without("trades_confirm", " AND t.ccp_bic IS NULL", entity_id, day)


def allocation_lines(entity_id: int) -> pl.DataFrame:
    """Every instruction for trades that belong to no book yet, in the order in which they came."""
    return read_frame(
        "SELECT l.exec_id, l.message, l.isin, l.side, l.trade_date, l.total_micro, l.book, l.quantity_micro"
        " FROM trades_allocationline l JOIN trades_execution x ON x.entity_id = l.entity_id AND x.exec_id = l.exec_id"
        " WHERE l.entity_id = %s AND NOT EXISTS"
        " (SELECT FROM trades_allocation a WHERE a.entity_id = x.entity_id AND a.trade = x.id)"
        " ORDER BY l.message, l.number",
        [entity_id],
        schema=ALLOCATION_LINE,
    )


def confirmations_unused(entity_id: int) -> pl.DataFrame:
    """Every confirmation that confirms no trade yet, in the order in which they came."""
    return read_frame(
        "SELECT m.message, m.confirm_id, m.order_id, m.isin, m.side, m.quantity_micro, m.currency, m.trade_date,"
        " m.settle_date, m.counterparty_bic, m.net_minor FROM trades_confirmation m"
        " WHERE m.entity_id = %s AND NOT EXISTS"
        " (SELECT FROM trades_confirm c WHERE c.entity_id = m.entity_id AND c.message = m.message) ORDER BY m.message",
        [entity_id],
        schema=CONFIRMATION,
    )


def life(entity_id: int, trade: str) -> Life | None:
    """One execution by its execution id or, failing that, by its number; null when there is none."""
    found = read_frame(
        f"{_EXECUTION_SQL} WHERE x.entity_id = %s AND (x.exec_id = %s OR x.id::text = %s)"  # our own text
        " ORDER BY x.exec_id = %s DESC LIMIT 1",
        [entity_id, trade, trade, trade],
        schema=EXECUTION,
    )
    if found.is_empty():
        return None
    execution = found.row(0, named=True)
    number = execution["id"]
    became = read_frame(f"{_TRADE_SQL} WHERE t.entity_id = %s AND t.id = %s", [entity_id, number], schema=TRADE)
    parts = read_frame(
        "SELECT trade, book, quantity, gross_minor, fee_minor, tax_minor, event FROM trades_allocation"
        " WHERE entity_id = %s AND trade = %s ORDER BY book",
        [entity_id, number],
        schema=ALLOCATION,
    )
    agreed = read_frame(
        "SELECT confirm_id FROM trades_confirm WHERE entity_id = %s AND trade = %s",
        [entity_id, number],
        schema=pl.Schema({"confirm_id": pl.String}),
    )
    return Life(
        execution,
        became.row(0, named=True) if became.height else None,
        parts,
        agreed["confirm_id"][0] if agreed.height else None,
    )


def _trades_without(later: str, condition: str, entity_id: int, day: date) -> pl.DataFrame:
    return read_frame(
        f"{_TRADE_SQL} WHERE t.entity_id = %s AND NOT EXISTS"  # our own text
        f" (SELECT FROM {later} l WHERE l.entity_id = t.entity_id AND l.trade = t.id)"
        f"{condition}{_LIVE_OR_CANCELLED_TODAY} ORDER BY t.id",
        [entity_id, day],
        schema=TRADE,
    )
