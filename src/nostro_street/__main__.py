"""The command: python -m nostro_street morning|market|evening|faults."""

import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click

from nostro_street import faults, morning
from nostro_street.faults import Planted
from nostro_street.files import Memory, Settings

Phase = Callable[[Settings, Path, Memory, Callable[[str], None]], list[Planted]]


@click.group()
def main() -> None:
    """The simulated street: everybody with whom a firm deals, one phase of the day at a time. 模拟市场"""


_exchange = click.option(
    "--exchange", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder where both meet."
)
_world = click.option(
    "--world",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The street's own memory, and truth.json.",
)


@main.command(name="morning")
@_exchange
@_world
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Another seed, another world.")
@click.option("--trades", type=click.IntRange(1, 5_000_000), default=10_000, show_default=True)
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), default="2026-10-13", show_default=True)
@click.option("--faults", "kinds", default="all", show_default=True, help="all, none, or kinds with commas.")
def morning_command(exchange: Path, world: Path, seed: int, trades: int, day: datetime, kinds: str) -> None:
    """Reference data, openings, executions, allocations, confirmations, obligations. 早间"""
    try:
        chosen = tuple(faults.chosen_kinds(kinds))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--faults") from None
    memory = Memory(world)
    settings = Settings(seed, trades, day.date(), chosen)
    memory.save_settings(settings)
    _run("morning", morning.run, settings, exchange, memory)


@main.command(name="faults")
def faults_command() -> None:
    """The page docs/faults.md: every kind of fault and what Nostro must say about it. 错误一览"""
    click.echo(faults.table(), nl=False)


def _run(name: str, phase: Phase, settings: Settings, exchange: Path, memory: Memory) -> None:
    began = time.monotonic()

    def progress(text: str) -> None:
        click.echo(f"{time.monotonic() - began:6.1f} s  {text}", err=True)

    planted = phase(settings, exchange, memory, progress)
    memory.tell_truth(name, planted)
    truth = memory.folder / "truth.json"
    click.echo(f"{name} of {settings.day}: {settings.trades:,} trades, {len(planted)} faults, see {truth}")


if __name__ == "__main__":
    sys.exit(main())
