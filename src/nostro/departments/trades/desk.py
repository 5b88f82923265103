"""Captures executions and makes trades of them: the only place that writes in this department. 交易处理

Each step takes what it has not dealt with yet, so that running it again changes nothing but what has come right since.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

import polars as pl
from django.db import connection

from nostro.departments.trades import queries
from nostro.departments.trades.rules import allocate as allocation
from nostro.departments.trades.rules import capture as capturing
from nostro.departments.trades.rules import confirm as confirmation
from nostro.departments.trades.rules import enrich as enrichment
from nostro.departments.trades.rules import validate as validation
from nostro.departments.trades.words import WORDS
from nostro.kernel.events.trades import (
    ExecutionCancelled,
    ExecutionCaptured,
    ExecutionPriceAccepted,
    TradeAllocated,
    TradeConfirmed,
    TradeEnriched,
)
from nostro.kernel.frames import filled, refused
from nostro.kernel.refusals import Refusal, Refused, Tally
from nostro.messages import fix
from nostro.messages.shapes import WHERE, Parsed
from nostro.reference import queries as reference
from nostro.spine import exceptions, inbox
from nostro.spine.database import copy_in, raw, read_frame
from nostro.spine.entities import Entity
from nostro.spine.events import emit, emit_one
from nostro.spine.inbox import StoredFile
from nostro.spine.words import MESSAGES

DEPARTMENT: Final = "trades"
_EXECUTION: Final = (
    *("id", "exec_id", "order_id", "book", "isin", "side", "quantity_micro", "price_micro", "currency", "trade_date"),
    *("settle_date", "mic", "counterparty_bic", "ccp_bic", "content_sha256", "message"),
)
_TRADE: Final = (
    *("id", "instrument_id", "side", "quantity", "price_micro", "currency", "gross_minor", "fee_minor", "tax_minor"),
    *("net_minor", "trade_date", "settle_date", "mic", "place_bic", "counterparty_bic", "ccp_bic", "agent_bic", "book"),
    *("is_block", "event"),
)
_TRADE_SUBJECT: Final = filled("trade/{}", pl.col("id"))


def capture(entity: Entity, day: date) -> Tally:
    """Take in execution reports: each trade once. 成交接收

    Counted as cancelled: reports of an execution that came before. Refused: what cannot be read, and another trade under
    an execution id that is taken.
    """
    tally = Tally(0)
    for file in inbox.unread(entity.id, ["executions.fix"]):
        tally += _capture_file(entity, day, file)
    return tally


def enrich(entity: Entity, day: date) -> Tally:
    """Check every execution that is no trade yet, and make trades of those that pass. 成交校验与补录

    Open: executions with an exception. They are tried again with each run, and their exceptions close as they come right.
    """
    seen = queries.executions_waiting(entity.id, day)
    waiting = seen.filter(~pl.col("is_cancelled"))
    passed, wrong = validation.validate(waiting, _reference(entity, day, waiting))
    trades = enrichment.enrich(passed)
    events = emit(entity.id, day, TradeEnriched, trades.with_columns(subject=_TRADE_SUBJECT, cause="id"))
    _copy(entity, day, "trades_trade", trades.with_columns(event=events).select(_TRADE))
    exceptions.open_all(entity.id, day, DEPARTMENT, _due(wrong.with_columns(cause="id"), day), WORDS)
    _close_cured(entity, day, waiting, wrong, validation.REASONS)
    cancelled = seen.height - waiting.height
    return Tally(seen.height, done=trades.height, open=waiting.height - trades.height, cancelled=cancelled)


def allocate(entity: Entity, day: date) -> Tally:
    """Say of every trade whose book it belongs to. 交易分配

    A block trade waits, open, for an instruction that adds up. Refused: instructions that cannot be read, or for an
    execution we do not have.
    """
    strays, bad = _take_allocations(entity, day)
    seen = queries.trades_unallocated(entity.id, day)
    scales = reference.instruments().select("instrument_id", "scale")
    waiting = seen.filter(~pl.col("is_cancelled")).join(scales, on="instrument_id", how="left", maintain_order="left")
    lines = queries.allocation_lines(entity.id)
    parts, wrong = allocation.allocate(waiting, lines, reference.books(entity.id))
    told = lines.group_by("exec_id").agg(pl.col("message").max())
    trades = waiting.select(
        "id", "exec_id", "isin", "side", "currency", "place_bic", "settle_date", "mic", "is_block", cause="event"
    ).join(told, on="exec_id", how="left")
    allocated = parts.rename({"trade": "id"}).join(trades, on="id", how="left", maintain_order="left")
    allocated = allocated.with_columns(message=pl.when("is_block").then("message"), subject=_TRADE_SUBJECT)
    events = emit(entity.id, day, TradeAllocated, allocated)
    _copy(entity, day, "trades_allocation", parts.with_columns(event=events))
    marked = wrong.join(trades.select("id", "mic", "cause"), on="id", how="left", maintain_order="left")
    exceptions.open_all(entity.id, day, DEPARTMENT, _due(marked, day), WORDS)
    _close_cured(entity, day, waiting, wrong, allocation.REASONS)
    done, cancelled = parts["trade"].n_unique(), seen.height - waiting.height
    return Tally(
        seen.height + strays + bad, done=done, open=waiting.height - done, cancelled=cancelled, refused=strays + bad
    )


def confirm(entity: Entity, day: date) -> Tally:
    """Compare bilateral trades with what the counterparties say. 交易确认

    Open: trades whose confirmation is missing or differs. Refused: confirmations that cannot be read, or of an order we
    do not have.
    """
    strays, bad = _take_confirmations(entity, day)
    seen = queries.trades_unconfirmed(entity.id, day)
    waiting = seen.filter(~pl.col("is_cancelled"))
    agreed, wrong = confirmation.confirm(waiting, queries.confirmations_unused(entity.id))
    trades = waiting.select("id", "net_minor", "currency", "mic", cause="event")
    confirmed = agreed.join(trades, on="id", how="left", maintain_order="left").with_columns(subject=_TRADE_SUBJECT)
    events = emit(entity.id, day, TradeConfirmed, confirmed)
    _copy(
        entity, day, "trades_confirm", confirmed.select("message", "confirm_id", trade="id").with_columns(event=events)
    )
    marked = wrong.join(trades.select("id", "mic", "cause"), on="id", how="left", maintain_order="left")
    exceptions.open_all(entity.id, day, DEPARTMENT, _due(marked, day), WORDS)
    _close_cured(entity, day, waiting, wrong, confirmation.REASONS)
    done, cancelled = confirmed.height, seen.height - waiting.height
    return Tally(
        seen.height + strays + bad, done=done, open=waiting.height - done, cancelled=cancelled, refused=strays + bad
    )


def cancel_execution(entity: Entity, day: date, exec_id: str, actor: str) -> None:
    """Take an execution out, and close what the queue says about it. 撤销成交

    Refused when it already belongs to a book: it stands in the ledger, and only a new trade of the other side undoes it.
    """
    known = _known(entity, exec_id)
    if known.allocations.height:
        raise Refused(Refusal("execution_booked", f"execution/{exec_id}", facts={"exec_id": exec_id}))
    event = emit_one(
        entity.id,
        day,
        ExecutionCancelled(exec_id),
        f"execution/{exec_id}",
        cause=int(known.execution["id"]),
        actor=actor,
    )
    _mark(entity, exec_id, "cancelled_by", event)
    exceptions.resolve(entity.id, day, pl.Series([f"execution/{exec_id}"]), list(WORDS), "The execution was cancelled.")


def accept_price(entity: Entity, day: date, exec_id: str, actor: str) -> None:
    """Let the price of an execution pass, however far from the last one; the other checks stay. 接受偏离价格"""
    known = _known(entity, exec_id)
    event = emit_one(
        entity.id,
        day,
        ExecutionPriceAccepted(exec_id),
        f"execution/{exec_id}",
        cause=int(known.execution["id"]),
        actor=actor,
    )
    _mark(entity, exec_id, "price_accepted_by", event)


def accept_confirm(entity: Entity, day: date, exec_id: str, confirm_id: str, actor: str) -> None:
    """Hold a trade confirmed at our own amount, whatever the counterparty said or did not say. 人工确认"""
    known = _known(entity, exec_id)
    trade = known.trade
    if trade is None or known.confirm_id is not None:
        raise Refused(Refusal("execution_unconfirmable", f"execution/{exec_id}", facts={"exec_id": exec_id}))
    event = emit_one(
        entity.id,
        day,
        TradeConfirmed(confirm_id, int(trade["net_minor"]), str(trade["currency"])),
        f"trade/{trade['id']}",
        cause=int(trade["event"]),
        actor=actor,
    )
    row = pl.DataFrame([{"trade": trade["id"], "message": None, "confirm_id": confirm_id, "event": event}])
    _copy(entity, day, "trades_confirm", row)


def _capture_file(entity: Entity, day: date, file: StoredFile) -> Tally:
    parsed = fix.read_executions(inbox.content(entity.id, file.id))
    exceptions.open_bad_messages(entity.id, day, DEPARTMENT, file, parsed, MESSAGES)
    reports = parsed.good.with_columns(
        capturing.content_hashes(parsed.good["content"]), message=file.message(pl.col("ordinal"))
    ).drop("content", "transact_time", "sender")
    judged = capturing.judge(reports, _among(entity, "exec_id", reports["exec_id"], "content_sha256"))
    subject = filled("execution/{}", pl.col("exec_id"))
    events = emit(entity.id, day, ExecutionCaptured, judged.new.with_columns(subject=subject))
    _copy(entity, day, "trades_execution", judged.new.with_columns(id=events).select(_EXECUTION))
    again = capturing.duplicate_refusals(judged.duplicates, file.name)
    other = capturing.conflict_refusals(judged.conflicts, file.name)
    exceptions.open_all(entity.id, day, DEPARTMENT, _due(again, day), WORDS, closed=True)
    exceptions.open_all(entity.id, day, DEPARTMENT, _due(other, day), WORDS)
    outcomes = (
        (judged.new, "done", None),
        (judged.duplicates, "duplicate", "execution_duplicate"),
        (judged.conflicts, "refused", "execution_conflict"),
    )
    items = [
        part.select(*WHERE, key="exec_id", outcome=pl.lit(outcome), reason=pl.lit(reason, pl.String))
        for part, outcome, reason in outcomes
    ]
    _record(entity, file, pl.concat(items), parsed, "capture")
    return Tally(
        reports.height + parsed.bad.height,
        done=judged.new.height,
        cancelled=judged.duplicates.height,
        refused=judged.conflicts.height + parsed.bad.height,
    )


def _among(entity: Entity, column: str, values: pl.Series, *also: str) -> pl.DataFrame:
    """Of our executions those whose column is one of these values: that column and others, in one query for any number."""
    columns = (column, *also)
    assert set(columns) <= {"exec_id", "order_id", "content_sha256"}
    with raw().cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE incoming_execution (wanted text) ON COMMIT DROP")
        copy_in("incoming_execution", values.unique(maintain_order=True).to_frame("wanted"))
        cursor.execute("ANALYZE incoming_execution")
        known = read_frame(
            f"SELECT DISTINCT {', '.join(columns)} FROM trades_execution JOIN incoming_execution ON {column} = wanted"  # noqa: S608
            " WHERE entity_id = %s",
            [entity.id],
            schema=pl.Schema(dict.fromkeys(columns, pl.String)),
        )
        cursor.execute("DROP TABLE incoming_execution")
    return known


def _reference(entity: Entity, day: date, executions: pl.DataFrame) -> validation.Reference:
    """What is in force for these executions on this day."""
    return validation.Reference(
        instruments=reference.instruments().select("instrument_id", "isin", "currency", "scale"),
        terms=reference.market_terms(executions.select("mic", "trade_date").unique()).select(
            *("mic", "trade_date", "place_bic", "price_tolerance_bp", "fee_bp_micro"),
            *("tax_buy_bp_micro", "tax_sell_bp_micro", "settle_date", "fault"),
        ),
        parties=reference.parties().select("bic", "kind"),
        ssis=reference.ssis(entity.id, day).select("party_bic", "place_bic", "agent_bic"),
        books=reference.books(entity.id),
        prices=reference.last_prices(day),
    )


def _take_allocations(entity: Entity, day: date) -> tuple[int, int]:
    """Store the instructions that came in; how many are for an execution we do not have, and how many can't be read."""
    strays, bad = 0, 0
    for file in inbox.unread(entity.id, ["allocations.fix"]):
        parsed = fix.read_allocations(inbox.content(entity.id, file.id))
        exceptions.open_bad_messages(entity.id, day, DEPARTMENT, file, parsed, MESSAGES)
        lines = parsed.good.with_columns(
            message=file.message(pl.col("ordinal")), number=pl.int_range(1, pl.len() + 1).over("ordinal")
        )
        stored = ["message", "number", "alloc_id", *(n for n in queries.ALLOCATION_LINE if n != "message")]
        _copy(entity, day, "trades_allocationline", lines.select(stored))
        told = lines.unique("ordinal", keep="first", maintain_order=True)
        known = _among(entity, "exec_id", told["exec_id"])
        unknown = told.join(known, on="exec_id", how="anti", maintain_order="left")
        wrong = refused(
            unknown,
            "allocation_unknown",
            subject=filled("allocation/{}", pl.col("alloc_id")),
            place=filled("{} message {}", pl.lit(file.name), pl.col("ordinal")),
            facts={"alloc_id": pl.col("alloc_id"), "exec_id": pl.col("exec_id")},
        ).hstack(unknown.select("message"))
        exceptions.open_all(entity.id, day, DEPARTMENT, wrong, WORDS)
        _record_stored(
            entity, file, told.with_columns(key="alloc_id"), unknown, "allocation_unknown", parsed, "allocate"
        )
        strays, bad = strays + unknown.height, bad + parsed.bad.height
    return strays, bad


