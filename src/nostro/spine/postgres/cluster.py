"""The life of an embedded cluster: made, started, joined, mended after a crash, stopped by the last one out."""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from psycopg.pq import PGconn, Ping

from nostro.spine.postgres import configuration, places
from nostro.spine.postgres.account import ENVIRONMENT
from nostro.spine.postgres.binaries import MAJOR, programs
from nostro.spine.postgres.files import locked, make_folder, named_errors, open_own, read, take
from nostro.spine.postgres.places import Place
from nostro.spine.postgres.processes import PidFile, anybody_alive, children, pid_file, postmaster
from nostro.spine.postgres.server import OWNER, PostgresError, Server

# Recovery tells its progress in the log every ten seconds: this is twelve silences in a row.
_SILENCE_S_MAX: Final = 120.0
_ORPHANS_S_MAX: Final = 5.0
_STOP_S_MAX: Final = 300.0
_LOGS_MAX, _LOGS_BYTES_MAX = 100, 50 << 20

_started: list["subprocess.Popen[bytes]"] = []
"""Servers this process started: their parent must collect them, or they stay as zombies."""


class Cluster:
    """The embedded PostgreSQL of one home."""

    def __init__(self, home: Path) -> None:
        self.home = Path(os.path.realpath(home.expanduser()))

    @contextmanager
    def running(self) -> Iterator[Server]:
        """Inside, the server runs: started if nobody has, joined otherwise; the last one out stops it.

        Waits as long as recovery makes progress. Refuses with a PostgresError that names its reason and remedy.
        """
        with named_errors(self.home):
            # Root's home may be entered, not listed, so that the account of the server can live inside it.
            make_folder(self.home, 0o711 if os.geteuid() == 0 else 0o700)
            clients = open_own(self.home / "clients.lock", os.O_RDWR)
        try:
            try:
                with named_errors(self.home), locked(self.home / "start.lock"):
                    fcntl.flock(clients, fcntl.LOCK_SH)
                    server = _ensure(self.home)
                yield server
            finally:
                self._leave(clients)
        finally:
            # A forked child shares this lock; closing our copy alone would leave it held for ever.
            fcntl.flock(clients, fcntl.LOCK_UN)
            os.close(clients)

    def _leave(self, clients: int) -> None:
        # Joining and leaving both happen under the start lock, so nobody can join between the last one's look and the stop.
        with locked(self.home / "start.lock"):
            if take(clients):
                self._stop()

    def stop(self) -> bool:
        """Stop the server cleanly, whoever is using it; false when none was running."""
        if not self.home.is_dir():
            return False
        with named_errors(self.home), locked(self.home / "start.lock"):
            return self._stop()

    def _stop(self) -> bool:
        place = places.find(self.home)
        return place is not None and _stop(place)

    def erase(self) -> None:
        """Stop the server and delete the cluster with all its data, wherever it lies. There is no way back."""
        if not self.home.is_dir():
            return
        with named_errors(self.home), locked(self.home / "start.lock"):
            place = places.find(self.home)
            if place is not None:
                _stop(place)
                socket = places.socket_path(place)
                shutil.rmtree(place.base)
                shutil.rmtree(socket, ignore_errors=True)  # gone already when it lay inside
            places.location_file(self.home).unlink(missing_ok=True)


def stop(home: Path) -> bool:
    """Stop the embedded server of a home cleanly, whoever is using it; false when none was running."""
    return Cluster(home).stop()


def _ensure(home: Path) -> Server:
    """The server of this home, running and accepting connections. Call under the start lock."""
    place = places.find(home) or _create(home)
    _check_version(place)
    orphans_since = None
    while True:
        _collect()
        found = postmaster(place.data)
        if found is not None:
            joined = _wait(place, None)
            if joined is not None:
                return joined
        elif not anybody_alive(place.data, place.alive_lock):
            started = _wait(place, _start(place))
            assert started is not None, "a server of our own becomes ready or fails by name"
            return started
        else:
            # The server died and some of its backends have not noticed yet. Nothing may start beside them.
            orphans_since = orphans_since or time.monotonic()
            waited = time.monotonic() - orphans_since
            if waited > _ORPHANS_S_MAX:
                _dismiss(place)
            if waited > 6 * _ORPHANS_S_MAX:
                raise PostgresError(
                    "postgres_start_failed",
                    "Processes of a dead server still hold the cluster: end them, then try again.",
                    folder=place.data,
                    processes=" ".join(map(str, children(place.data))) or "unknown",
                )
            time.sleep(0.02)


def _create(home: Path) -> Place:
    """A new, empty cluster. It is made beside and moved into place, so that a half-made one is never taken for a whole one."""
    places.check_space(home)
    place = places.settle(home)
    for folder in (place.logs, new := place.base / "data.new"):
        if folder.is_dir():
            shutil.rmtree(folder)
        folder.mkdir(0o700)
        place.account.give(folder)
    command = [
        str(programs(place.account, places.STATE) / "initdb"),
        f"--pgdata={new}",
        f"--username={OWNER}",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--data-checksums",
        "--auth-local=peer",
        "--auth-host=reject",
        "--no-instructions",
    ]
    made = subprocess.run(
        command, cwd="/", env=ENVIRONMENT, umask=0o077, capture_output=True, text=True, **place.account.identity()
    )
    if made.returncode:
        raise _failed(place, made.stdout + made.stderr)
    os.rename(new, place.data)
    folder_descriptor = os.open(place.base, os.O_RDONLY)
    os.fsync(folder_descriptor)
    os.close(folder_descriptor)
    places.settled(home, place)
    return place


