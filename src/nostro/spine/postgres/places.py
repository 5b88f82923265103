"""Where a cluster lies: under its home, or, when root's account can't reach that, under /var/lib/nostro."""

import hashlib
import os
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nostro.spine.postgres.account import Account, account_of
from nostro.spine.postgres.files import make_folder, owned_by_root, read, replace
from nostro.spine.postgres.server import PostgresError

STATE: Final = Path("/var/lib/nostro")
PORT: Final = 5432
FREE_MB_MIN: Final = 200
# sun_path holds 108 bytes on Linux and 104 on macOS, with a zero at the end.
SOCKET_BYTES_MAX: Final = 103


@dataclass(frozen=True, slots=True)
class Place:
    """The folders and files of one cluster."""

    base: Path
    account: Account

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def logs(self) -> Path:
        return self.base / "log"

    @property
    def alive_lock(self) -> Path:
        return self.base / "alive.lock"

    @property
    def start_log(self) -> Path:
        """What the server says before its log files are open."""
        return self.base / "start.log"

    def log_files(self) -> list[Path]:
        """Oldest first."""
        return sorted(self.logs.glob("postgresql-*.log")) if os.access(self.logs, os.R_OK) else []


def location_file(home: Path) -> Path:
    """The text file of a home that names a cluster lying elsewhere."""
    return home / "postgres.location"


def find(home: Path) -> Place | None:
    """The cluster of a home, when there is one. Refuses one that is not ours to run, or whose data are gone."""
    elsewhere = read(location_file(home)).strip().splitlines()
    base = Path(elsewhere[-1]) if elsewhere else home / "postgres"
    if elsewhere:
        if base.parent != STATE / "clusters":
            raise PostgresError(
                "postgres_rights", f"{location_file(home)} may only name a folder of {STATE / 'clusters'}.", folder=base
            )
        if not (base / "data").is_dir() and (os.geteuid() == 0 or not base.exists()):
            raise PostgresError(
                "postgres_data_missing",
                f"Bring the folder back from a backup; to begin with an empty database, delete {location_file(home)}.",
                folder=base / "data",
            )
        owned_by_root(base)
    return Place(base, account_of(base / "data")) if (base / "data").is_dir() else None


def settle(home: Path) -> Place:
    """The folder of a new cluster, with everything in it but the data."""
    account = account_of(None)
    base = home / "postgres"
    if not account.reaches(home):
        base = STATE / "clusters" / f"{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}-{secrets.token_hex(4)}"
        make_folder(STATE, 0o755)
        owned_by_root(STATE)
        make_folder(base.parent, 0o711)
        owned_by_root(base.parent)
    make_folder(base, 0o711 if os.geteuid() == 0 else 0o700)
    return Place(base, account)


def settled(home: Path, place: Place) -> None:
    """Remember where a new cluster went, once its data are there."""
    if place.base.parent != home:
        told = (
            f"The database of this home lies in the folder below, because {place.account.name} can't reach the home.\n"
        )
        replace(location_file(home), f"{told}{place.base}\n", 0o600)


def socket_path(place: Place) -> Path:
    """The folder of the socket: beside the data, or when that path is too long under the runtime folder or /tmp."""
    beside = place.base / "socket"
    if _fits(beside):
        return beside
    made = (place.data / "PG_VERSION").stat().st_mtime_ns
    key = hashlib.sha256(f"{place.data}\n{place.account.uid}\n{made}".encode()).hexdigest()[:12]
    name = f"nostro-{place.account.uid}-{key}"
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    # Root's runtime folder is closed to the account its server runs as.
    if runtime.is_absolute() and os.geteuid() != 0 and os.access(runtime, os.W_OK) and _fits(runtime / name):
        return runtime / name
    return Path("/tmp") / name  # made private, and refused when somebody else made it


def socket_folder(place: Place) -> Path:
    """The folder of the socket, made and private. Refuses one that anybody else has made or can enter."""
    folder = socket_path(place)
    try:
        folder.mkdir(0o700)
        folder.chmod(0o700)
        place.account.give(folder)
    except FileExistsError:
        pass
    if not is_private(folder, place.account.uid):
        raise PostgresError(
            "postgres_socket",
            f"{folder} must be a folder of {place.account.name} alone. Find out who made it, then remove it.",
            folder=folder,
        )
    return folder


def is_private(folder: Path, uid: int) -> bool:
    """Whether this is a folder, no symbolic link, of this user alone."""
    found = os.lstat(folder)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == uid and not found.st_mode & 0o077


def socket_file(folder: Path) -> Path:
    """The socket in its folder."""
    return folder / f".s.PGSQL.{PORT}"


def _fits(folder: Path) -> bool:
    return len(os.fsencode(socket_file(folder))) <= SOCKET_BYTES_MAX


def free_mb(folder: Path) -> int:
    """Free space where this folder is or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free >> 20


def check_space(folder: Path) -> None:
    """Refuses to begin with less than 200 MB: a server that runs out of disk stops in the middle of the day."""
    if free_mb(folder) < FREE_MB_MIN:
        raise PostgresError(
            "postgres_disk_full",
            f"Free at least {FREE_MB_MIN} MB, or set NOSTRO_HOME to another disk.",
            folder=folder,
            free_mb=free_mb(folder),
        )