def _take_confirmations(entity: Entity, day: date) -> tuple[int, int]:
    """Store the confirmations that came in; how many are of an order we do not have, and how many can't be read."""
    strays, bad = 0, 0
    for file in inbox.unread(entity.id, ["confirms.fix"]):
        parsed = fix.read_confirms(inbox.content(entity.id, file.id))
        exceptions.open_bad_messages(entity.id, day, DEPARTMENT, file, parsed, MESSAGES)
        told = parsed.good.with_columns(message=file.message(pl.col("ordinal")))
        _copy(entity, day, "trades_confirmation", told.select(*queries.CONFIRMATION, "price_micro"))
        orders = _among(entity, "order_id", told["order_id"])
        unknown = told.join(orders, on="order_id", how="anti", maintain_order="left")
        wrong = refused(
            unknown,
            "confirm_unknown",
            subject=filled("confirm/{}", pl.col("confirm_id")),
            place=filled("{} message {}", pl.lit(file.name), pl.col("ordinal")),
            facts={name: pl.col(name) for name in ("confirm_id", "order_id", "isin", "side", "counterparty_bic")},
            money_minor=pl.col("net_minor"),
            currency=pl.col("currency"),
        ).hstack(unknown.select("message"))
        exceptions.open_all(entity.id, day, DEPARTMENT, wrong, WORDS)
        _record_stored(entity, file, told.with_columns(key="confirm_id"), unknown, "confirm_unknown", parsed, "confirm")
        strays, bad = strays + unknown.height, bad + parsed.bad.height
    return strays, bad


