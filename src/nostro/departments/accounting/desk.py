"""Where accounting writes: posts events by the rules, opens the books, values them and closes them. 会计工作台"""

import json
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Final, cast

import polars as pl
from django.db import connection

from nostro.departments.accounting import queries
from nostro.departments.accounting.rules import openings, posting, valuation
from nostro.departments.accounting.words import WORDS
from nostro.kernel.events import Fact
from nostro.kernel.events.accounting import BooksClosed, OpeningCash, OpeningPosition, PositionValued
from nostro.kernel.frames import REFUSED, filled, refused
from nostro.kernel.refusals import Refused, Tally
from nostro.ledger import accounts, assets
from nostro.ledger import posting as ledger
from nostro.ledger.close import close_day
from nostro.ledger.rules.verdicts import Verdict
from nostro.messages.marketfiles import read_market_file
from nostro.messages.shapes import WHERE, Parsed
from nostro.reference import queries as reference
from nostro.spine import events, exceptions, inbox
from nostro.spine.database import copy_in
from nostro.spine.entities import Entity
from nostro.spine.inbox import StoredFile
from nostro.spine.words import MESSAGES

DEPARTMENT: Final = "accounting"
CHUNK_EVENTS: Final = 200_000
LEG_BITS: Final = 8
"""A transfer's number is its event's, shifted left by this, plus the place of its entry in the rule from 1."""
_CEILINGS: Final = {"depot": 0}
"""The custodian never holds less than nothing for us; its accounts stand in credit."""


_CURRENCY_LETTERS: Final = 3
"""An ISIN has twelve."""
_WAITING: Final = pl.Schema(
    {
        **dict(posting.LEG),
        "kind": pl.String(),
        "about": pl.String(),
        "verdict": pl.String(),
    }
)


@cache
def posting_rules() -> posting.Rules:
    """The rules in `posting/`, read once. Refuses them as a whole when one cannot be right, with all errors."""
    folder = resources.files("nostro.departments.accounting") / "posting"
    return posting.compiled(
        {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".rule")}
    )


def book(entity: Entity, day: date) -> Tally:
    """Post every event that has a rule and was not read yet. 记账. Counts events; one that is refused is an exception.

    What is posted bears this day, also when its event was written on an earlier one: that day may be closed.
    """
    until = events.head(entity.id, lock=True).last_seq
    tally = _post(entity, day, events.position(entity.id, DEPARTMENT), until)
    events.advance(entity.id, DEPARTMENT, until)
    return tally


def post_again(entity: Entity, day: date, event: int) -> bool:
    """Try a single event again; true when it stands in the ledger now."""
    return _post(entity, day, event - 1, event).done == 1


def _post(entity: Entity, day: date, after: int, until: int) -> Tally:
    """Post the events after one number up to another, and open exceptions for those refused."""
    told, waiting = [pl.DataFrame(schema={**REFUSED, "cause": pl.Int64})], [pl.DataFrame(schema=_WAITING)]
    seen = 0
    while not (chunk := queries.to_post(entity.id, list(posting_rules()), after, until, CHUNK_EVENTS)).is_empty():
        entries, unruled = _entries(chunk)
        told.append(unruled)
        waiting.append(_refused_by_ledger(entries, _transfer(entity, day, entries)))
        seen, after = seen + chunk.height, int(chunk["seq"][-1])
    # A custodian may confirm a delivery before the receipt it was made from: what the bounds of an account forbade is
    # tried once more when the rest is posted. A third time would bring nothing, since no bound refuses a receipt.
    left = pl.concat(waiting)
    if not left.is_empty():
        told.append(_spoken(_refused_by_ledger(left, _transfer(entity, day, left))))
    every = pl.concat(told).sort("cause", "reason")
    exceptions.open_all(entity.id, day, DEPARTMENT, every, WORDS, deadline=_deadline(day))
    lost = every["cause"].n_unique()
    return Tally(seen=seen, done=seen - lost, refused=lost)