def _check_version(place: Place) -> None:
    version = read(place.data / "PG_VERSION").strip()
    if version != str(MAJOR):
        raise PostgresError(
            "postgres_version_differs",
            f"The data are of PostgreSQL {version or 'an unknown version'}, the programs of {MAJOR}. "
            "Export with the version of Nostro that wrote them and import here, or choose another NOSTRO_HOME.",
            folder=place.data,
            data_version=version,
            program_version=MAJOR,
        )


def _start(place: Place) -> "subprocess.Popen[bytes]":
    """Start a server in a cluster nobody is alive in. A direct child: its end is seen at once, and no tool times out on it."""
    places.check_space(place.data)
    socket = places.socket_folder(place)
    _clear(place, socket)
    _prune(place)
    config = configuration.write(place.base, place.data, socket, place.logs, place.account.name)
    command = [
        str(programs(place.account, places.STATE) / "postgres"),
        "-D",
        str(place.data),
        "-c",
        f"config_file={config}",
    ]
    alive = open_own(place.alive_lock, os.O_RDWR)
    place.start_log.unlink(missing_ok=True)
    said = open_own(place.start_log, os.O_WRONLY)
    try:
        fcntl.flock(alive, fcntl.LOCK_EX)
        # A session of its own: Ctrl-C in our terminal must not stop the server under us.
        child = subprocess.Popen(
            command,
            cwd="/",
            env=ENVIRONMENT,
            umask=0o077,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            pass_fds=(alive,),
            start_new_session=True,
            **place.account.identity(),
        )
    finally:
        os.close(said)
        os.close(alive)
    _started.append(child)
    return child


def _wait(place: Place, child: "subprocess.Popen[bytes] | None") -> Server | None:
    """The server, once it accepts connections. None when one that we had found is gone."""
    seen: object = None
    changed_at = time.monotonic()
    pause = 0.005
    while True:
        if child is not None and child.poll() is not None:
            raise _failed(place, read(place.start_log, 1 << 16))
        found = postmaster(place.data)
        if found is None and child is None:
            return None
        if found is not None and found.status == "ready" and (child is None or found.pid == child.pid):
            server = Server(found.socket, found.port, OWNER, embedded=True)
            if PGconn.ping(f"{server.dsn('postgres', OWNER)} connect_timeout=5".encode()) == Ping.OK:
                return server
        progress = (found, [(log.name, log.stat().st_size) for log in [place.start_log, *place.log_files()[-1:]]])
        if progress != seen:
            seen, changed_at = progress, time.monotonic()
        if found is not None and found.status == "ready" and time.monotonic() - changed_at > 10:
            raise PostgresError(
                "postgres_socket",
                f"The server runs and its socket does not answer: stop it with `kill -INT {found.pid}`, then try again.",
                socket=found.socket,
                process=found.pid,
            )
        if time.monotonic() - changed_at > _SILENCE_S_MAX:
            raise _failed(place, f"no sign of progress for {_SILENCE_S_MAX:.0f} s\n" + read(place.start_log, 1 << 16))
        time.sleep(pause)
        pause = min(0.1, pause * 1.2)


def _stop(place: Place) -> bool:
    """Fast shutdown, waited for: sessions are ended, everything is written, no recovery at the next start."""
    _collect()
    found = postmaster(place.data)
    if found is None:
        return False
    _signal(found.pid, signal.SIGINT)
    began, urged = time.monotonic(), False
    pause = 0.005
    while anybody_alive(place.data, place.alive_lock):
        _collect()
        if not urged and time.monotonic() - began > _STOP_S_MAX:
            # What is committed is in the log on disk: ending it now costs a recovery at the next start and no data.
            _signal(found.pid, signal.SIGQUIT)
            urged = True
        time.sleep(pause)
        pause = min(0.1, pause * 1.2)
    _collect()
    return True


def _clear(place: Place, socket: Path) -> None:
    """Remove what a killed server left behind. Call only when nobody of the cluster is alive.

    PostgreSQL refuses to start while the id in these files is in use, be it by a zombie or by another program.
    """
    stale: PidFile | None = pid_file(place.data)
    (place.data / "postmaster.pid").unlink(missing_ok=True)
    for folder in {str(socket), stale.socket if stale else ""} - {""}:
        lock = Path(f"{places.socket_file(Path(folder))}.lock")
        if read(lock).splitlines()[1:2] == [str(place.data)]:
            lock.unlink(missing_ok=True)


def _prune(place: Place) -> None:
    """Keep the newest 100 log files, and of these 50 MB."""
    size = 0
    for count, log in enumerate(reversed(place.log_files()), 1):
        size += log.lstat().st_size
        if count > _LOGS_MAX or size > _LOGS_BYTES_MAX:
            log.unlink(missing_ok=True)


def _dismiss(place: Place) -> None:
    """End backends whose server is dead: they can commit nothing any more."""
    for pid in children(place.data):
        _signal(pid, signal.SIGQUIT)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _collect() -> None:
    """Collect servers of ours that have ended, whoever stopped them."""
    _started[:] = [child for child in _started if child.poll() is None]


def _failed(place: Place, said: str) -> PostgresError:
    if "redirecting log output" in said:
        said += "".join(read(log, 1 << 16) for log in place.log_files()[-1:])
    lines = said.strip().splitlines()[-12:]
    if any("No space left on device" in line for line in lines):
        return PostgresError(
            "postgres_disk_full", "Free at least 200 MB, or set NOSTRO_HOME to another disk.", folder=place.base
        )
    return PostgresError(
        "postgres_start_failed",
        f"Read the last lines of the log (folder {place.logs}); `nostro doctor` checks disk, rights and memory.",
        folder=place.data,
        log="\n".join(lines),
    )
