"""Where reconciliation writes: takes in statements, compares, and opens an exception for each break. 对账工作台"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from nostro.departments.reconciliation import queries
from nostro.departments.reconciliation.queries import KEY
from nostro.departments.reconciliation.rules import cash, holdings, statements
from nostro.departments.reconciliation.words import WORDS
from nostro.kernel.events.reconciliation import AccountReconciled, StatementAccepted
from nostro.kernel.frames import filled, sum_by
from nostro.kernel.refusals import Tally
from nostro.messages.iso20022 import camt053, semt002
from nostro.messages.mt import cash as mt940
from nostro.messages.mt import holdings as mt535
from nostro.messages.shapes import CASH, HOLDING, WHERE, Parsed
from nostro.reference import queries as reference
from nostro.spine import events, exceptions, inbox
from nostro.spine.database import copy_in
from nostro.spine.entities import Entity
from nostro.spine.inbox import StoredFile
from nostro.spine.words import MESSAGES

DEPARTMENT: Final = "reconciliation"
READERS: Final[Mapping[str, Mapping[str, Callable[..., Parsed]]]] = {
    "holdings": {"semt002.xml": semt002.read_holdings, "mt535.fin": mt535.read_holdings},
    "cash": {"camt053.xml": camt053.read_cash, "mt940.fin": mt940.read_cash},
}
_PLACES: Final = {"holdings": "securities", "cash": "cash"}
_BREAKS: Final = {
    "holdings": ["holding_differs"],
    "cash": ["cash_missing_at_bank", "cash_amount_differs", "cash_unknown", "cash_twice", "cash_balance_differs"],
}
_HEAD: Final = ["message", "account", "currency", "statement", "sequence", "day", "opening_minor", "closing_minor"]
_RECONCILED: Final = "The two sides agree now. 双方现已一致"
_ARRIVED: Final = "The statement has come. 对账单已收到"


@dataclass(frozen=True, slots=True)
class Received:
    """Statements that came in.

    accepted  `id`, _HEAD and `previous_minor` of each, by account and sequence
    rows      their lines as the file has them, with the `id` of their statement
    seen      account and currency of every statement that could be read, accepted or not
    refused   messages and statements that were not accepted
    """

    accepted: pl.DataFrame
    rows: pl.DataFrame
    seen: pl.DataFrame
    refused: int


def reconcile_holdings(entity: Entity, day: date) -> Tally:
    """Compare custodians' statements with our depot accounts. 持仓对账

    Counts positions of both sides and what was not accepted; open are breaks and accounts without a statement.
    """
    came = _receive(entity, day, "holdings")
    positions = came.rows.filter(pl.col("isin").is_not_null()).select(
        "account", "day", "quantity_micro", statement="id", item="isin"
    )
    lines = _compare_holdings(entity, day, _scope(came), positions)
    return _tally(lines, _missing(entity, day, "holdings", came.seen), came.refused)


def reconcile_cash(entity: Entity, day: date) -> Tally:
    """Compare banks' statements with our movements, entry by entry, and prove the balances. 资金对账

    Counts lines of both sides and what was not accepted; open are breaks and accounts without a statement.
    """
    came = _receive(entity, day, "cash")
    entries = came.rows.filter(pl.col("entry").is_not_null()).select(
        *KEY, "entry", "amount_minor", "reference", "bank_reference", statement="id"
    )
    lines = _compare_cash(entity, day, _scope(came), entries, cash.openings(came.accepted))
    return _tally(lines, _missing(entity, day, "cash", came.seen), came.refused)


def rematch(entity: Entity, day: date, kind: str, account: str, currency: str, statement_day: date) -> pl.DataFrame:
    """Compare one account's day again, with what the ledger has now. 重新对账. `reason`, `subject` of what still differs."""
    scope = queries.compared(entity.id, kind, account, currency, statement_day)
    if kind == "cash":
        return cash.broken(_compare_cash(entity, day, scope, pl.DataFrame(), pl.DataFrame()))
    positions = queries.lines(entity.id, kind, statement_day).filter(pl.col("theirs_minor").is_not_null())
    theirs = positions.select("account", "day", "statement", "item", quantity_micro="theirs_minor")
    return holdings.broken(_compare_holdings(entity, day, scope, theirs))


def _tally(lines: pl.DataFrame, missing: int, refused: int) -> Tally:
    matched = lines["reason"].null_count()
    return Tally(lines.height + missing + refused, done=matched, open=lines.height - matched + missing, refused=refused)