def _entries(chunk: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The entries of events (columns of TO_POST) by event, with its `kind` and `about`, its subject; and the refused."""
    legs, refusals = [], []
    for (kind,), part in chunk.sort("kind", "seq").group_by("kind", maintain_order=True):
        rule = posting_rules()[str(kind)]
        # Read as a file of lines: half the time of decoding a column.
        content = pl.read_ndjson(part["content"].str.join("\n").item().encode(), schema=rule.columns)
        done, bad = posting.entries(rule, part.select("seq", "subject").hstack(content))
        legs.append(done)
        refusals.append(bad)
    return pl.concat(legs).sort("event", "leg").join(
        chunk.select("kind", event="seq", about="subject"), on="event", how="left", maintain_order="left"
    ), pl.concat(refusals)


def _refused_by_ledger(entries: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """All entries of the events that were refused; `verdict` stands at the one that was the reason."""
    return (
        entries.select(name for name in _WAITING if name != "verdict")
        .join(answers, on="event", how="semi", maintain_order="left")
        .join(answers, on=["event", "leg"], how="left", maintain_order="left")
        .select(_WAITING.names())
    )


def _spoken(refused_entries: pl.DataFrame) -> pl.DataFrame:
    """An exception for each event, from the first of its entries that was a reason."""
    # What cannot be posted puts at risk the money that stands against the units.
    is_money = pl.col("asset").str.len_chars() == _CURRENCY_LETTERS
    money = refused_entries.filter(is_money).unique("event", keep="first", maintain_order=True)
    told = (
        refused_entries.filter(pl.col("verdict").is_not_null())
        .unique("event", keep="first", maintain_order=True)
        .join(
            money.select("event", money="amount_minor", currency="asset"), on="event", how="left", maintain_order="left"
        )
    )
    facts = {name: pl.col(name) for name in ("event", "kind", "about", "verdict", "debit", "credit", "asset")}
    return refused(
        told,
        "posting_refused",
        subject=filled("posting/{}", "event"),
        facts={**facts, "amount": pl.col("amount_minor")},
        money_minor=pl.col("money"),
        currency=pl.col("currency"),
    ).with_columns(cause=told["event"])


def _deadline(day: date) -> datetime | None:
    """The last cut-off of the day: until then the books can still be put right."""
    return cast(datetime | None, reference.cutoffs(day)["cutoff"].max())


def _transfer(entity: Entity, day: date, entries: pl.DataFrame) -> pl.DataFrame:
    """Post entries, all or none of each event; `event`, `leg` and `verdict` of those that are why one was refused."""
    asset_ids = assets.assets().select(asset="code", asset_id="id")
    known = entries.join(asset_ids, on="asset", how="left", maintain_order="left")
    numbers = _account_numbers(entity, day, known)
    debits, credits = (numbers.rename({"code": side, "account": f"{side}_id"}) for side in ("debit", "credit"))
    judged = (
        known.join(debits, on="debit", how="left", maintain_order="left")
        .join(credits, on="credit", how="left", maintain_order="left")
        .with_columns(
            id=pl.col("event") * (1 << LEG_BITS) + pl.col("leg"),
            verdict=pl.when(pl.col("asset_id").is_null())
            .then(pl.lit("asset_unknown"))
            .when(pl.col("debit_id").is_null() | pl.col("credit_id").is_null())
            .then(pl.lit("account_refused")),
        )
    )
    unfit = judged.filter(pl.col("verdict").is_not_null())
    answers = ledger.post(
        entity.id,
        judged.join(unfit, on="event", how="anti", maintain_order="left").select(
            "id",
            "amount_minor",
            "event",
            debit="debit_id",
            credit="credit_id",
            asset="asset_id",
            business_date=pl.lit(day),
            link="event",
        ),
    ).filter(~Verdict.is_accepted() & (pl.col("verdict") != int(Verdict.LINKED_REFUSED)))
    by_ledger = judged.drop("verdict").join(answers.select("id", verdict=Verdict.name_in()), on="id")
    reasons = ["event", "leg", "verdict"]
    return pl.concat([unfit.select(reasons), by_ledger.select(reasons)])


def _account_numbers(entity: Entity, day: date, entries: pl.DataFrame) -> pl.DataFrame:
    """`code`, `account` of every account the entries name; opens those missing, leaves out those the ledger refuses."""
    named = pl.concat([entries.select("asset_id", code=side) for side in ("debit", "credit")])
    wanted = (
        named.filter(pl.col("asset_id").is_not_null())
        .unique("code", keep="first", maintain_order=True)
        .sort("code")
        .with_columns(
            ceiling_minor=pl.col("code")
            .str.extract("^([a-z_]+)/")
            .replace_strict(_CEILINGS, default=None, return_dtype=pl.Int64)
        )
    )
    try:
        return accounts.open_accounts(entity.id, day, wanted)
    except Refused as error:
        closed = [refusal.subject.removeprefix("account/") for refusal in error.refusals]
        return accounts.open_accounts(entity.id, day, wanted.filter(~pl.col("code").is_in(closed)))


def open_books(entity: Entity, day: date) -> Tally:
    """Take over opening positions and cash, and post them in the same step. 建账. Counts lines of the files."""
    books, instruments, held = reference.books(entity.id), reference.instruments(), reference.accounts(entity.id)
    securities, cash = held.filter(pl.col("kind") == "securities"), held.filter(pl.col("kind") == "cash")

    def positions(rows: pl.DataFrame, opened: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
        return openings.positions(rows, books=books, instruments=instruments, accounts=securities, opened=opened)

    def balances(rows: pl.DataFrame, opened: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
        return openings.cash(rows, accounts=cash, opened=opened)

    tally = Tally(0)
    for kind, fact, judge in (
        ("openings.csv", OpeningPosition, positions),
        ("opening_cash.csv", OpeningCash, balances),
    ):
        for file in inbox.unread(entity.id, [kind]):
            tally += _open_file(entity, day, file, fact, judge)
    book(entity, day)
    return tally


Judge = Callable[[pl.DataFrame, pl.Series], tuple[pl.DataFrame, pl.DataFrame]]


def _open_file(entity: Entity, day: date, file: StoredFile, fact: type[Fact], judge: Judge) -> Tally:
    parsed = read_market_file(file.kind, inbox.content(entity.id, file.id))
    good, bad = judge(parsed.good, queries.subjects(entity.id, fact))
    events.emit(entity.id, day, fact, good.with_columns(message=file.message(pl.col("ordinal"))))
    exceptions.open_bad_messages(entity.id, day, DEPARTMENT, file, parsed, MESSAGES)
    exceptions.open_all(
        entity.id,
        day,
        DEPARTMENT,
        bad.with_columns(message=file.message(pl.col("ordinal"))),
        WORDS,
        deadline=_deadline(day),
    )
    outcomes = pl.concat([_outcomes(parsed, good, bad), _unreadable(parsed)]).sort("ordinal")
    inbox.record(entity.id, file, outcomes, read_by="open_books")
    return Tally(seen=outcomes.height, done=good.height, refused=outcomes.height - good.height)


def _outcomes(parsed: Parsed, good: pl.DataFrame, bad: pl.DataFrame) -> pl.DataFrame:
    """What became of each readable line, in the columns `inbox.record` takes."""
    first = bad.unique("ordinal", keep="first", maintain_order=True).select("ordinal", "reason", key="subject")
    subjects = pl.concat([good.select("ordinal", reason=pl.lit(None, pl.String), key="subject"), first])
    return (
        parsed.good.select(*WHERE)
        .join(subjects, on="ordinal", how="left", maintain_order="left")
        .with_columns(
            outcome=pl.when(pl.col("reason").is_null())
            .then(pl.lit("done"))
            .when(pl.col("reason") == "opening_repeated")
            .then(pl.lit("duplicate"))
            .otherwise(pl.lit("refused"))
        )
        .select(*WHERE, "key", "outcome", "reason")
    )


def _unreadable(parsed: Parsed) -> pl.DataFrame:
    return parsed.bad.select(*WHERE, "key", outcome=pl.lit("refused"), reason="reason")


def value(entity: Entity, day: date) -> Tally:
    """Value every position at the day's prices, and post the change. 估值

    A position without a usable price stays open; reference data has opened the exception about its price. What was
    valued on this day already is left alone.
    """
    positions = queries.positions(entity.id).join(
        queries.valuations(entity.id, day), on=["book", "instrument_id"], how="anti", maintain_order="left"
    )
    valued, unpriced, too_large = valuation.value(positions, reference.prices(day))
    seqs = events.emit(
        entity.id,
        day,
        PositionValued,
        valued.with_columns(subject=filled("position/{}/{}", "book", "isin")),
    )
    copy_in(
        "accounting_valuation",
        valued.select(
            "book",
            "instrument_id",
            "quantity",
            "price_micro",
            "currency",
            "value_minor",
            "carrying_minor",
            entity_id=pl.lit(entity.id),
            business_date=pl.lit(day),
            event=seqs,
        ),
    )
    exceptions.open_all(entity.id, day, DEPARTMENT, too_large, WORDS)
    book(entity, day)
    return Tally(seen=positions.height, done=valued.height, open=unpriced.height, refused=too_large.height)


def close(entity: Entity, day: date) -> Tally:
    """Post what is left, prove that debits equal credits in every asset, and close the day. 关账

    Counts the events that were left, and the accounts proved. Refuses the day, with every difference by name, when the
    books do not balance; nothing is written then.
    """
    posted = book(entity, day)
    closed = close_day(entity.id, day)
    totals = closed.trial_balance.join(assets.assets().select("code", asset_id="id"), on="asset_id", how="left")
    sides = dict(totals.select("code", "debit_minor").sort("code").iter_rows())
    fact = BooksClosed(closed.transfers, closed.accounts, json.dumps(sides))
    events.emit_one(entity.id, day, fact, f"day/{day}")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO spine_day (entity_id, business_date, state) VALUES (%s, %s, 'closed')"
            " ON CONFLICT (entity_id, business_date) DO UPDATE SET state = 'closed'",
            [entity.id, day],
        )
    return posted + Tally(closed.accounts, done=closed.accounts)
