"""What accounting is asked: what is still to post, positions and their values, the trial balance. 会计查询"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import polars as pl

from nostro.departments.accounting.rules.posting import CHART, MONEY
from nostro.kernel.events import Fact
from nostro.kernel.frames import sum_by
from nostro.ledger import assets
from nostro.ledger import queries as ledger
from nostro.reference import queries as reference
from nostro.spine.database import read_frame

TO_POST: Final = pl.Schema({"seq": pl.Int64, "kind": pl.String, "subject": pl.String, "content": pl.String})
VALUATION: Final = pl.Schema(
    {
        "book": pl.String,
        "instrument_id": pl.Int64,
        "quantity": pl.Int64,
        "price_micro": pl.Int64,
        "currency": pl.String,
        "value_minor": pl.Int64,
        "carrying_minor": pl.Int64,
        "event": pl.Int64,
    }
)


def to_post(entity_id: int, kinds: Sequence[str], after: int, until: int, count: int) -> pl.DataFrame:
    """The next events of these kinds in the entity's log, at most `count`: columns of TO_POST."""
    return read_frame(
        "SELECT seq, kind, subject, content FROM spine_event WHERE entity_id = %s AND seq > %s AND seq <= %s"
        " AND kind = ANY(%s) ORDER BY seq LIMIT %s",
        [entity_id, after, until, list(kinds), count],
        schema=TO_POST,
    )


def subjects(entity_id: int, fact: type[Fact]) -> pl.Series:
    """The subjects of all events of a kind."""
    return read_frame(
        "SELECT subject FROM spine_event WHERE entity_id = %s AND kind = %s ORDER BY seq",
        [entity_id, fact.kind()],
        schema=pl.Schema({"subject": pl.String}),
    )["subject"]


def positions(entity_id: int, *, as_of: date | None = None, as_known_at: datetime | None = None) -> pl.DataFrame:
    """Every position a book has, or has sold out with a result that is not in the books yet.

    Columns book, isin, instrument_id, scale, currency, quantity, carrying_minor (cost and valuations), by book, ISIN.
    """
    key = ["book", "isin"]
    by_class = {
        prefix: _of_book(ledger.balances(entity_id, prefix=prefix, as_of=as_of, as_known_at=as_known_at))
        for prefix in ("book/", "cost/", "valuation/")
    }
    units = by_class["book/"].select(*key, quantity="balance_minor")
    carrying = pl.concat(
        by_class[name].select(*key, carrying_minor="balance_minor") for name in ("cost/", "valuation/")
    )
    return (
        units.join(sum_by(carrying, key, "carrying_minor"), on=key, how="full", coalesce=True)
        .with_columns(pl.col("quantity", "carrying_minor").fill_null(0))
        .filter((pl.col("quantity") != 0) | (pl.col("carrying_minor") != 0))
        .join(reference.instruments().select("isin", "instrument_id", "scale", "currency"), on="isin", how="left")
        .select(*key, "instrument_id", "scale", "currency", "quantity", "carrying_minor")
        .sort(key)
    )


def _of_book(balances: pl.DataFrame) -> pl.DataFrame:
    form = "^[a-z]+/(.+)/([^/]+)$"
    return balances.with_columns(book=pl.col("code").str.extract(form, 1), isin=pl.col("code").str.extract(form, 2))


def valuations(entity_id: int, day: date) -> pl.DataFrame:
    """What positions were worth at the close of a day: columns of VALUATION, by book and instrument."""
    return read_frame(
        "SELECT book, instrument_id, quantity, price_micro, currency, value_minor, carrying_minor, event"
        " FROM accounting_valuation WHERE entity_id = %s AND business_date = %s ORDER BY book, instrument_id",
        [entity_id, day],
        schema=VALUATION,
    )


def trial_balance(entity_id: int, *, as_of: date | None = None, as_known_at: datetime | None = None) -> pl.DataFrame:
    """Totals by class of account and asset. 试算平衡表

    Columns account_class, asset (currency or ISIN), counts ("currency" or "isin"), scale, debit_minor, credit_minor,
    balance_minor; classes in the order of the chart. Over all classes the balances of an asset add up to zero.
    """
    balances = ledger.balances(entity_id, as_of=as_of, as_known_at=as_known_at)
    classed = balances.with_columns(account_class=pl.col("code").str.splitn("/", 2).struct.field("field_0"))
    place = {name: at for at, name in enumerate(CHART)}
    counts = {name: holds for name, (_, _, holds) in CHART.items()}
    return (
        sum_by(classed, ["account_class", "asset_id"], "debit_minor", "credit_minor", "balance_minor")
        .join(assets.assets().select("scale", asset_id="id", asset="code"), on="asset_id", how="left")
        .with_columns(
            place=pl.col("account_class").replace_strict(place, default=len(place), return_dtype=pl.Int64),
            counts=pl.col("account_class").replace_strict(counts, default=MONEY, return_dtype=pl.String),
        )
        .sort("place", "asset")
        .select("account_class", "asset", "counts", "scale", "debit_minor", "credit_minor", "balance_minor")
    )
