"""A day of the street played with firms that make no mistake of their own."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from nostro.messages.iso20022 import sese023
from nostro.messages.mt import instructions as mt541
from nostro.messages.shapes import INSTRUCTION
from nostro_street import world
from nostro_street.faults import HELD

DAY = date(2026, 10, 13)


@dataclass(frozen=True)
class Played:
    """Where a day was played."""

    exchange: Path
    world: Path


def street(phase: str, exchange: Path, folder: Path, *options: str) -> str:
    """Run a phase as its own process; returns what it said."""
    command = [
        sys.executable,
        "-m",
        "nostro_street",
        phase,
        "--exchange",
        str(exchange),
        "--world",
        str(folder),
        *options,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def instruct(exchange: Path, folder: Path) -> None:
    """Every firm instructs what it should: all that has no fault for which it would be held."""
    wanted = pl.read_parquet(folder / "street.parquet").filter(~pl.col("fault").is_in(list(HELD)).fill_null(False))
    numbered = wanted.with_row_index("number").with_columns(
        reference=pl.format("{}{}", "entity", pl.col("number").cast(pl.String).str.zfill(13)),
        quantity_micro=pl.col("units") * 1_000_000,
        trade_date=pl.lit(date(2026, 10, 9)),
        counterparty_bic="agent_bic",
    )
    for firm in world.FIRMS:
        for market in (world.BY_MIC[mic] for mic in firm.markets):
            mine = numbered.filter(entity=firm.code, place_bic=market.place_bic).with_columns(
                account=pl.lit(firm.securities_account(market)), party_bic=pl.lit(firm.bic)
            )
            folder = exchange / "from" / firm.code
            folder.mkdir(parents=True, exist_ok=True)
            rows, parties = mine.select(INSTRUCTION.names()), {"sender": firm.bic, "receiver": market.servicer_bic}
            if market.dialect == "iso":
                built = sese023.build_instructions(rows, created=datetime(2026, 10, 13, 6, tzinfo=UTC), **parties)
            else:
                built = mt541.build_instructions(rows, **parties)
            stem, extension = ("sese023", "xml") if market.dialect == "iso" else ("mt541", "fin")
            (folder / f"10_{stem}.{market.servicer_bic}.{extension}").write_bytes(built.data)


@pytest.fixture(scope="session")
def play(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Played]:
    """Play a whole day with these options; the same options are played once."""
    known: dict[tuple[str, ...], Played] = {}

    def played(*options: str) -> Played:
        if options not in known:
            root = tmp_path_factory.mktemp("street")
            exchange, folder = root / "exchange", root / "world"
            street("morning", exchange, folder, *options)
            instruct(exchange, folder)
            street("market", exchange, folder)
            street("evening", exchange, folder)
            known[options] = Played(exchange, folder)
        return known[options]

    return played
