"""A day killed anywhere ends with the seal of a day that was left alone."""

import contextlib
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.front.demos import COMMAND, environment, told

OPTIONS = ("demo", "--trades", "300", "--seed", "11")
TARGETS = ("runner", "runner and street", "postgres", "backend")


def _postmaster(home: Path) -> int | None:
    """The server of this home: the one process that runs `postgres` for its data folder and is no child of another one."""
    found = subprocess.run(["pgrep", "-f", "postgres.*-D"], capture_output=True, text=True, check=False).stdout.split()
    for pid in map(int, found):
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ")
            data = re.search(r"-D (\S+)", command)
            where = Path(data.group(1)) if data else None
            if where and (home in where.parents or _belongs(home, where)):
                return pid
    return None


def _belongs(home: Path, data: Path) -> bool:
    location = home / "postgres.location"
    return location.exists() and location.read_text(encoding="utf-8").strip() in str(data)


def _kill(target: str, process: "subprocess.Popen[bytes]", home: Path) -> bool:
    postmaster = _postmaster(home)
    with contextlib.suppress(ProcessLookupError):
        if target == "runner":
            process.kill()
        elif target == "runner and street":
            os.killpg(process.pid, signal.SIGKILL)
        elif postmaster is None:
            return False
        elif target == "postgres":
            os.kill(postmaster, signal.SIGKILL)
        else:
            backends = subprocess.run(
                ["pgrep", "-P", str(postmaster), "-f", "nostro_writer"], capture_output=True, text=True, check=False
            ).stdout.split()
            if not backends:
                return False
            os.kill(int(backends[0]), signal.SIGKILL)
        return True
    return False


def killed_day(home: Path, chance: random.Random, kills: int) -> tuple[str, int]:
    """Run the day, killing something at random moments until so many kills have hit or the day is done; then let it end."""
    hit = 0
    while hit < kills:
        process = subprocess.Popen(
            [*COMMAND, *OPTIONS],
            env=environment(home),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.3, 4.0))
        if process.poll() is not None:
            break
        hit += _kill(chance.choice(TARGETS), process, home)
        if (
            chance.random() < 0.5
        ):  # half the time leave the rest alone, as an operator would; half the time begin again at once
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.1, 1.0))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    report = told(home, *OPTIONS)
    assert report["holds"], report
    return str(report["seal"]), hit


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The seal of the day when nobody kills anything."""
    return str(told(tmp_path_factory.mktemp("undisturbed"), *OPTIONS)["seal"])


def test_a_day_killed_at_random_moments_ends_with_the_same_seal(undisturbed: str, tmp_path: Path) -> None:
    seal, hit = killed_day(tmp_path / "home", random.Random(1), kills=6)
    assert seal == undisturbed
    assert hit >= 3, "the day was over before it was killed: kill earlier"


@pytest.mark.soak
def test_sixty_kills_over_many_days_never_change_a_seal(undisturbed: str, tmp_path: Path) -> None:
    chance = random.Random(int(os.environ.get("NOSTRO_SOAK_SEED", "2026")))
    kills, days, start = 0, 0, time.monotonic()
    while kills < 60:
        seal, hit = killed_day(tmp_path / str(days), chance, kills=6)
        assert seal == undisturbed, f"day {days} after {kills} kills"
        kills, days = kills + hit, days + 1
        print(f"{kills} kills over {days} days in {time.monotonic() - start:.0f} s: the same seal")
