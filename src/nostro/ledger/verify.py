"""Proving the books from the transfers alone: every balance, every snapshot, every promise of posting. 总账校验"""

from collections.abc import Mapping
from typing import Any, Final, LiteralString

import polars as pl
import psycopg

from nostro.kernel.frames import sum_by
from nostro.ledger.rules.columns import TOTALS
from nostro.ledger.rules.replay import differences
from nostro.spine.audit import Flaw
from nostro.spine.database import read_frame

_PROMISES: Final[dict[str, LiteralString]] = {
    "transfer_account_unknown": "d.id IS NULL OR c.id IS NULL",
    "transfer_asset_differs": "d.asset_id <> t.asset_id OR c.asset_id <> t.asset_id",
    "transfer_on_closed_account": "t.business_date >= least(d.closed_from, c.closed_from)",
    "transfer_event_unknown": "e.seq IS NULL",
    "transfer_after_close": (
        "EXISTS (SELECT FROM ledger_closedday k WHERE k.entity_id = t.entity_id"
        " AND k.business_date >= t.business_date AND k.event < t.event)"
    ),
}
"""What posting never lets happen, as a condition on a transfer t, its accounts d and c, and its event e."""

SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "transfer_account_unknown": ("names an account that does not exist", "所指账户不存在"),
    "transfer_asset_differs": ("moves another asset than its accounts hold", "资产与账户所持资产不符"),
    "transfer_on_closed_account": ("is dated after its account was closed", "日期晚于账户关闭日"),
    "transfer_event_unknown": ("names an event that does not exist", "所指事件不存在"),
    "transfer_after_close": ("was posted on a day that was closed", "记入了已关账的日期"),
    "balance_differs": ("has other totals than its transfers add up to", "余额与转账合计不符"),
    "balance_outside_bounds": ("has a balance below its floor or above its ceiling", "余额超出上下限"),
    "snapshot_differs": ("has other totals than the transfers up to its day", "快照与截至该日的转账合计不符"),
}
"""What each flaw means, in English and Chinese: said of its subject. For `audit.sentence`."""


def verify(connection: psycopg.Connection[Any], entity_id: int) -> list[Flaw]:
    """Every difference between the entity's books and its transfers, over any connection that may read them all.

    What they are stands in SENTENCES; their subjects are "transfer/<id>", "account/<number>", "snapshot/<day>/<account>".
    """
    moved = read_frame(
        "SELECT business_date, account, sum(debit_minor)::bigint, sum(credit_minor)::bigint FROM ("
        " SELECT business_date, debit, sum(amount_minor), 0 FROM ledger_transfer WHERE entity_id = %s GROUP BY 1, 2"
        " UNION ALL SELECT business_date, credit, 0, sum(amount_minor) FROM ledger_transfer WHERE entity_id = %s GROUP BY 1, 2"
        ") AS sides (business_date, account, debit_minor, credit_minor) GROUP BY 1, 2 ORDER BY 1, 2",
        [entity_id, entity_id],
        schema=pl.Schema([("business_date", pl.Date()), *TOTALS.items()]),
        on=connection,
    )
    return [
        *_broken_promises(connection, entity_id),
        *_balances(connection, entity_id, moved),
        *_bounds(connection, entity_id),
        *_snapshots(connection, entity_id, moved),
    ]


def _broken_promises(connection: psycopg.Connection[Any], entity_id: int) -> list[Flaw]:
    tests = " ".join(f"WHEN {condition} THEN '{what}'" for what, condition in _PROMISES.items())
    found = read_frame(
        f"SELECT * FROM (SELECT t.id, CASE {tests} END AS what FROM ledger_transfer t"  # noqa: S608  # our own text
        " LEFT JOIN ledger_account d ON d.entity_id = t.entity_id AND d.id = t.debit"
        " LEFT JOIN ledger_account c ON c.entity_id = t.entity_id AND c.id = t.credit"
        " LEFT JOIN spine_event e ON e.entity_id = t.entity_id AND e.seq = t.event"
        " WHERE t.entity_id = %s) AS judged WHERE what IS NOT NULL ORDER BY id",
        [entity_id],
        schema=pl.Schema({"id": pl.Int64, "what": pl.String}),
        on=connection,
    )
    return [Flaw(entity_id, what, f"transfer/{transfer}") for transfer, what in found.iter_rows()]


def _balances(connection: psycopg.Connection[Any], entity_id: int, moved: pl.DataFrame) -> list[Flaw]:
    stored = read_frame(
        "SELECT account, debit_minor, credit_minor FROM ledger_balance WHERE entity_id = %s",
        [entity_id],
        schema=TOTALS,
        on=connection,
    )
    return [
        Flaw(entity_id, "balance_differs", f"account/{account}", {"stored": found, "replayed": expected})
        for account, found, expected in differences(stored, _totals(moved)).iter_rows()
    ]


def _bounds(connection: psycopg.Connection[Any], entity_id: int) -> list[Flaw]:
    with psycopg.Cursor(connection) as cursor:
        cursor.execute(
            "SELECT account, debit_minor - credit_minor, floor_minor, ceiling_minor FROM ledger_balance b"
            " JOIN ledger_account a ON a.entity_id = b.entity_id AND a.id = b.account WHERE b.entity_id = %s"
            " AND (debit_minor - credit_minor < floor_minor OR debit_minor - credit_minor > ceiling_minor)"
            " ORDER BY account",
            [entity_id],
        )
        return [
            Flaw(
                entity_id,
                "balance_outside_bounds",
                f"account/{account}",
                {"balance_minor": str(balance), "floor_minor": str(floor), "ceiling_minor": str(ceiling)},
            )
            for account, balance, floor, ceiling in cursor.fetchall()
        ]


def _snapshots(connection: psycopg.Connection[Any], entity_id: int, moved: pl.DataFrame) -> list[Flaw]:
    with psycopg.Cursor(connection) as cursor:
        cursor.execute(
            "SELECT business_date FROM ledger_closedday WHERE entity_id = %s ORDER BY business_date", [entity_id]
        )
        days = [row[0] for row in cursor.fetchall()]
    flaws, expected, before = [], pl.DataFrame(schema=TOTALS), None
    for day in days:
        since = moved if before is None else moved.filter(pl.col("business_date") > before)
        expected = _totals(pl.concat([expected, since.filter(pl.col("business_date") <= day).select(TOTALS.names())]))
        stored = read_frame(
            "SELECT account, debit_minor, credit_minor FROM ledger_snapshot"
            " WHERE entity_id = %s AND business_date = %s",
            [entity_id, day],
            schema=TOTALS,
            on=connection,
        )
        flaws += [
            Flaw(entity_id, "snapshot_differs", f"snapshot/{day}/{account}", {"stored": found, "replayed": again})
            for account, found, again in differences(stored, expected).iter_rows()
        ]
        before = day
    return flaws


def _totals(moved: pl.DataFrame) -> pl.DataFrame:
    return sum_by(moved, ["account"], "debit_minor", "credit_minor")