def _receive(entity: Entity, day: date, kind: str) -> Received:
    """Read the files that came in, judge every statement, and write those accepted."""
    files = inbox.unread(entity.id, list(READERS[kind]))
    parsed = [_parsed(entity, kind, file) for file in files]
    shape = pl.DataFrame(
        schema={**WHERE, **(CASH if kind == "cash" else HOLDING), "message": pl.Int64, "file": pl.Int64}
    )
    read = [
        one.good.with_columns(message=file.message(pl.col("ordinal")), file=pl.lit(file.id))
        for file, one in zip(files, parsed, strict=True)
    ]
    rows = pl.concat([shape, *(part.select(pl.col(n).cast(k) for n, k in shape.schema.items()) for part in read)])
    rows = _with_first_page(rows, kind)
    heads = _heads(rows, kind)
    places = reference.accounts(entity.id).filter(pl.col("kind") == _PLACES[kind])
    judged = statements.judge(
        heads,
        last=queries.last_statements(entity.id, kind),
        known=queries.known_statements(entity.id, kind),
        accounts=places.select("currency", account="number"),
        day=day,
    )
    named = judged.accepted.with_columns(
        subject=filled("statement/{}/{}", "account", "statement"), statement_kind=pl.lit(kind)
    )
    accepted = judged.accepted.with_columns(id=events.emit(entity.id, day, StatementAccepted, named))
    copy_in(
        "reconciliation_statement",
        accepted.select(*_HEAD, "id", entity_id=pl.lit(entity.id), kind=pl.lit(kind), business_date=pl.lit(day)),
    )
    deadlines = _deadlines(entity, day)
    told = judged.told.join(deadlines, on="account", how="left", maintain_order="left")
    exceptions.open_all(entity.id, day, DEPARTMENT, told, WORDS)
    for file, one in zip(files, parsed, strict=True):
        exceptions.open_bad_messages(entity.id, day, DEPARTMENT, file, one, MESSAGES)
        own = rows.filter(pl.col("file") == file.id)
        inbox.record(entity.id, file, _outcomes(own, one, judged), read_by=f"reconcile_{kind}")
    for (of_day,), part in accepted.group_by("day", maintain_order=True):
        assert isinstance(of_day, date)
        awaited = statements.missing(part.select("account", "currency"), of_day)["subject"]
        exceptions.resolve(entity.id, day, awaited, ["statement_missing"], _ARRIVED)
    return Received(
        accepted,
        rows.join(accepted.select("id", "message", "account", "currency", "statement"), on=_IDENTITY, how="inner"),
        heads.select("account", "currency").unique(),
        judged.refused.height + sum(one.bad.height for one in parsed),
    )


_IDENTITY: Final = ["message", "account", "currency", "statement"]
"""A message may hold several statements."""


def _parsed(entity: Entity, kind: str, file: StoredFile) -> Parsed:
    read, data = READERS[kind][file.kind], inbox.content(entity.id, file.id)
    if not file.kind.endswith(".xml"):
        return read(data)
    folder = os.environ.get("NOSTRO_SCHEMAS")
    return read(data, schemas=Path(folder) if folder else None)


