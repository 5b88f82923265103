"""Takes in what things are and what they cost: the only place that writes reference data. 参考数据处理

Every load is an upsert by key: the same file again changes nothing. A bad row costs itself, and stands in the queue.
"""

from collections.abc import Sequence
from datetime import date

import polars as pl
from django.db import connection
from psycopg import sql

from nostro.kernel.events.reference import InstrumentAdded, PriceSet, ReferenceLoaded, SsiAdded
from nostro.kernel.frames import filled
from nostro.kernel.money import currency_scale
from nostro.kernel.refusals import Tally
from nostro.ledger.assets import assets, open_assets
from nostro.messages.marketfiles import read_market_file
from nostro.messages.shapes import BAD, WHERE, Parsed
from nostro.reference import queries
from nostro.reference.rules import prices, static
from nostro.reference.words import WORDS
from nostro.spine import exceptions, inbox
from nostro.spine.database import copy_in, raw, read_frame
from nostro.spine.entities import COLUMNS, HOUSE, Entity
from nostro.spine.events import emit_one
from nostro.spine.inbox import StoredFile
from nostro.spine.words import MESSAGES

DEPARTMENT = "reference"
INSTRUMENTS_FROM = 1000
"""An instrument's number, which is its asset's number too, is this plus its place, from 1. Currencies are below."""
_SPOKEN = {**MESSAGES, **WORDS}


def load_reference(house: Entity, day: date) -> Tally:
    """Take in entities, markets, instruments and parties, and open the ledger's assets for them. 载入公共静态数据"""
    tally = Tally(0)
    for file in inbox.unread(HOUSE, ["entities.csv"]):
        parsed = _judged(HOUSE, file)
        _upsert("spine_entity", _numbered(parsed.good, "spine_entity", "code", 0, COLUMNS.split(", ")), ["id"])
        tally += _finish(house, day, file, parsed)
    for file in inbox.unread(HOUSE, ["markets.csv"]):
        parsed = _judged(HOUSE, file)
        markets = parsed.good.drop(*WHERE).with_columns(cutoff=pl.col("cutoff") + ":00")
        _upsert("reference_market", markets, ["mic", "valid_from"])
        tally += _finish(house, day, file, parsed)
    for file in inbox.unread(HOUSE, ["instruments.csv"]):
        parsed = _judged(HOUSE, file)
        changed = static.scale_changes(parsed.good, queries.instruments())
        kept = static.split(parsed.good, changed)
        add_instruments(kept.good.drop(*WHERE))
        tally += _finish(house, day, file, Parsed(kept.good, _bad(parsed.bad, kept.bad)))
    for file in inbox.unread(HOUSE, ["parties.csv"]):
        parsed = _judged(HOUSE, file)
        columns = ["id", "bic", "lei", "name", "name_zh", "kind"]
        _upsert("reference_party", _numbered(parsed.good, "reference_party", "bic", 0, columns), ["id"])
        tally += _finish(house, day, file, parsed)
    _open_currencies()
    return tally


def add_instruments(rows: pl.DataFrame) -> None:
    """Write instruments (isin, name, name_zh, cfi, currency, mic, scale) and open an asset for each; known ones change.

    A new instrument is numbered in the order of the rows.
    """
    columns = ["id", "isin", "name", "name_zh", "cfi", "currency", "mic", "scale"]
    numbered = _numbered(rows, "reference_instrument", "isin", INSTRUMENTS_FROM, columns)
    _upsert("reference_instrument", numbered, ["id"])
    open_assets(numbered.select("id", "scale", code="isin"))


def load_opening_prices(house: Entity, day: date) -> Tally:
    """Take in prices and rates of the last close, before the day begins. 载入开盘前行情"""
    tally = _load_rates(house, day)
    for file in inbox.unread(HOUSE, ["prices.csv"]):
        parsed = _price_lines(file, day)
        _store_prices(parsed.good, file.sender)
        tally += _finish(house, day, file, parsed)
    return tally


