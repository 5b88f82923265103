"""Bringing a database to the current shape: roles, database, migrations. Run as the owner, safe to run again. 建库与迁移"""

import psycopg
from django.core.management import call_command
from psycopg import sql

from nostro.spine import database
from nostro.spine.postgres import Server

ROLES = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'nostro_walled') THEN CREATE ROLE nostro_walled NOLOGIN; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'nostro_writer') THEN
        CREATE ROLE nostro_writer LOGIN BYPASSRLS;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'nostro_owner') THEN
        CREATE ROLE nostro_owner LOGIN CREATEROLE CREATEDB BYPASSRLS;
        EXECUTE format('GRANT nostro_owner TO %I', current_user);
        GRANT nostro_walled, nostro_writer TO nostro_owner WITH ADMIN OPTION;
    END IF;
END $$
"""


def prepare(server: Server, name: str = "nostro") -> None:
    """Roles, database and tables on the embedded server, ready for desks."""
    with psycopg.connect(server.dsn("postgres", server.superuser), autocommit=True) as connection:
        connection.execute(ROLES)
        if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchall():
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER nostro_owner").format(sql.Identifier(name)))
    database.use(server, name, database.OWNER)
    migrate()
    database.use(server, name)


def prepare_url(url: str) -> None:
    """The same on a server of your own, whose database exists and whose user may create roles."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(ROLES)
        connection.execute(sql.SQL("GRANT ALL ON SCHEMA public TO nostro_owner"))
        connection.execute(sql.SQL("GRANT nostro_writer, nostro_walled TO CURRENT_USER"))
    database.use_url(url, database.OWNER)
    migrate()
    database.use_url(url)


def migrate() -> None:
    """Every migration that has not run yet; nothing when all have."""
    call_command("migrate", verbosity=0)