def _with_first_page(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    """The rows with the message of their statement's first page: a statement may come in several messages of a file."""
    statement = ["file", "account", "currency", "statement"]
    if kind == "cash":
        begins = pl.col("entry").is_null() | (pl.col("entry") == 1)
        copies = rows.with_columns(copy=begins.cum_sum().over(statement))
        return copies.with_columns(message=pl.col("message").min().over(*statement, "copy")).drop("copy")
    absent = pl.lit(None, pl.Int64)
    return rows.with_columns(currency=pl.lit(""), opening_minor=absent, closing_minor=absent).with_columns(
        message=pl.col("message").min().over(statement)
    )


def _heads(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    """One row for each statement, in the order they came."""
    heads = rows.unique(_IDENTITY, keep="first", maintain_order=True).select(_HEAD)
    if kind == "holdings":
        return heads.with_columns(entries_minor=pl.lit(None, pl.Int64))
    sums = sum_by(rows.with_columns(pl.col("amount_minor").fill_null(0)), _IDENTITY, "amount_minor")
    return heads.join(sums.rename({"amount_minor": "entries_minor"}), on=_IDENTITY, how="left", maintain_order="left")


def _outcomes(rows: pl.DataFrame, parsed: Parsed, judged: statements.Judged) -> pl.DataFrame:
    """What became of each message of a file, in the columns `inbox.record` takes. One with a statement that counts is done."""
    refused = judged.refused.unique("message", keep="first", maintain_order=True).join(
        judged.accepted, on="message", how="anti"
    )
    outcome = (
        pl.when(pl.col("reason").is_null())
        .then(pl.lit("done"))
        .when(pl.col("reason") == "statement_duplicate")
        .then(pl.lit("duplicate"))
        .otherwise(pl.lit("refused"))
    )
    readable = (
        rows.unique("ordinal", keep="first", maintain_order=True)
        .select(*WHERE, "message", key="statement")
        .join(refused.select("message", "reason"), on="message", how="left", maintain_order="left")
        .select(*WHERE, "key", outcome.alias("outcome"), "reason")
    )
    unreadable = parsed.bad.select(*WHERE, "key", outcome=pl.lit("refused"), reason="reason")
    return pl.concat([readable, unreadable])


def _scope(came: Received) -> pl.DataFrame:
    """What is compared: each account and day, with its last statement (`statement`, `id`, `closing_minor`)."""
    last = came.accepted.unique(KEY, keep="last", maintain_order=True)
    return last.select(*KEY, "statement", "id", "closing_minor")


def _compare_holdings(entity: Entity, day: date, scope: pl.DataFrame, positions: pl.DataFrame) -> pl.DataFrame:
    """Compare positions (account, day, statement, item, quantity_micro) of the statements in scope; returns the lines."""
    every = [pl.DataFrame(schema=holdings.LINE)]
    for of_day, part in _days(scope):
        # Of two statements of one account and day, the later says how it was.
        theirs = positions.join(part.select(statement="id"), on="statement", how="semi")
        ours = queries.depot_positions(entity.id, of_day).join(part, on="account", how="semi")
        lines = holdings.compare(theirs, ours)
        prices = pl.concat([reference.prices(of_day), reference.last_prices(of_day).drop("day")])
        told = holdings.told(lines, prices.unique("isin", keep="first", maintain_order=True))
        before = holdings.broken(_stored(entity, "holdings", of_day, part))
        _store(entity, day, "holdings", part, lines, told)
        _resolve(entity, day, "holdings", before, holdings.broken(lines))
        every.append(lines)
    return pl.concat(every)


def _compare_cash(
    entity: Entity, day: date, scope: pl.DataFrame, entries: pl.DataFrame, openings: pl.DataFrame
) -> pl.DataFrame:
    """Compare new entries of the accounts and days in scope, and those compared before; returns the lines of both sides."""
    every = [pl.DataFrame(schema=cash.LINE)]
    for of_day, part in _days(scope):
        stored = _stored(entity, "cash", of_day, part)
        about_balance = pl.col("reason").is_in(["statement_opening_differs", "cash_balance_differs"]).fill_null(False)
        again = stored.filter(pl.col("theirs_minor").is_not_null() & ~about_balance)
        theirs = again.select(
            *KEY, "entry", "bank_reference", "statement", amount_minor="theirs_minor", reference="item"
        )
        opened = stored.filter(pl.col("reason") == "statement_opening_differs")
        if not entries.is_empty():
            theirs = pl.concat([theirs, entries.filter(pl.col("day") == of_day).select(theirs.columns)])
        if not openings.is_empty():
            opened = pl.concat([opened, openings.filter(pl.col("day") == of_day).select(opened.columns)])
        ours = queries.movements(entity.id, [of_day]).join(part, on=KEY, how="semi", maintain_order="left")
        lines = pl.concat([opened.select(cash.LINE.names()), cash.compare(theirs, ours)])
        closings = (
            part.drop("statement")
            .rename({"id": "statement"})
            .join(queries.cash_balances(entity.id, of_day).rename({"balance_minor": "ours_minor"}), on=KEY, how="left")
            .join(queries.differences_before(entity.id, of_day), on=KEY, how="left")
            .with_columns(pl.col("ours_minor", "earlier_minor").fill_null(0))
        )
        lines = pl.concat([lines, cash.prove(closings, lines)]).sort("account", "currency", maintain_order=True)
        _store(entity, day, "cash", part, lines, cash.told(lines))
        _resolve(entity, day, "cash", cash.broken(stored), cash.broken(lines))
        every.append(lines)
    return pl.concat(every)


def _days(scope: pl.DataFrame) -> list[tuple[date, pl.DataFrame]]:
    """The scope day by day, the earliest first: a day's proof rests on those before it."""
    return [(of_day, scope.filter(pl.col("day") == of_day).sort(KEY)) for of_day in scope["day"].unique().sort()]


def _stored(entity: Entity, kind: str, of_day: date, part: pl.DataFrame) -> pl.DataFrame:
    """Lines of these accounts as they were last compared."""
    return queries.lines(entity.id, kind, of_day).join(part, on=KEY, how="semi", maintain_order="left")


def _store(entity: Entity, day: date, kind: str, scope: pl.DataFrame, lines: pl.DataFrame, told: pl.DataFrame) -> None:
    """Write a run for each account, its lines, and an exception for each break."""
    counts = lines.group_by(KEY).agg(
        lines=pl.len().cast(pl.Int64), matched=pl.col("reason").null_count().cast(pl.Int64)
    )
    runs = (
        scope.join(counts, on=KEY, how="left", maintain_order="left")
        .with_columns(pl.col("lines", "matched").fill_null(0))
        .with_columns(
            breaks=pl.col("lines") - pl.col("matched"),
            subject=filled("statement/{}/{}", "account", "statement"),
            cause="id",
        )
    )
    runs = runs.with_columns(run=events.emit(entity.id, day, AccountReconciled, runs))
    common = {"entity_id": pl.lit(entity.id)}
    copy_in(
        "reconciliation_run",
        runs.select(
            *KEY,
            "lines",
            "matched",
            "breaks",
            id="run",
            statement="id",
            kind=pl.lit(kind),
            business_date=pl.lit(day),
            **common,
        ),
    )
    numbered = lines.join(runs.select(*KEY, "run"), on=KEY, how="left", maintain_order="left")
    optional = [name for name in ("entry", "bank_reference") if name in lines.columns]
    copy_in(
        "reconciliation_line",
        numbered.select(
            "run",
            "statement",
            "theirs_minor",
            "ours_minor",
            "reason",
            *optional,
            number=pl.int_range(1, pl.len() + 1).over("run"),
            item=pl.col("item").str.slice(0, 40),
            outcome=pl.when(pl.col("reason").is_null()).then(pl.lit("matched")).otherwise(pl.lit("break")),
            **common,
        ),
    )
    whole = told.join(_deadlines(entity, day), on="account", how="left", maintain_order="left").join(
        runs.select("account", account_currency="currency", cause="run"),
        on=["account", "account_currency"],
        how="left",
        maintain_order="left",
    )
    exceptions.open_all(entity.id, day, DEPARTMENT, whole, WORDS)


def _resolve(entity: Entity, day: date, kind: str, before: pl.DataFrame, now: pl.DataFrame) -> None:
    """Close the exceptions of breaks that are none any more."""
    gone = before.join(now, on=["reason", "subject"], how="anti")
    for reason in _BREAKS[kind]:
        subjects = gone.filter(pl.col("reason") == reason)["subject"]
        if len(subjects):
            exceptions.resolve(entity.id, day, subjects, [reason], _RECONCILED)


def _missing(entity: Entity, day: date, kind: str, seen: pl.DataFrame) -> int:
    """Open an exception for each account that moved or holds something and got no statement of the day."""
    account = statements.ACCOUNT
    known = queries.known_statements(entity.id, kind).filter(pl.col("day") == day)
    ours = reference.accounts(entity.id).filter(pl.col("kind") == _PLACES[kind]).select("currency", account="number")
    without = ours.join(seen, on=account, how="anti").join(known, on=account, how="anti")
    if without.is_empty():
        return 0
    if kind == "cash":
        held = queries.cash_balances(entity.id, day).filter(pl.col("balance_minor") != 0)
        active = pl.concat([held.select(account), queries.movements(entity.id, [day]).select(account)])
    else:
        holding = queries.depot_positions(entity.id, day).filter(pl.col("quantity_micro") != 0)
        active = holding.select("account", currency=pl.lit(""))
    silent = without.join(active, on=account, how="semi").sort(account)
    told = statements.missing(silent, day).with_columns(account=silent["account"])
    told = told.join(_deadlines(entity, day), on="account", how="left", maintain_order="left")
    exceptions.open_all(entity.id, day, DEPARTMENT, told, WORDS)
    return silent.height


def _deadlines(entity: Entity, day: date) -> pl.DataFrame:
    """`account`, `deadline`: a break found in the evening is to be gone by the next working day's cut-off of its place."""
    next_day = day + timedelta(days=3 if day.weekday() == 4 else 2 if day.weekday() == 5 else 1)
    cutoffs = reference.cutoffs(next_day).group_by("place_bic").agg(deadline=pl.col("cutoff").min())
    places = (
        reference.accounts(entity.id)
        .select("place_bic", account="number")
        .unique("account", keep="first", maintain_order=True)
    )
    return places.join(cutoffs, on="place_bic", how="left", maintain_order="left").select("account", "deadline")
