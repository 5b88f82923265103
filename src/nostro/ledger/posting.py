"""The single way into the ledger: a batch of transfers, judged one by one, written together with its balances. 过账"""

from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl
from django.db import connection

from nostro.ledger.rules.columns import ACCOUNT, TOTALS, TRANSFER
from nostro.ledger.rules.verdicts import Verdict
from nostro.spine.database import raw, read_frame

COLUMNS = "id, debit, credit, asset_id, amount_minor, event, business_date, link"
STORED = f"SELECT {COLUMNS} FROM ledger_transfer"  # noqa: S608  # our own column list
PGCOPY_HEAD = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
PGCOPY_END = b"\xff\xff"
POSTGRES_EPOCH_DAYS = (date(2000, 1, 1) - date(1970, 1, 1)).days
ROW = [
    ("entity_id", ">i2"),
    ("id", ">i8"),
    ("debit", ">i8"),
    ("credit", ">i8"),
    ("asset", ">i4"),
    ("amount_minor", ">i8"),
    ("event", ">i8"),
    ("business_date", ">i4"),
    ("link", ">i8"),
]
"""A row of ledger_transfer as binary COPY takes it: every field with its length before it."""


def post(entity_id: int, frame: pl.DataFrame) -> pl.DataFrame:
    """Post transfers in order, in the caller's transaction. Returns `id` and `verdict` (Int8) of each, in order.

    frame  columns of TRANSFER (id, debit, credit, asset, amount_minor, event, business_date, link) without nulls, and
           any others. Debit and credit are account numbers; link is 0 for a transfer that stands alone.

    A transfer is refused by its verdict, never by an error. Posting the same again answers EXISTS and writes nothing.
    Raises ValueError when a value is null or a link group is torn apart: mistakes of ours.
    """
    transfers = frame.select(pl.col(name).cast(kind) for name, kind in TRANSFER.items())
    if transfers.is_empty():
        return transfers.select("id", verdict=pl.lit(None, pl.Int8))
    touched = pl.concat([transfers["debit"], transfers["credit"]]).unique().sort()
    # The same lock under which the log numbers events: whoever posts also emits, so that it costs nobody a wait of its
    # own, and with it no close, no new account and no twin of a transfer can come in between.
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM spine_entity WHERE id = %s FOR UPDATE", [entity_id])
        cursor.execute("SELECT max(business_date) FROM ledger_closedday WHERE entity_id = %s", [entity_id])
        closed_through = cursor.fetchone()[0]
    totals = read_frame(
        "SELECT account, debit_minor, credit_minor FROM ledger_balance"
        " WHERE entity_id = %s AND account = ANY(%s::bigint[]) ORDER BY account FOR UPDATE",
        [entity_id, _array(touched)],
        schema=TOTALS,
    )
    accounts = read_frame(
        "SELECT id, asset_id, floor_minor, ceiling_minor, closed_from FROM ledger_account"
        " WHERE entity_id = %s AND id = ANY(%s::bigint[]) ORDER BY id",
        [entity_id, _array(touched)],
        schema=pl.Schema({n: k for n, k in ACCOUNT.items() if n not in {"debit_minor", "credit_minor"}}),
    ).join(totals, on="account", how="left", maintain_order="left")
    # Imported here: it brings Numba and a second of waiting, which no command that only reads should pay.
    from nostro.ledger.rules import accept

    verdicts, changed = accept.judge(
        transfers,
        accounts.with_columns(pl.col("debit_minor", "credit_minor").fill_null(0)),
        _posted(entity_id, transfers["id"]),
        closed_through,
    )
    write_transfers(entity_id, transfers.filter(verdicts == int(Verdict.ACCEPTED)))
    _write_totals(entity_id, changed, totals["account"])
    return transfers.select("id", verdict=verdicts)


def _posted(entity_id: int, ids: pl.Series) -> pl.DataFrame:
    """What the ledger holds under these ids: nearly always nothing, since they grow with time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM ledger_transfer WHERE entity_id = %s", [entity_id])
        last = cursor.fetchone()[0]
    candidates = ids.filter(ids <= last).unique().sort() if last is not None else ids.clear()
    if candidates.is_empty():
        return pl.DataFrame(schema=TRANSFER)
    first, end, count = int(candidates[0]), int(candidates[-1]), candidates.len()
    # A batch that comes again names most ids of its range: reading the range is faster than looking each up.
    if end - first < 4 * count:
        return read_frame(
            f"{STORED} WHERE entity_id = %s AND id BETWEEN %s AND %s", [entity_id, first, end], schema=TRANSFER
        )
    return read_frame(
        f"{STORED} WHERE entity_id = %s AND id = ANY(%s::bigint[])", [entity_id, _array(candidates)], schema=TRANSFER
    )


def _array(values: pl.Series) -> str:
    """An array as PostgreSQL reads it: ten times faster than a parameter that is a list."""
    return "{" + values.cast(pl.String).str.join(",").item() + "}"


def write_transfers(entity_id: int, transfers: pl.DataFrame) -> None:
    """Binary COPY of transfers that were judged, columns of TRANSFER. Only posting calls it, and the benchmark's peer."""
    if transfers.is_empty():
        return
    statement = f"COPY ledger_transfer (entity_id, {COLUMNS}) FROM STDIN (FORMAT binary)"
    with raw().cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(PGCOPY_HEAD)
        for part in transfers.iter_slices(200_000):
            copy.write(_rows(entity_id, part).tobytes())
        copy.write(PGCOPY_END)


def _rows(entity_id: int, transfers: pl.DataFrame) -> npt.NDArray[np.void]:
    layout = [("fields", ">i2")]
    for name, kind in ROW:
        layout += [(f"{name}_length", ">i4"), (name, kind)]
    rows = np.empty(transfers.height, np.dtype(layout))
    rows["fields"] = len(ROW)
    for name, kind in ROW:
        rows[f"{name}_length"] = np.dtype(kind).itemsize
    for name in TRANSFER:
        rows[name] = transfers[name].to_physical().to_numpy()
    rows["business_date"] -= POSTGRES_EPOCH_DAYS
    rows["entity_id"] = entity_id
    return rows


def _write_totals(entity_id: int, changed: pl.DataFrame, known: pl.Series) -> None:
    old = changed.filter(pl.col("account").is_in(known.implode()))
    new = changed.filter(~pl.col("account").is_in(known.implode()))
    values = [[_array(totals[name]) for name in TOTALS] for totals in (old, new)]
    with raw().cursor() as cursor:
        cursor.execute(
            "UPDATE ledger_balance b SET debit_minor = n.debit_minor, credit_minor = n.credit_minor"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS n (account, debit_minor, credit_minor)"
            " WHERE b.entity_id = %s AND b.account = n.account",
            [*values[0], entity_id],
        )
        cursor.execute(
            "INSERT INTO ledger_balance (entity_id, account, debit_minor, credit_minor)"
            " SELECT %s, * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[])",
            [entity_id, *values[1]],
        )
