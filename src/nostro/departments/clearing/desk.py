"""Novate and net cleared trades, and agree each net with its CCP. The only place of clearing that writes. 清算台"""

from datetime import date
from typing import Final

import polars as pl
from django.db import connection

from nostro.departments.clearing import queries
from nostro.departments.clearing.rules import agree as agreement
from nostro.departments.clearing.rules import netting
from nostro.departments.clearing.words import WORDS
from nostro.departments.trades import queries as trades
from nostro.kernel.events.clearing import NetAgreed, NetFormed, TradeNovated
from nostro.kernel.frames import filled
from nostro.kernel.money import MICRO
from nostro.kernel.refusals import Tally
from nostro.messages.marketfiles import read_market_file
from nostro.reference import queries as reference
from nostro.spine import exceptions, holds, inbox
from nostro.spine.database import copy_in
from nostro.spine.entities import Entity
from nostro.spine.events import MACHINE, emit, head
from nostro.spine.words import MESSAGES

DEPARTMENT: Final = "clearing"
_NET: Final = (
    "ccp_bic",
    "place_bic",
    "mic",
    "instrument_id",
    "currency",
    "settle_date",
    "trade_date",
    "quantity",
    "cash_minor",
    "trades",
)


def novate(entity: Entity, day: date) -> Tally:
    """Put the CCP in place of the counterparty of each cleared trade, and net. What is held waits. 合约更替与轧差

    Seen are cleared trades that are not novated yet; open are those somebody holds.
    """
    cleared = trades.for_clearing(entity.id).with_columns(subject=filled("trade/{}", "trade"))
    if cleared.is_empty():
        return Tally(0)
    first_trade = int(cleared["trade"].to_numpy().min())
    cleared = cleared.join(queries.novations(entity.id, first_trade), on="trade", how="anti")
    free = cleared.join(holds.held(entity.id), on="subject", how="anti")
    netted = netting.net(free)

    # A net is named after the event that forms it, and the event's subject is that name.
    first_net = head(entity.id, lock=True).last_seq + 1
    nets = netted.nets.with_columns(id=pl.int_range(first_net, first_net + pl.len(), dtype=pl.Int64)).with_columns(
        subject=filled("net/{}", "id")
    )
    emit(entity.id, day, NetFormed, nets)
    copy_in("clearing_net", nets.select("id", *_NET, entity_id=pl.lit(entity.id), business_date=pl.lit(day)))
    novated = netted.members.with_columns(pl.col("net") + first_net).join(
        free.select("trade", "subject", "ccp_bic"), on="trade", how="inner", maintain_order="left"
    )
    emit(entity.id, day, TradeNovated, novated.with_columns(cause="net"))
    copy_in(
        "clearing_novation",
        novated.select("trade", "net", entity_id=pl.lit(entity.id), business_date=pl.lit(day)),
    )
    return Tally(cleared.height, done=novated.height, open=cleared.height - free.height)


def agree(entity: Entity, day: date) -> Tally:
    """Compare our nets with what the CCPs report. What differs or is missing is not instructed. 与中央对手方核对

    Seen are obligations: the CCPs' of today, and ours that are not agreed yet; a line that cannot be read is refused.
    """
    told, bad = _read(entity, day)
    compared = compare(entity, day, told)
    same, refused = compared.same.height, compared.refused.height
    return Tally(same + refused + bad, done=same, refused=refused + bad)


def _read(entity: Entity, day: date) -> tuple[pl.DataFrame, int]:
    """Take in the CCPs' files: what they say last about each obligation, and how many lines can't be read."""
    told, bad = [pl.DataFrame(schema=queries.OBLIGATION)], 0
    for file in inbox.unread(entity.id, ["obligations.csv"]):
        parsed = read_market_file("obligations.csv", inbox.content(entity.id, file.id))
        exceptions.open_bad_messages(entity.id, day, DEPARTMENT, file, parsed, MESSAGES)
        lines = parsed.good.with_columns(
            message=file.message(pl.col("ordinal")), subject=file.subject(pl.col("ordinal"))
        )
        sifted = agreement.sift(lines)
        invalid = sifted.refused.with_columns(message=file.message(pl.col("ordinal")))
        exceptions.open_all(entity.id, day, DEPARTMENT, invalid, WORDS)
        where = ["ordinal", "start", "length", "key", "outcome", "reason"]
        taken = lines.with_columns(key=agreement.subject().str.slice(0, 80)).join(
            invalid.select("ordinal", "reason"), on="ordinal", how="left", maintain_order="left"
        )
        is_taken = pl.col("reason").is_null()
        items = taken.with_columns(outcome=pl.when(is_taken).then(pl.lit("done")).otherwise(pl.lit("refused")))
        broken = parsed.bad.with_columns(outcome=pl.lit("refused"))
        inbox.record(entity.id, file, pl.concat([items.select(where), broken.select(where)]), read_by="agree")
        told.append(sifted.good.select(queries.OBLIGATION.names()))
        bad += parsed.bad.height + invalid.height
    last = pl.concat(told).unique(agreement.KEY, keep="last", maintain_order=True)
    _remember(entity, day, last)
    return last, bad