def _record_stored(
    entity: Entity,
    file: StoredFile,
    told: pl.DataFrame,
    unknown: pl.DataFrame,
    reason: str,
    parsed: Parsed,
    step: str,
) -> None:
    is_unknown = pl.col("ordinal").is_in(unknown["ordinal"].implode())
    items = told.select(
        *WHERE,
        "key",
        outcome=pl.when(is_unknown).then(pl.lit("refused")).otherwise(pl.lit("done")),
        reason=pl.when(is_unknown).then(pl.lit(reason)),
    )
    _record(entity, file, items, parsed, step)


def _record(entity: Entity, file: StoredFile, items: pl.DataFrame, parsed: Parsed, step: str) -> None:
    bad = parsed.bad.select(*WHERE, "key", outcome=pl.lit("refused"), reason=pl.col("reason"))
    inbox.record(entity.id, file, pl.concat([items, bad]).sort("ordinal"), read_by=step)


def _copy(entity: Entity, day: date, table: str, rows: pl.DataFrame) -> None:
    copy_in(table, rows.with_columns(entity_id=pl.lit(entity.id), business_date=pl.lit(day)))


def _due(wrong: pl.DataFrame, day: date) -> pl.DataFrame:
    """The refusals with the cut-off of their market (`mic`), the last moment at which a cure still helps."""
    cutoffs = reference.cutoffs(day).select("mic", deadline="cutoff")
    return wrong.join(cutoffs, on="mic", how="left", maintain_order="left")


