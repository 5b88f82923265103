"""Opening and closing accounts. 开户与销户"""

from datetime import date

import polars as pl
from django.db import connection

from nostro.kernel.refusals import Refusal, Refused
from nostro.spine.database import copy_in, read_frame

OPENED = pl.Schema({"code": pl.String, "account": pl.Int64, "asset_id": pl.Int32, "closed_from": pl.Date})
WANTED = pl.Schema({"code": pl.String, "asset_id": pl.Int32, "floor_minor": pl.Int64, "ceiling_minor": pl.Int64})


def open_accounts(entity_id: int, day: date, wanted: pl.DataFrame) -> pl.DataFrame:
    """The numbers of these accounts (`code`, `account`), each code once, in the order asked for. Opens those missing.

    wanted  `code` and `asset_id`; optionally `floor_minor` and `ceiling_minor`, null for none: the balance (debits -
            credits) stays between them. They count when the account is opened, and are not changed afterwards.
    day     an account that was closed on or before it is refused

    New accounts are numbered in the order asked for, under the entity's lock. Refuses a code that holds another asset,
    and bounds that leave no room for a balance of zero.
    """
    bounds = [pl.lit(None, pl.Int64).alias(n) for n in ("floor_minor", "ceiling_minor") if n not in wanted.columns]
    asked = (
        wanted.with_columns(bounds)
        .select(pl.col(name).cast(kind) for name, kind in WANTED.items())
        .unique("code", keep="first", maintain_order=True)
    )
    if asked.is_empty():
        return asked.select("code", account=pl.lit(None, pl.Int64))
    cramped = asked.filter((pl.col("floor_minor") > 0) | (pl.col("ceiling_minor") < 0))
    assert cramped.is_empty(), f"a new account has a balance of zero, outside its bounds: {cramped.head(5).rows()}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM spine_entity WHERE id = %s FOR UPDATE", [entity_id])
        cursor.execute("SELECT coalesce(max(id), 0) FROM ledger_account WHERE entity_id = %s", [entity_id])
        last = int(cursor.fetchone()[0])
    known = read_frame(
        "SELECT code, id, asset_id, closed_from FROM ledger_account WHERE entity_id = %s AND code = ANY(%s)",
        [entity_id, asked["code"].to_list()],
        schema=OPENED,
    )
    new = asked.join(known, on="code", how="anti", maintain_order="left").with_row_index("place", last + 1)
    opened = new.select("code", pl.col("place").cast(pl.Int64).alias("account"), "asset_id")
    every = pl.concat([known.drop("closed_from"), opened])
    result = asked.join(every, on="code", how="left", suffix="_held", maintain_order="left")
    problems = [
        Refusal("account_asset_differs", f"account/{code}", facts={"holds": str(held), "wanted": str(asset)})
        for code, asset, held in result.filter(pl.col("asset_id") != pl.col("asset_id_held"))
        .select("code", "asset_id", "asset_id_held")
        .iter_rows()
    ] + [
        Refusal("account_closed", f"account/{code}", facts={"closed_from": str(closed)})
        for code, closed in known.filter(pl.col("closed_from") <= day)
        .sort("code")
        .select("code", "closed_from")
        .iter_rows()
    ]
    if problems:
        raise Refused(*problems)
    copy_in(
        "ledger_account",
        new.select(
            "code",
            "asset_id",
            "floor_minor",
            "ceiling_minor",
            entity_id=pl.lit(entity_id),
            id=pl.col("place").cast(pl.Int64),
        ),
    )
    return result.select("code", "account")


def close_account(entity_id: int, account: int, closed_from: date) -> None:
    """Post nothing on this account from this business date on. Again with the same date changes nothing.

    Refuses an unknown account, one closed from another date, and one that still holds something or has transfers on
    that date or later: it would stand closed with a balance nobody can move.
    """
    subject = f"account/{account}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM spine_entity WHERE id = %s FOR UPDATE", [entity_id])
        cursor.execute(
            "SELECT a.closed_from, coalesce(b.debit_minor - b.credit_minor, 0),"
            " (SELECT max(t.business_date) FROM ledger_transfer t"
            " WHERE t.entity_id = a.entity_id AND a.id IN (t.debit, t.credit))"
            " FROM ledger_account a LEFT JOIN ledger_balance b ON b.entity_id = a.entity_id AND b.account = a.id"
            " WHERE a.entity_id = %s AND a.id = %s",
            [entity_id, account],
        )
        row = cursor.fetchone()
        if row is None:
            raise Refused(Refusal("account_unknown", subject))
        before, balance, last = row
        if before == closed_from:
            return
        problems = []
        if before is not None:
            problems.append(Refusal("account_closed", subject, facts={"closed_from": str(before)}))
        if balance:
            problems.append(Refusal("account_not_empty", subject, facts={"balance_minor": str(balance)}))
        if last is not None and last >= closed_from:
            problems.append(
                Refusal("account_used_later", subject, facts={"last": str(last), "closed_from": str(closed_from)})
            )
        if problems:
            raise Refused(*problems)
        cursor.execute(
            "UPDATE ledger_account SET closed_from = %s WHERE entity_id = %s AND id = %s",
            [closed_from, entity_id, account],
        )