def _remember(entity: Entity, day: date, told: pl.DataFrame) -> None:
    columns = ", ".join(queries.OBLIGATION)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE told (LIKE clearing_obligation)")
        copy_in("told", told.with_columns(entity_id=pl.lit(entity.id), business_date=pl.lit(day)))
        cursor.execute(
            f"INSERT INTO clearing_obligation (entity_id, business_date, {columns})"  # noqa: S608  # our own list
            f" SELECT entity_id, business_date, {columns} FROM told"
            " ON CONFLICT (entity_id, ccp_bic, isin, settle_date, currency, direction) DO UPDATE SET"
            " quantity_micro = excluded.quantity_micro, cash_e4 = excluded.cash_e4, message = excluded.message,"
            " business_date = excluded.business_date"
        )
        cursor.execute("DROP TABLE told")


def compare(entity: Entity, day: date, told: pl.DataFrame) -> agreement.Compared:
    """Compare our nets that are not agreed, and those the CCPs speak of in `told`, with the CCPs' last word."""
    deadlines = _deadlines(day)
    ours = queries.standing(entity.id, told).with_columns(is_agreed=pl.col("agreed_event").is_not_null())
    scale = pl.col("scale").replace_strict({s: 10 ** (MICRO - s) for s in range(MICRO + 1)}, return_dtype=pl.Int64)
    ours = ours.with_columns(
        quantity_micro=pl.col("quantity").abs() * scale, cash_minor=pl.col("cash_minor").abs()
    ).join(deadlines, on="ccp_bic", how="left", maintain_order="left")
    concerned = pl.concat([told.select(agreement.KEY), ours.select(agreement.KEY)]).unique()
    theirs = (
        queries.obligations(entity.id, concerned["settle_date"].unique().to_list())
        .join(concerned, on=agreement.KEY, how="semi", maintain_order="left")
        .join(deadlines, on="ccp_bic", how="left", maintain_order="left")
    )
    compared = agreement.compare(ours, theirs)
    _agree(entity, day, compared.agreed)
    exceptions.open_all(entity.id, day, DEPARTMENT, compared.refused, WORDS)
    for reason in agreement.REASONS:
        others = compared.refused.filter(pl.col("reason") != reason)["subject"]
        exceptions.resolve(
            entity.id, day, compared.same["subject"], [reason], "Both sides say the same now. 双方现已一致"
        )
        exceptions.resolve(entity.id, day, others, [reason], "Something else is wrong now. 情况已变化")
    return compared


def take_ours(entity: Entity, day: date, subject: str, actor: str) -> int:
    """Agree our nets of one obligation without the CCP's word, as two people decided. Returns how many."""
    open_nets = queries.nets(entity.id).filter(pl.col("agreed_event").is_null())
    chosen = open_nets.filter(agreement.subject() == subject)
    _agree(
        entity,
        day,
        chosen.select("net", "ccp_bic", subject=filled("net/{}", "net"), message=pl.lit(None, pl.Int64)),
        actor=actor,
    )
    return chosen.height


def _agree(entity: Entity, day: date, agreed: pl.DataFrame, *, actor: str = MACHINE) -> None:
    seqs = emit(entity.id, day, NetAgreed, agreed.with_columns(cause="net"), actor=actor)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE agreed (id bigint, event bigint)")
        copy_in("agreed", agreed.select(id="net", event=seqs))
        cursor.execute(
            "UPDATE clearing_net n SET agreed_event = a.event FROM agreed a WHERE n.entity_id = %s AND n.id = a.id",
            [entity.id],
        )
        cursor.execute("DROP TABLE agreed")


def _deadlines(day: date) -> pl.DataFrame:
    """Until when a CCP's obligations can still be instructed: the earliest cut-off of the markets it clears."""
    return (
        reference.markets(day)
        .select("mic", "ccp_bic")
        .join(reference.cutoffs(day), on="mic", how="inner")
        .group_by("ccp_bic")
        .agg(deadline=pl.col("cutoff").min())
        .sort("ccp_bic")
    )
