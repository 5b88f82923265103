"""The whole day at growing sizes: time of each stage, memory, growth exponent. 全日基准"""

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from nostro.front.bench import Row
from nostro.front.output import note
from nostro.spine.postgres import Cluster, home

SIZES: Final = (10_000, 100_000)
SECONDS_MAX: Final = {10_000: 60.0, 100_000: 90.0, 1_000_000: 900.0}
"""What a day of this many executions may take: the limits the project set itself."""


def measure(sizes: Sequence[int] = SIZES) -> Iterator[Row]:
    """One demo day a size, each in a process and a home of its own; then the exponent by which time grows with size."""
    points: list[tuple[int, float]] = []
    for size in sizes:
        report = _demo(size)
        seconds, memory = float(report["day_seconds"]), int(report["peak_memory_mb"])
        points.append((size, seconds))
        for stage in report["stages"]:
            yield Row(
                f"day/{stage['name']}", size, stage["seconds"], stage["seconds"] / seconds, "share of the day", memory
            )
        limit = SECONDS_MAX.get(size, SECONDS_MAX[100_000] * size / 100_000)
        yield Row("day", size, seconds, limit / seconds, f"limit of {limit:.0f} s", memory)
    if len(points) > 1:
        yield Row("day/exponent", points[-1][0], points[-1][1], exponent(points), "growth exponent, 1 is linear", 0)


def exponent(points: Sequence[tuple[int, float]]) -> float:
    """The slope of log time over log size, by least squares: 1 is linear growth."""
    xs, ys = [math.log(n) for n, _ in points], [math.log(s) for _, s in points]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys, strict=True)) / sum((x - mx) ** 2 for x in xs)


def _demo(size: int) -> dict[str, Any]:
    where = home() / "bench" / str(size)
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir(parents=True)
    note(f"a day of {size:,} executions")
    done = subprocess.run(
        [sys.executable, "-m", "nostro.front.cli", "demo", "--json", "--trades", str(size)],
        stdout=subprocess.PIPE, text=True, check=False, env={**os.environ, "NOSTRO_HOME": str(where)},
    )  # fmt: skip
    if not done.stdout.strip():
        raise RuntimeError(f"the day of {size} executions printed nothing; run it by hand: nostro demo --trades {size}")
    report: dict[str, Any] = json.loads(done.stdout)
    if not report["holds"]:
        note(f"the day of {size:,} does not hold: {report['faults']['missed']} {report['failed_steps']}")
    Cluster(where).erase()
    shutil.rmtree(where, ignore_errors=True)
    return report