def _close_cured(entity: Entity, day: date, seen: pl.DataFrame, wrong: pl.DataFrame, reasons: Sequence[str]) -> None:
    """Close what the queue still says about these executions and no longer holds."""
    queued = read_frame(
        "SELECT reason, subject FROM spine_exception WHERE entity_id = %s AND state <> 'closed' AND reason = ANY(%s)"
        " ORDER BY id",
        [entity.id, list(reasons)],
        schema=exceptions.KNOWN,
    )
    subjects = seen.select(subject=filled("execution/{}", pl.col("exec_id")))
    cured = queued.join(subjects, on="subject", how="semi", maintain_order="left").join(
        wrong.select("reason", "subject"), on=["reason", "subject"], how="anti", maintain_order="left"
    )
    for (reason,), part in cured.group_by("reason", maintain_order=True):
        exceptions.resolve(entity.id, day, part["subject"], [str(reason)], "What was wrong has come right.")


def _known(entity: Entity, exec_id: str) -> queries.Life:
    known = queries.life(entity.id, exec_id)
    if known is None or known.execution["is_cancelled"]:
        raise Refused(Refusal("execution_gone", f"execution/{exec_id}", facts={"exec_id": exec_id}))
    return known


def _mark(entity: Entity, exec_id: str, column: str, event: int) -> None:
    assert column in {"cancelled_by", "price_accepted_by"}
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE trades_execution SET {column} = %s WHERE entity_id = %s AND exec_id = %s",  # noqa: S608
            [event, entity.id, exec_id],
        )
