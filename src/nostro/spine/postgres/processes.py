"""Which processes of a cluster are alive. A process id alone proves nothing: it may be a zombie or another program by now."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nostro.spine.postgres.files import open_own, read, take

_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class PidFile:
    """What postmaster.pid says. Source: PostgreSQL documentation, "Database File Layout", and pidfile.h."""

    pid: int
    port: int
    socket: str
    status: str  # starting, ready, stopping


def pid_file(data: Path) -> PidFile | None:
    """The pid file of a cluster; none when it is absent or not yet complete."""
    lines = read(data / "postmaster.pid").splitlines()
    if len(lines) < 5 or not lines[0].isdigit() or not lines[3].isdigit():
        return None
    return PidFile(int(lines[0]), int(lines[3]), lines[4], lines[7].strip() if len(lines) > 7 else "starting")


def postmaster(data: Path) -> PidFile | None:
    """The pid file, when the process it names is a living server of this cluster and not a zombie or another program."""
    named = pid_file(data)
    return named if named is not None and _is_server(named.pid, data) else None


def children(data: Path) -> list[int]:
    """Living processes that work in the data folder, where /proc tells: the server, its workers, its backends."""
    if not _PROC.is_dir():
        return []
    return [int(entry) for entry in os.listdir(_PROC) if entry.isdigit() and _works_in(int(entry), data)]


def anybody_alive(data: Path, alive_lock: Path) -> bool:
    """Whether any process of this cluster is left. Each one holds the lock it inherited; /proc knows those started by hand."""
    descriptor = open_own(alive_lock, os.O_RDWR)
    try:
        return not take(descriptor) or bool(children(data))
    finally:
        os.close(descriptor)


def _works_in(pid: int, data: Path) -> bool:
    # A zombie has no working directory, and a recycled id has another one.
    try:
        return os.readlink(_PROC / str(pid) / "cwd") == str(data)
    except OSError:
        return False


def _is_server(pid: int, data: Path) -> bool:
    if _PROC.is_dir():
        return _works_in(pid, data)
    told = subprocess.run(["ps", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, text=True).stdout
    return bool(told.strip()) and not told.startswith("Z") and f"-D {data}" in told
