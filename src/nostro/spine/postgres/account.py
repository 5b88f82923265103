"""The account PostgreSQL runs as, and what that account can reach."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nostro.spine.postgres.server import PostgresError

ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""All the server inherits. Ours may hold passwords, and the account it runs as could read them in /proc."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the operating system."""

    uid: int
    gid: int
    name: str

    def identity(self) -> dict[str, Any]:
        """Arguments for `subprocess` that make a child this account: nothing to change unless we are root."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if os.geteuid() == 0 else {}

    def give(self, folder: Path) -> None:
        """Make a folder that we just made this account's own."""
        if os.geteuid() == 0:
            os.chown(folder, self.uid, self.gid, follow_symlinks=False)

    def reaches(self, folder: Path) -> bool:
        """Whether the account may enter the folder. The kernel is asked, so that access lists count as well."""
        asked = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)]
        try:
            return not subprocess.run(
                asked, cwd="/", env=ENVIRONMENT, capture_output=True, **self.identity()
            ).returncode
        except OSError as error:
            raise PostgresError(
                "postgres_rights",
                "This root may not become another user. Run Nostro as an ordinary user, or set NOSTRO_DATABASE_URL.",
                account=self.name,
                cause=error,
            ) from error


def account_of(data: Path | None) -> Account:
    """Who runs the cluster: the owner of its data; for a new one ourselves, or when we are root the chosen account."""
    if data is not None:
        uid = os.lstat(data).st_uid
        if uid == 0:
            raise PostgresError(
                "postgres_rights", f"PostgreSQL does not run as root: give {data} to another account.", folder=data
            )
        if os.geteuid() not in (0, uid):
            raise PostgresError(
                "postgres_rights",
                "Run Nostro as the account that owns the cluster, or set NOSTRO_HOME to a folder of your own.",
                folder=data,
                owner=uid,
                user=os.geteuid(),
            )
        return _known(uid)
    if os.geteuid() != 0:
        return _known(os.geteuid())
    name = os.environ.get("NOSTRO_POSTGRES_USER", "") or "nobody"
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        entry = None
    if entry is None or entry.pw_uid == 0:
        raise PostgresError(
            "postgres_rights", "Set NOSTRO_POSTGRES_USER to an existing account other than root.", account=name
        )
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)


def _known(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        # Peer authentication compares names: an account without one could start the server and never log in.
        raise PostgresError(
            "postgres_rights", f"Give user {uid} a name in /etc/passwd, or set NOSTRO_DATABASE_URL.", user=uid
        ) from None
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)
