"""Files of the exchange folder and the street's memory: written whole or not at all. 文件读写"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from nostro_street import faults
from nostro_street.faults import Planted

PHASES = {"morning": "1_morning", "market": "2_market", "evening": "3_evening"}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a day of the world is made of."""

    seed: int
    trades: int
    day: date
    kinds: tuple[str, ...]


@dataclass(slots=True)
class Outbox:
    """The files of one phase, until they are all known and can be written."""

    exchange: Path
    phase: str
    day: date
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def put(self, entity: str, name: str, data: bytes) -> None:
        """Add a file for an entity."""
        assert (entity, name) not in self.files, f"{entity}/{name} is written once"
        self.files[entity, name] = data

    def where(self, entity: str, name: str) -> str:
        """The file's path in the exchange folder, for people."""
        return f"to/{entity}/{PHASES[self.phase]}/{name}"

    def subject(self, name: str, ordinal: int) -> str:
        """How exceptions name a message of a file, but for the day and the phase they put before its name."""
        return f"message/{name}/{ordinal}"

    def write(self, entities: list[str]) -> None:
        """Write all files. Afterwards the phase's folder of each entity holds these and nothing else."""
        for entity in entities:
            folder = self.exchange / "to" / entity / PHASES[self.phase]
            # A firm begins to read as soon as the folder is there, so it appears with everything in it.
            part = folder.with_name(f".{folder.name}.part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            ours = {name: data for (owner, name), data in self.files.items() if owner == entity}
            for name, data in ours.items():
                (part / name).write_bytes(data)
            if not folder.is_dir():
                os.replace(part, folder)
                continue
            for path in folder.iterdir():
                if path.name not in ours:
                    path.unlink()
            for name in ours:
                os.replace(part / name, folder / name)
            part.rmdir()


@dataclass(frozen=True, slots=True)
class Memory:
    """The street's own folder: what a later phase must know of an earlier one, and the truth."""

    folder: Path

    def save(self, name: str, frame: pl.DataFrame) -> None:
        """Keep a frame for the later phases."""
        part = self.folder / f".{name}.part"
        self.folder.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(part)
        os.replace(part, self.folder / f"{name}.parquet")

    def load(self, name: str) -> pl.DataFrame:
        """A frame an earlier phase kept. Refuses, with a FileNotFoundError, when that phase has not run."""
        path = self.folder / f"{name}.parquet"
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not there: run the earlier phases first, with the same --world")
        return pl.read_parquet(path)

    def save_settings(self, settings: Settings) -> None:
        """Keep what the day is made of."""
        known = {
            "seed": settings.seed,
            "trades": settings.trades,
            "day": settings.day.isoformat(),
            "faults": list(settings.kinds),
        }
        self._write_json("settings.json", known)

    def settings(self) -> Settings:
        """What the morning was made of. Refuses, with a FileNotFoundError, before the first morning."""
        path = self.folder / "settings.json"
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not there: run the morning first, with the same --world")
        known = json.loads(path.read_text("utf-8"))
        return Settings(
            int(known["seed"]), int(known["trades"]), date.fromisoformat(known["day"]), tuple(known["faults"])
        )

    def tell_truth(self, phase: str, planted: list[Planted]) -> None:
        """Put this phase's faults into truth.json. An earlier phase run again makes the later ones' untrue: they go."""
        path = self.folder / "truth.json"
        before = json.loads(path.read_text("utf-8"))["faults"] if path.is_file() else []
        order = list(PHASES)
        kept = [row for row in before if order.index(faults.KINDS[row["kind"]].phase) < order.index(phase)]
        self._write_json("truth.json", {"faults": [*kept, *faults.as_rows(planted)]})

    def _write_json(self, name: str, content: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / name, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode())


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees a part of it."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    os.replace(part, path)
