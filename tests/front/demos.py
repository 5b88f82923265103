"""Running `nostro` as a person would: a process of its own, a home of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "nostro.front.cli"]


HOMES: set[Path] = set()
"""Every home a test ran a command in: their clusters are erased when the tests are over."""


def environment(home: Path) -> dict[str, str]:
    """This process's environment, with another home and no server of anybody's own."""
    HOMES.add(home)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NOSTRO_")}
    return {**kept, "NOSTRO_HOME": str(home)}


def nostro(home: Path, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its exit code must be this one (None: any)."""
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, env=environment(home), check=False, timeout=550
    )
    assert code is None or done.returncode == code, (
        f"exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    )
    return done


def told(home: Path, *arguments: str, code: int | None = 0) -> Any:
    """The JSON document a command prints."""
    done = nostro(home, *arguments, "--json", code=code)
    assert done.stdout.strip(), f"exit {done.returncode} and nothing said\n{done.stderr[-3000:]}"
    return json.loads(done.stdout)
