"""A real PostgreSQL for every test that wants one: embedded, or the one NOSTRO_TEST_DATABASE_URL names."""

import os
import uuid
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

from nostro.ledger.assets import open_assets
from nostro.reference import desk as reference
from nostro.spine import database, schema
from nostro.spine.database import copy_in
from nostro.spine.entities import Entity, house, named
from nostro.spine.postgres import Cluster, Server

TEMPLATE = "nostro_test"
DAY = date(2026, 10, 13)
settings.register_profile("nostro", deadline=None)  # a busy machine is no failing test
settings.load_profile("nostro")
URL = os.environ.get("NOSTRO_TEST_DATABASE_URL", "")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of outside examples and real messages, where it lies beside the project."""
    folder = Path(os.environ.get("NOSTRO_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no outside examples here: {folder} is absent (set NOSTRO_SHARED)")
    return folder


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server all tests of this run share."""
    if URL:
        pytest.skip("the embedded server is not used: NOSTRO_TEST_DATABASE_URL is set")
    cluster = Cluster(tmp_path_factory.mktemp("nostro_home"))
    try:
        with cluster.running() as running:
            yield running
    finally:
        cluster.erase()


@pytest.fixture(scope="session")
def _migrated(request: pytest.FixtureRequest) -> None:
    if URL:
        schema.prepare_url(URL)
    else:
        schema.prepare(request.getfixturevalue("server"), TEMPLATE)
    from django.db import connections

    connections.close_all()


@pytest.fixture
def db(_migrated: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """A migrated database in the desks' role; everything a test does is rolled back."""
    if URL:
        database.use_url(URL)
    else:
        database.use(request.getfixturevalue("server"), TEMPLATE)
    from django.db import connections, transaction

    undo = transaction.atomic()
    undo.__enter__()
    try:
        house()
        yield
    finally:
        transaction.set_rollback(True)
        undo.__exit__(None, None, None)
        connections.close_all()


@pytest.fixture
def firm(db: None) -> Entity:
    """A European broker, number 1."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO spine_entity (id, code, name, name_zh, kind, currency, lei, bic)"
            " VALUES (1, 'EUB', 'Fictitious Brokers', '虚构证券', 'broker', 'EUR', '', 'FCEUDEFFXXX')"
        )
    return named("EUB")


@pytest.fixture
def own_database(_migrated: None, server: Server) -> Iterator[str]:
    """The name of a database of one's own, migrated and in use, for tests that commit or open a second connection."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.dsn("postgres", server.superuser), autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER nostro_owner").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE)
            )
        )
    database.use(server, name)
    house()
    yield name
    from django.db import connections

    connections.close_all()
    with psycopg.connect(server.dsn("postgres", server.superuser), autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def day() -> date:
    """The business day of these tests."""
    return DAY


@pytest.fixture
def stocked(firm: Entity) -> Entity:
    """The firm with two books, three accounts and three instruments in two currencies: what it needs to have books."""
    open_assets(pl.DataFrame({"id": [1, 2], "code": ["EUR", "USD"], "scale": [2, 2]}))
    isins, currencies = ["DE000ZZZ0011", "DE000ZZZ0029", "US00ZZZ00015"], ["EUR", "EUR", "USD"]
    reference.add_instruments(
        pl.DataFrame({"isin": isins, "currency": currencies}).with_columns(
            name=pl.lit("Fictitious"), name_zh=pl.lit("虚构"), cfi=pl.lit("ESVUFR"), mic=pl.lit("XETR"), scale=pl.lit(0)
        )
    )
    books = pl.DataFrame({"code": ["FLOW", "PROP"], "name": ["Flow", "Prop"], "name_zh": ["流量", "自营"]})
    copy_in("reference_book", books.with_columns(entity_id=pl.lit(firm.id), is_block=pl.lit(False)))
    accounts = [("DEPOT", "", "securities"), ("CASH", "EUR", "cash"), ("CASHUSD", "USD", "cash")]
    copy_in(
        "reference_placeaccount",
        pl.DataFrame(accounts, schema=["number", "currency", "kind"], orient="row").with_columns(
            entity_id=pl.lit(firm.id), servicer_bic=pl.lit("FCSVDEFFXXX"), place_bic=pl.lit("FCSDDEFFXXX")
        ),
    )
    return firm