def load_closing_prices(house: Entity, day: date) -> Tally:
    """Take in prices and rates of the day's close; what is stale, wild or missing stands in the queue. 载入收盘行情"""
    tally = _load_rates(house, day)
    files = inbox.unread(HOUSE, ["prices.csv"])
    lines = []
    for file in files:
        parsed = _price_lines(file, day)
        _finish(house, day, file, parsed)
        lines.append(parsed.good.with_columns(source=pl.lit(file.sender)))
        tally += Tally(parsed.bad.height, refused=parsed.bad.height)
    if not lines:
        return tally
    every = pl.concat(lines)
    usable, refused = prices.close(
        every, queries.instruments(), queries.last_prices(day), day, queries.shut_markets(day)
    )
    for (sender,), part in usable.group_by("source", maintain_order=True):
        _store_prices(part, str(sender))
    # A second file of the evening speaks of some instruments only; the others have their price already.
    priced = _subjects(queries.prices(day))
    refused = refused.filter((pl.col("reason") != "price_missing") | ~pl.col("subject").is_in(priced.implode()))
    exceptions.open_all(HOUSE, day, DEPARTMENT, refused, WORDS)
    exceptions.resolve(HOUSE, day, _subjects(usable), list(prices.REASONS), "A price of the day came.")
    absent = refused.filter(pl.col("reason") == "price_missing").height
    # A line that repeats another file's is done: the newest of each instrument speaks for all.
    done = every.height + absent - refused.height
    return tally + Tally(every.height + absent, done=done, open=refused.height)


def load_static(entity: Entity, day: date) -> Tally:
    """Take in the entity's own books, accounts and settlement instructions. 载入本法人静态数据"""
    tally = Tally(0)
    for kind, table in (
        ("books.csv", "reference_book"),
        ("accounts.csv", "reference_placeaccount"),
        ("ssis.csv", "reference_ssi"),
    ):
        for file in inbox.unread(entity.id, [kind]):
            parsed = _judged(entity.id, file)
            rows = parsed.good.drop(*WHERE).with_columns(entity_id=pl.lit(entity.id))
            if kind == "books.csv":
                rows = rows.with_columns(is_block=pl.col("is_block") == "yes")
            _upsert(table, rows, ["entity_id", *static.KEYS[kind]])
            tally += _finish(entity, day, file, parsed)
    return tally


def _judged(entity_id: int, file: StoredFile) -> Parsed:
    parsed = read_market_file(file.kind, inbox.content(entity_id, file.id))
    judged = static.judge(file.kind, parsed.good)
    return Parsed(judged.good, _bad(parsed.bad, judged.bad))


def _price_lines(file: StoredFile, day: date) -> Parsed:
    parsed = _judged(HOUSE, file)
    usable = prices.lines_usable(parsed.good, queries.instruments(), day)
    return Parsed(usable.good, _bad(parsed.bad, usable.bad))


