"""How to reach a PostgreSQL, where this installation's home is, and the named errors of the embedded one."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from psycopg.conninfo import make_conninfo

OWNER: Final = "nostro_owner"


@dataclass(frozen=True, slots=True)
class Server:
    """How to reach a PostgreSQL, for psycopg and Django.

    host       the socket's folder (embedded) or a host name
    superuser  the login role that owns the cluster
    """

    host: str
    port: int
    superuser: str
    embedded: bool

    def dsn(self, database: str, user: str) -> str:
        """The connection string of a database, in this role."""
        return make_conninfo(host=self.host, port=self.port, dbname=database, user=user)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check-up. The remedy is what to do when it is not ok."""

    name: str
    ok: bool
    detail: str
    remedy: str


class PostgresError(Exception):
    """The embedded PostgreSQL can't be used. `reason` is stable for programs, `remedy` a sentence for people.

    postgres_binaries_missing  postgres_disk_full  postgres_rights  postgres_socket  postgres_version_differs
    postgres_data_missing      postgres_start_failed (its facts carry the last lines of the log)
    """

    def __init__(self, reason: str, remedy: str, **facts: object) -> None:
        self.reason = reason
        self.remedy = remedy
        self.facts: Mapping[str, str] = {name: str(value) for name, value in facts.items()}
        super().__init__(", ".join([reason, *(f"{name}: {value}" for name, value in self.facts.items())]))


def home() -> Path:
    """The folder of this installation: NOSTRO_HOME, else ~/.local/share/nostro."""
    chosen = os.environ.get("NOSTRO_HOME", "")
    return Path(chosen).expanduser() if chosen else Path.home() / ".local" / "share" / "nostro"
