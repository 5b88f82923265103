"""The command: python -m nostro_street morning|market|evening --exchange DIR --world DIR; and faults, for the list."""

import sys
import time
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from nostro_street import evening, faults, market, morning
from nostro_street.faults import Planted
from nostro_street.files import Memory, Settings

Phase = Callable[[Settings, Path, Memory, Callable[[str], None]], list[Planted]]
_PHASES: dict[str, Phase] = {"morning": morning.run, "market": market.run, "evening": evening.run}
_USUAL = Settings(seed=7, trades=10_000, day=date(2026, 10, 13), kinds=tuple(faults.KINDS))


@click.group()
def main() -> None:
    """The simulated street: everybody with whom a firm deals, one phase of the day at a time. 模拟市场"""


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    folder = click.Path(path_type=Path, file_okay=False)
    options = (
        click.option("--exchange", type=folder, required=True, help="The folder where the firms and the street meet."),
        click.option("--world", type=folder, required=True, help="The street's own memory, and truth.json."),
        click.option("--seed", type=click.IntRange(0), help="Another seed, another world.  [default: 7]"),
        click.option("--trades", type=click.IntRange(1, 5_000_000), help="Of all firms.  [default: 10000]"),
        click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="The business day.  [default: 2026-10-13]"),
        click.option("--faults", "kinds", help="all, none, or kinds with commas.  [default: all]"),
    )
    for option in reversed(options):
        command = option(command)
    return command


@main.command(name="morning")
@_with_options
def morning_command(exchange: Path, world: Path, **options: Any) -> None:
    """Reference data, openings, executions, allocations, confirmations, obligations. 早间"""
    settings = _settings(_USUAL, **options)
    memory = Memory(world)
    memory.save_settings(settings)
    _run("morning", settings, exchange, memory)


@main.command(name="market")
@_with_options
def market_command(exchange: Path, world: Path, **options: Any) -> None:
    """Answer and settle what the firms instructed, in the world that the morning made. 盘中"""
    _run("market", _same_world(world, options), exchange, Memory(world))


@main.command(name="evening")
@_with_options
def evening_command(exchange: Path, world: Path, **options: Any) -> None:
    """Closing prices, holdings and cash, in the world that the morning made. 日终"""
    _run("evening", _same_world(world, options), exchange, Memory(world))


@main.command(name="faults")
def faults_command() -> None:
    """The page docs/faults.md: every kind of fault and what Nostro must say about it. 错误一览"""
    click.echo(faults.table(), nl=False)


def _settings(
    usual: Settings, seed: int | None, trades: int | None, day: datetime | None, kinds: str | None
) -> Settings:
    try:
        chosen = usual.kinds if kinds is None else tuple(faults.chosen_kinds(kinds))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--faults") from None
    return Settings(
        usual.seed if seed is None else seed,
        usual.trades if trades is None else trades,
        usual.day if day is None else day.date(),
        chosen,
    )


def _same_world(world: Path, options: dict[str, Any]) -> Settings:
    """What the morning was made of. Refuses options that say otherwise: they would answer another world's messages."""
    try:
        known = Memory(world).settings()
    except FileNotFoundError as error:
        raise click.ClickException(str(error)) from None
    wanted = _settings(known, **options)
    if wanted != known:
        raise click.ClickException(
            f"the morning in {world} was made of {known}, not of {wanted}: choose another --world"
        )
    return known


def _run(name: str, settings: Settings, exchange: Path, memory: Memory) -> None:
    began = time.monotonic()

    def progress(text: str) -> None:
        click.echo(f"{time.monotonic() - began:6.1f} s  {text}", err=True)

    try:
        planted = _PHASES[name](settings, exchange, memory, progress)
    except (FileNotFoundError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    memory.tell_truth(name, planted)
    truth = memory.folder / "truth.json"
    click.echo(f"{name} of {settings.day}: {settings.trades:,} trades, {len(planted)} faults, see {truth}")


if __name__ == "__main__":
    sys.exit(main())