def _bad(*parts: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([part.select(*BAD) for part in parts]).sort("ordinal")


def _finish(entity: Entity, day: date, file: StoredFile, parsed: Parsed) -> Tally:
    """Write what became of each row, open what is bad, and say that the file is loaded."""
    exceptions.open_bad_messages(entity.id, day, DEPARTMENT, file, parsed, _SPOKEN)
    rows = pl.concat(
        [
            parsed.good.select(
                *WHERE, key=pl.lit(None, pl.String), outcome=pl.lit("done"), reason=pl.lit(None, pl.String)
            ),
            parsed.bad.select(*WHERE, "key", outcome=pl.lit("refused"), reason=pl.col("reason")),
        ]
    ).sort("ordinal")
    inbox.record(entity.id, file, rows, read_by=DEPARTMENT)
    what = file.kind.removesuffix(".csv")
    emit_one(entity.id, day, ReferenceLoaded(what, parsed.good.height), f"reference/{what}")
    return Tally(rows.height, done=parsed.good.height, refused=parsed.bad.height)


def _load_rates(house: Entity, day: date) -> Tally:
    tally = Tally(0)
    for file in inbox.unread(HOUSE, ["fx.csv"]):
        parsed = _judged(HOUSE, file)
        rates = parsed.good.drop(*WHERE).with_columns(source=pl.lit(file.sender))
        _upsert("reference_fxrate", rates, ["base", "quote", "day", "source"])
        tally += _finish(house, day, file, parsed)
    return tally


def _store_prices(lines: pl.DataFrame, source: str) -> None:
    rows = lines.select("isin", "day", "price_micro", "currency", source=pl.lit(source))
    _upsert("reference_price", rows, ["isin", "day", "source"])


def _subjects(priced: pl.DataFrame) -> pl.Series:
    return priced.select(filled("price/{}", pl.col("isin")).alias("subject")).to_series()


def _numbered(rows: pl.DataFrame, table: str, key: str, above: int, columns: Sequence[str]) -> pl.DataFrame:
    """The rows with the number each key has already, new ones numbered in the order of the rows."""
    query = sql.SQL("SELECT id, {} FROM {} ORDER BY id").format(sql.Identifier(key), sql.Identifier(table))
    known = read_frame(query.as_string(), schema=pl.Schema({"id": pl.Int64, key: pl.String}))
    last = max([above, *known["id"].to_list()])
    once = rows.unique(key, keep="first", maintain_order=True)
    told = once.join(known, on=key, how="left", maintain_order="left")
    place = pl.col("id").is_null().cast(pl.Int64).cum_sum() + last
    return told.with_columns(id=pl.coalesce("id", place)).select(columns)


def _open_currencies() -> None:
    """An asset for each currency anything is in: numbered from 1, new ones in the order of their codes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT currency FROM spine_entity UNION SELECT currency FROM reference_market"
            " UNION SELECT currency FROM reference_instrument ORDER BY 1"
        )
        wanted = [row[0] for row in cursor.fetchall()]
    known = assets().filter(pl.col("id") < INSTRUMENTS_FROM)
    new = [code for code in wanted if code not in set(known["code"])]
    first = max([0, *known["id"].to_list()]) + 1
    rows = [(first + place, code, currency_scale(code)) for place, code in enumerate(new)]
    assert first + len(new) <= INSTRUMENTS_FROM, "ISO 4217 has fewer than a thousand currencies"
    if rows:
        open_assets(pl.DataFrame(rows, schema=["id", "code", "scale"], orient="row"))


def _upsert(table: str, rows: pl.DataFrame, keys: Sequence[str]) -> None:
    """Insert the rows, and change those whose key is there already, in two statements whatever their number."""
    if rows.is_empty():
        return
    rows = rows.unique(keys, keep="first", maintain_order=True)
    name, passing = sql.Identifier(table), sql.Identifier(f"incoming_{table}")
    columns = sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    changed = sql.SQL(", ").join(
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column)) for column in rows.columns if column not in keys
    )
    with raw().cursor() as cursor:
        cursor.execute(sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {}) ON COMMIT DROP").format(passing, name))
        copy_in(f"incoming_{table}", rows)
        cursor.execute(
            sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} ON CONFLICT ({}) DO UPDATE SET {}").format(
                name, columns, columns, passing, sql.SQL(", ").join(map(sql.Identifier, keys)), changed
            )
        )
        cursor.execute(sql.SQL("DROP TABLE {}").format(passing))


def set_price(house: Entity, day: date, isin: str, price_micro: int, currency: str, actor: str) -> None:
    """Write a price two people agreed on; it goes before any vendor's. 手工录入价格"""
    row = {"isin": isin, "day": day, "price_micro": price_micro, "currency": currency}
    _store_prices(pl.DataFrame([row]), queries.HAND)
    emit_one(house.id, day, PriceSet(isin, day, price_micro, currency), f"price/{isin}", actor=actor)


def add_instrument(house: Entity, day: date, row: pl.DataFrame, actor: str) -> None:
    """Add one instrument two people agreed on (the columns of `add_instruments`). 手工新增证券"""
    add_instruments(row)
    _open_currencies()
    isin, name, currency, mic = row.select("isin", "name", "currency", "mic").row(0)
    emit_one(house.id, day, InstrumentAdded(isin, name, currency, mic), f"instrument/{isin}", actor=actor)


def add_ssi(
    entity: Entity, day: date, party_bic: str, place_bic: str, agent_bic: str, account: str, actor: str
) -> None:
    """Add a settlement instruction of a counterparty two people agreed on, in force from this day. 手工新增标准结算指令"""
    row = {
        "entity_id": entity.id,
        "party_bic": party_bic,
        "place_bic": place_bic,
        "valid_from": day,
        "agent_bic": agent_bic,
        "account": account,
    }
    _upsert("reference_ssi", pl.DataFrame([row]), ["entity_id", *static.KEYS["ssis.csv"]])
    emit_one(
        entity.id, day, SsiAdded(party_bic, place_bic, agent_bic, day), f"ssi/{party_bic}/{place_bic}", actor=actor
    )
