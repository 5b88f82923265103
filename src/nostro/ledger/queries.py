"""Balances on any business date, as known at any time; trial balances; statements. 余额、试算平衡与对账单

A closed day is a snapshot, so that an answer reads one snapshot and the transfers of the days after it.
"""

from datetime import date, datetime, timedelta
from typing import Final

import polars as pl
from django.db import connection

from nostro.kernel.frames import checked_minor, sum_by, sum_minor
from nostro.kernel.refusals import Refusal, Refused
from nostro.ledger.rules.columns import TOTALS
from nostro.spine.database import read_frame

BALANCE: Final = pl.Schema(
    {
        "account": pl.Int64,
        "code": pl.String,
        "asset_id": pl.Int32,
        "debit_minor": pl.Int64,
        "credit_minor": pl.Int64,
    }
)
LINE: Final = pl.Schema(
    {
        "transfer": pl.Int64,
        "business_date": pl.Date,
        "event": pl.Int64,
        "contra": pl.String,
        "amount_minor": pl.Int64,
    }
)
EVER: Final = 2**63 - 1
LAST_DAY: Final = date.max
BEFORE_ALL: Final = date(1, 1, 1)


def balances(
    entity_id: int, *, as_of: date | None = None, as_known_at: datetime | None = None, prefix: str | None = None
) -> pl.DataFrame:
    """Totals and balance of every account that was ever posted on, by account number.

    Columns account, code, asset_id, debit_minor, credit_minor, balance_minor (debits - credits).
    as_of        with transfers of business dates up to this one; all when it is left out
    as_known_at  with transfers whose event was recorded by then, so that a report made then comes out the same again
    prefix       accounts whose code begins so: "depot/"
    """
    if as_of is None and as_known_at is None:
        totals = read_frame(
            "SELECT account, debit_minor, credit_minor FROM ledger_balance WHERE entity_id = %s"
            " AND (debit_minor > 0 OR credit_minor > 0) ORDER BY account",
            [entity_id],
            schema=TOTALS,
        )
    else:
        totals = replayed(entity_id, as_of or LAST_DAY, known_at(entity_id, as_known_at))
    accounts = read_frame(
        "SELECT id, code, asset_id FROM ledger_account WHERE entity_id = %s AND starts_with(code, %s) ORDER BY id",
        [entity_id, prefix or ""],
        schema=pl.Schema({"account": pl.Int64, "code": pl.String, "asset_id": pl.Int32}),
    )
    return (
        accounts.join(totals, on="account", how="inner", maintain_order="left")
        .select(BALANCE.names())
        .with_columns(balance_minor=pl.col("debit_minor") - pl.col("credit_minor"))
    )


def trial_balance(entity_id: int, *, as_of: date | None = None, as_known_at: datetime | None = None) -> pl.DataFrame:
    """Sums for each asset: asset_id, debit_minor, credit_minor, difference_minor (0 in sound books)."""
    return trial_of(balances(entity_id, as_of=as_of, as_known_at=as_known_at))


def trial_of(held: pl.DataFrame) -> pl.DataFrame:
    """The same from balances already read."""
    return sum_by(held, ["asset_id"], "debit_minor", "credit_minor").with_columns(
        difference_minor=pl.col("debit_minor") - pl.col("credit_minor")
    )


def statement(
    entity_id: int, code: str, first: date, last: date, *, as_known_at: datetime | None = None
) -> pl.DataFrame:
    """The transfers of one account between two business dates, with the balance after each, by date and number.

    Columns transfer, business_date, event, contra (the other account's code), amount_minor (+ debit, - credit),
    balance_minor. Refuses an unknown account.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM ledger_account WHERE entity_id = %s AND code = %s", [entity_id, code])
        row = cursor.fetchone()
    if row is None:
        raise Refused(Refusal("account_unknown", f"account/{code}"))
    known = known_at(entity_id, as_known_at)
    opening = replayed(entity_id, first - timedelta(1), known, account=row[0]).select(
        pl.col("debit_minor") - pl.col("credit_minor")
    )
    lines = read_frame(
        "SELECT t.id, t.business_date, t.event, a.code,"
        " CASE WHEN t.debit = %s THEN t.amount_minor ELSE -t.amount_minor END"
        " FROM ledger_transfer t JOIN ledger_account a ON a.entity_id = t.entity_id"
        " AND a.id = CASE WHEN t.debit = %s THEN t.credit ELSE t.debit END"
        " WHERE t.entity_id = %s AND %s IN (t.debit, t.credit) AND t.business_date BETWEEN %s AND %s AND t.event <= %s"
        " ORDER BY t.business_date, t.id",
        [row[0], row[0], entity_id, row[0], first, last, known],
        schema=LINE,
    )
    running = pl.col("amount_minor").cast(pl.Int128).cum_sum() + sum_minor(opening.to_series())
    return checked_minor(lines.with_columns(balance_minor=running), "balance_minor")


def known_at(entity_id: int, moment: datetime | None) -> int:
    """The entity's last event recorded at or before this moment; without a moment, every event there will be."""
    if moment is None:
        return EVER
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(max(last_seq), 0) FROM spine_block WHERE entity_id = %s AND recorded_at <= %s",
            [entity_id, moment],
        )
        return int(cursor.fetchone()[0])


def replayed(entity_id: int, as_of: date, event: int, *, account: int | None = None) -> pl.DataFrame:
    """Totals by account: the last snapshot that knows no more than asked for, and the transfers after it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(business_date) FROM ledger_closedday"
            " WHERE entity_id = %s AND business_date <= %s AND event <= %s",
            [entity_id, as_of, event],
        )
        base = cursor.fetchone()[0] or BEFORE_ALL
    tail = "entity_id = %s AND business_date > %s AND business_date <= %s AND event <= %s"
    values = [entity_id, base, as_of, event, account, account]
    # Each side is added up before the two meet: both then run in parallel, in half the time of one sum over both.
    return read_frame(
        "SELECT account, sum(debit_minor)::bigint, sum(credit_minor)::bigint FROM ("  # noqa: S608  # our own text
        " SELECT account, debit_minor, credit_minor FROM ledger_snapshot"
        " WHERE entity_id = %s AND business_date = %s AND (%s::bigint IS NULL OR account = %s)"
        f" UNION ALL SELECT debit, sum(amount_minor), 0 FROM ledger_transfer WHERE {tail}"
        " AND (%s::bigint IS NULL OR debit = %s) GROUP BY debit"
        f" UNION ALL SELECT credit, 0, sum(amount_minor) FROM ledger_transfer WHERE {tail}"
        " AND (%s::bigint IS NULL OR credit = %s) GROUP BY credit"
        ") AS moved (account, debit_minor, credit_minor) GROUP BY account ORDER BY account",
        [entity_id, base, account, account, *values, *values],
        schema=TOTALS,
    )
