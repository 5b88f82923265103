"""`nostro doctor`: does everything here work, and what to do when not. 自检"""

import importlib
import platform
import shutil
import sys

import click

from nostro.front.output import Voice
from nostro.front.session import opened, url
from nostro.spine.postgres import Finding, PostgresError, check, home

LIBRARIES = (
    "polars",
    "numpy",
    "numba",
    "psycopg",
    "lxml",
    "django",
    "stdnum",
    "exchange_calendars",
    "holidays",
    "chinese_calendar",
)


@click.command()
@click.pass_obj
def doctor(voice: Voice) -> int:
    """Check Python, libraries, disk, PostgreSQL and the database; say what to do. Exit code 1 when something is wrong."""
    findings = [_python(), *_libraries(), _disk(), *([] if url() else check(home())), _database(voice.debug)]
    voice.table(
        ["", "check", "found", "what to do"],
        [("ok" if f.ok else "!!", f.name, f.detail, "" if f.ok else f.remedy) for f in findings],
    )
    voice.document([{"name": f.name, "ok": f.ok, "detail": f.detail, "remedy": f.remedy} for f in findings])
    return 0 if all(f.ok for f in findings) else 1


def _python() -> Finding:
    fits = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Finding("python", fits, platform.python_version(), "Use Python 3.11, 3.12 or 3.13.")


def _libraries() -> list[Finding]:
    missing = []
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name)
    return [Finding("libraries", not missing, ", ".join(missing) or "all found", "Run `make setup`.")]


def _disk() -> Finding:
    folder = home()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return Finding(
        "disk",
        free > 2 * 2**30,
        f"{free / 2**30:.1f} GB free at {folder}",
        "Free at least 2 GB, or set NOSTRO_HOME to another disk.",
    )


def _database(debug: bool) -> Finding:
    where = "NOSTRO_DATABASE_URL" if url() else str(home())
    remedy = "See the checks above; `nostro --debug doctor` shows the trace."
    try:
        with opened():
            from django.db import connection

            with connection.cursor() as cursor:
                cursor.execute("SELECT current_setting('server_version'), current_user")
                version, role = cursor.fetchone()
            fits = 16 <= int(version.split(".")[0]) <= 18
            return Finding(
                "database", fits, f"PostgreSQL {version} as {role} ({where})", "Use PostgreSQL 16, 17 or 18."
            )
    except PostgresError as error:
        return Finding("database", False, f"{error} ({where})", error.remedy)
    except Exception as error:  # the doctor reports whatever is wrong
        if debug:
            raise
        return Finding("database", False, f"{type(error).__name__}: {error} ({where})", remedy)
