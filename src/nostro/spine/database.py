"""Reaching PostgreSQL: three roles, and frames in and out by COPY on the transaction's own connection. 数据库访问

`nostro_owner` migrates; `nostro_writer` is every desk's (no UPDATE or DELETE on events and transfers); `nostro_walled` is
people's: row-level security shows each person only the entities they have access to.

Reading is by COPY on the same connection and not by a second driver, so that a desk sees what its own transaction wrote.
"""

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import django
import polars as pl
import psycopg
from django.conf import settings
from django.db import connection, connections, transaction
from psycopg import sql

from nostro.kernel.refusals import Refusal, Refused
from nostro.spine.postgres import Server

OWNER, WRITER, WALLED = "nostro_owner", "nostro_writer", "nostro_walled"


def use(server: Server, database: str = "nostro", role: str = WRITER) -> None:
    """Point Django at a database of the embedded server, in this role. Once at each door, before anything reads or writes."""
    _configure(database, role, server.host, server.port, "", role)


def use_url(url: str, role: str = WRITER) -> None:
    """The same for any PostgreSQL: postgresql://user:password@host:port/database, whose user may take the role."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
        raise Refused(Refusal("database_url_invalid", "NOSTRO_DATABASE_URL", facts={"url": parts.scheme or "empty"}))
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    _configure(parts.path.strip("/"), user, unquote(parts.hostname or ""), parts.port or 5432, password, role)


def _configure(database: str, user: str, host: str, port: int, password: str, role: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nostro.front.settings")
    settings.DATABASES["default"] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database,
        "USER": user,
        "HOST": host,
        "PORT": str(port),
        "PASSWORD": password,
        "CONN_MAX_AGE": None,
        "OPTIONS": {"options": f"-c role={role} -c timezone=UTC", "application_name": "nostro"},
    }
    # Django reads its settings once; a process that changes server or role (migrate, then work) must make it read again.
    connections.close_all()
    connections.__dict__.pop("settings", None)
    connections._settings = None
    if hasattr(connections._connections, "default"):
        del connections["default"]
    django.setup(set_prefix=False)


def raw() -> psycopg.Connection[Any]:
    """Django's own psycopg connection: the same transaction, for COPY."""
    connection.ensure_connection()
    return connection.connection


def copy_in(table: str, frame: pl.DataFrame) -> int:
    """COPY a frame into a table: its columns are the table's columns. Dates, integers, texts, booleans, UTC times, bytes.

    Null is NULL, an empty text stays an empty text. Returns the number of rows.
    """
    if frame.is_empty():
        return 0
    binary = [name for name, kind in frame.schema.items() if kind == pl.Binary]
    text = frame.with_columns((pl.lit("\\x") + pl.col(name).bin.encode("hex")).alias(name) for name in binary)
    columns = sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(sql.Identifier(table), columns)
    with raw().cursor() as cursor, cursor.copy(statement) as copy:
        for part in text.iter_slices(200_000):
            copy.write(
                part.write_csv(include_header=False, quote_style="necessary", datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ")
            )
    return frame.height


def read_frame(
    query: str, parameters: Sequence[object] = (), *, schema: pl.Schema, on: psycopg.Connection[Any] | None = None
) -> pl.DataFrame:
    """The rows of a query as a frame of this schema, whose names are the query's columns in order.

    The query is our own text; values go into `parameters`, never into the text. `on` is another connection than Django's.
    """
    buffer = io.BytesIO()
    with psycopg.ClientCursor(on or raw()) as cursor:
        composed = cursor.mogrify(query, parameters) if parameters else query
        # psycopg wants literal text; this is ours, with its values already quoted.
        statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(sql.SQL(composed))
        with cursor.copy(statement) as copy:
            for part in copy:
                buffer.write(part)
    if not buffer.tell():
        return pl.DataFrame(schema=schema)
    wire = {
        n: pl.String if k == pl.Binary or k == pl.Boolean or isinstance(k, pl.Datetime) else k
        for n, k in schema.items()
    }
    frame = pl.read_csv(buffer.getvalue(), has_header=False, schema=pl.Schema(wire), try_parse_dates=False)
    return frame.rechunk().with_columns(_typed(name, kind) for name, kind in schema.items() if wire[name] != kind)


def _typed(name: str, kind: pl.DataType) -> pl.Expr:
    if kind == pl.Binary:
        return pl.col(name).str.slice(2).str.decode("hex")
    if kind == pl.Boolean:
        return pl.col(name) == "t"
    # PostgreSQL writes no trailing zeros of a second. A session that is not in UTC is refused here instead of misread.
    return pl.col(name).str.strip_suffix("+00").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", time_zone="UTC")


@contextmanager
def as_person(login: str) -> Iterator[None]:
    """Inside, the transaction speaks as this person: row-level security and four eyes apply to them."""
    assert login.replace("_", "").isalnum(), "logins are letters, digits and underscores: person_login_form checks it"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(f"nostro_p_{login}")))
        yield
        cursor.execute("RESET ROLE")
