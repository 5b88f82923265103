"""Legal entity is a wall: a person of one firm sees nothing of another, in any table there is or will be."""

from datetime import date

import psycopg
import pytest
from django.db import connection

from nostro.kernel.events.spine import HoldLifted
from nostro.kernel.refusals import Refused
from nostro.spine import access
from nostro.spine.database import as_person, raw
from nostro.spine.events import emit_one

DAY = date(2026, 10, 13)
TABLES = (
    "SELECT c.relname, c.relrowsecurity, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
    " AND a.attname = 'entity_id' AND NOT a.attisdropped) FROM pg_class c"
    " JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public' WHERE c.relkind IN ('r', 'p') ORDER BY 1"
)


@pytest.fixture
def two_firms(firm):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO spine_entity (id, code, name, name_zh, kind, currency, lei, bic)"
            " VALUES (2, 'FMC', 'Fictitious Funds', '虚构基金', 'manager', 'EUR', '', 'FCFMDEFFXXX')"
        )
    access.add_person("chen", "Chen", "陈")
    access.grant("chen", 1, "settlement")
    access.add_person("other", "Other", "别")
    access.grant("other", 2, "settlement")
    access.add_person("nobody", "Nobody", "无")


def tables(with_entity):
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        return {name: walled for name, walled, has in cursor.fetchall() if has is with_entity}


def test_every_table_with_an_entity_has_its_wall(db):
    found = tables(with_entity=True)
    assert len(found) >= 20
    assert [name for name, walled in found.items() if not walled] == []


def test_every_table_says_who_may_read_it(db):
    """A table that no migration gave rights to is open to nobody: neither desk nor person."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'"
            " WHERE relkind = 'r' AND relname NOT LIKE 'django\\_%' AND NOT (has_table_privilege('nostro_writer', c.oid, 'SELECT')"
            " AND has_table_privilege('nostro_walled', c.oid, 'SELECT'))"
        )
        assert cursor.fetchall() == []


def filler(kind, length):
    """A value for a column of this kind."""
    if kind in {"smallint", "integer", "bigint"}:
        return 1
    if kind.startswith("character") or kind == "text":
        return "x"[: length or 1]
    return {
        "date": DAY,
        "timestamp with time zone": "2026-10-13T12:00:00Z",
        "time without time zone": "12:00",
        "bytea": b"x" * 32,
        "boolean": False,
    }[kind]


def put_row(superuser, table, entity):
    """A row of an entity in any table: its checks are dropped, in a transaction that is undone."""
    for (constraint,) in superuser.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('c', 'f')", [table]
    ).fetchall():
        superuser.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{constraint}"')
    columns = superuser.execute(
        "SELECT column_name, data_type, character_maximum_length FROM information_schema.columns WHERE table_name = %s"
        " AND is_identity = 'NO' AND is_generated = 'NEVER'",
        [table],
    ).fetchall()
    values = {name: filler(kind, length) for name, kind, length in columns} | {"entity_id": entity}
    superuser.execute(
        f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))})", list(values.values())
    )


def test_a_person_sees_their_own_entity_and_the_house_and_nothing_else_in_any_table(own_database, server):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO spine_entity (id, code, name, name_zh, kind, currency, lei, bic) VALUES"
            " (1, 'EUB', 'A', '甲', 'broker', 'EUR', '', ''), (2, 'FMC', 'B', '乙', 'manager', 'EUR', '', '')"
        )
    access.add_person("chen", "Chen", "陈")
    access.grant("chen", 1, "settlement")
    every = tables(with_entity=True)
    with psycopg.connect(server.dsn(own_database, server.superuser)) as superuser:
        superuser.execute("SET session_replication_role = replica")
        for table in every:
            if table == "spine_access":
                continue
            with superuser.transaction(force_rollback=True):
                for entity in (0, 1, 2):
                    put_row(superuser, table, entity)
                superuser.execute("SET LOCAL ROLE nostro_p_chen")
                seen = superuser.execute(f"SELECT DISTINCT entity_id FROM {table} ORDER BY 1").fetchall()
                assert seen == [(0,), (1,)], table
        superuser.rollback()


def test_people_see_only_their_own_access_and_the_entities_it_names(two_firms):
    expected = {"chen": [(1,)], "other": [(2,)], "nobody": []}
    for login, entities in expected.items():
        with as_person(login), connection.cursor() as cursor:
            cursor.execute("SELECT entity_id FROM spine_access ORDER BY 1")
            assert cursor.fetchall() == entities
            cursor.execute("SELECT id FROM spine_entity ORDER BY 1")
            assert cursor.fetchall() == [(0,), *entities]


def test_a_person_reads_the_log_of_their_firm_and_can_not_write_it(two_firms):
    emit_one(1, DAY, HoldLifted("risk"), "trade/1")
    emit_one(2, DAY, HoldLifted("risk"), "trade/2")
    with as_person("other"), connection.cursor() as cursor:
        cursor.execute("SELECT subject FROM spine_event ORDER BY 1")
        assert cursor.fetchall() == [("trade/2",)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege), as_person("other"):
        raw().execute(
            "INSERT INTO spine_event (entity_id, seq, business_date, recorded_at, kind, subject, actor, content, digest)"
            " VALUES (2, 99, '2026-10-13', now(), 'x', 'x', 'other', '{}', repeat('x', 32)::bytea)"
        )


def test_a_person_writes_nothing_but_proposals_and_decisions(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'"
            " WHERE c.relkind = 'r' AND (has_table_privilege('nostro_walled', c.oid, 'INSERT')"
            " OR has_table_privilege('nostro_walled', c.oid, 'UPDATE') OR has_table_privilege('nostro_walled', c.oid, 'DELETE')"
            " OR has_table_privilege('nostro_walled', c.oid, 'TRUNCATE')) ORDER BY 1"
        )
        assert [row[0] for row in cursor.fetchall()] == ["spine_decision", "spine_proposal"]


def test_no_role_of_ours_is_a_superuser_but_the_embedded_owner(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'nostro\\_%' AND rolsuper ORDER BY 1")
        assert {row[0] for row in cursor.fetchall()} <= {"nostro_owner"}
        cursor.execute("SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == ("nostro_writer", False)


@pytest.mark.parametrize("login", ["Chen", "1x", "a-b", "a b", "", "x" * 31, "a;drop"])
def test_a_malformed_login_gets_no_role(db, login):
    with pytest.raises(Refused) as refused:
        access.add_person(login, "X", "X")
    assert refused.value.refusals[0].reason == "login_invalid"
    with pytest.raises(psycopg.errors.RaiseException, match="is refused"), raw().transaction():
        raw().execute("SELECT nostro_add_person(%s)", [login])


def test_adding_a_person_or_a_grant_again_changes_nothing(two_firms):
    access.add_person("chen", "Chen", "陈")
    access.grant("chen", 1, "settlement")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM spine_access WHERE person_id = 'chen'")
        assert cursor.fetchone() == (1,)


def test_leaving_a_person_s_skin_gives_the_desk_its_rights_back(two_firms):
    with as_person("chen"):
        pass
    assert raw().execute("SELECT current_user").fetchone() == ("nostro_writer",)
