"""One business day of three firms against the simulated street, and what it proves. 演示营业日

The street is a process of its own that sees only the exchange folder. Its truth about planted faults is opened in the last
step, to count what was found. Killed anywhere, the same command continues to the same seal.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

import polars as pl
import psycopg
from django.db import connection
from psycopg import sql

from nostro.departments.operations import queue
from nostro.departments.operations.day import Progress, Run, run
from nostro.departments.operations.rules import plan
from nostro.departments.operations.seal import seal_of
from nostro.departments.settlement import queries as settlement
from nostro.front import session
from nostro.kernel.money import from_minor
from nostro.kernel.refusals import Refusal, Refused, Tally
from nostro.ledger import queries as ledger
from nostro.ledger.assets import assets
from nostro.spine import access, audit, entities
from nostro.spine.database import read_frame
from nostro.spine.events import EVENT, digests
from nostro.spine.postgres import Server, home

PHASES: Final = ("morning", "market", "evening")
PUBLISHED_RATE: Final = 94.32
"""Settlement efficiency by volume of T2S in 2023, per cent. Source: ECB, T2S Annual Report 2023."""
PEOPLE: Final = (
    ("settlement_maker", "Settlement, maker", "交收经办", "settlement"),
    ("settlement_checker", "Settlement, checker", "交收复核", "settlement"),
    ("recon_maker", "Reconciliation, maker", "对账经办", "reconciliation"),
    ("recon_checker", "Reconciliation, checker", "对账复核", "reconciliation"),
    ("data_maker", "Data, maker", "数据经办", "data"),
    ("data_checker", "Data, checker", "数据复核", "data"),
    ("auditor", "Auditor", "审计", "auditor"),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What kind of day: the same choice gives the same seal on any machine."""

    trades: int = 10_000
    seed: int = 7
    day: date = date(2026, 10, 13)
    faults: str = "all"

    def told(self) -> str:
        """For people and for the marker file."""
        return f"--trades {self.trades} --seed {self.seed} --day {self.day} --faults {self.faults}"


@dataclass(frozen=True, slots=True)
class Fault:
    """A planted fault, as the street's truth has it."""

    kind: str
    entity: str
    reason: str
    subject: str
    where: str


@dataclass(slots=True)
class Report:
    """What the day came to. `holds` is whether everything it claims is so."""

    choice: Choice
    run: Run
    seal: str | None = None
    day_seconds: float = 0.0
    peak_memory_mb: int = 0
    stages: list[dict[str, Any]] = field(default_factory=list)
    trial_balance: list[dict[str, Any]] = field(default_factory=list)
    planted: list[Fault] = field(default_factory=list)
    found: list[Fault] = field(default_factory=list)
    false_alarms: list[dict[str, str]] = field(default_factory=list)
    settled: dict[str, int] = field(default_factory=dict)
    tamper_found: bool = False
    tampered: str = ""
    example: tuple[str, str] | None = None
    files: list[str] = field(default_factory=list)

    @property
    def missed(self) -> list[Fault]:
        """Planted, and not found."""
        return [fault for fault in self.planted if fault not in self.found]

    @property
    def holds(self) -> bool:
        """Everything the report claims is so; the exit code hangs on it."""
        return (
            self.run.is_complete
            and self.seal is not None
            and not self.missed
            and not self.false_alarms
            and all(row["difference"] == "0.00" for row in self.trial_balance)
            and self.tamper_found
        )

    def document(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "seal": self.seal,
            "day_seconds": round(self.day_seconds, 2),
            "peak_memory_mb": self.peak_memory_mb,
            "stages": self.stages,
            "settlement_rate": self.settled,
            "trial_balance": self.trial_balance,
            "faults": {
                "planted": len(self.planted),
                "kinds": {
                    kind: sum(fault.kind == kind for fault in self.found)
                    for kind in sorted({f.kind for f in self.planted})
                },
                "found": len(self.found),
                "false_alarms": len(self.false_alarms),
                "missed": [f"{fault.kind} {fault.entity} {fault.subject}" for fault in self.missed],
                "false": self.false_alarms,
            },
            "tamper_found": self.tamper_found,
            "failed_steps": {f"{number} {step}": error for (number, step), error in self.run.failed.items()},
            "holds": self.holds,
        }


def folder() -> Path:
    """The street's own memory, with its truth. Nostro reads it only in the last step of a demo."""
    return home() / "street"


def begin(choice: Choice, *, fresh: bool) -> None:
    """Remember the choice, or refuse when a demo of another one stands here. With `fresh`, forget the old one first."""
    marker = home() / "demo.txt"
    if fresh:
        if session.url():
            raise Refused(Refusal("demo_keeps_your_database", "demo"))
        for path in (session.exchange(), folder()):
            shutil.rmtree(path, ignore_errors=True)
        marker.unlink(missing_ok=True)
    if marker.exists() and marker.read_text(encoding="utf-8") != choice.told():
        raise Refused(Refusal("demo_of_other_size", "demo", facts={"before": marker.read_text(encoding="utf-8")}))
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_text(choice.told(), encoding="utf-8")


def drop(server: Server) -> None:
    """Forget the embedded demo database."""
    with psycopg.connect(server.dsn("postgres", server.superuser), autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(session.DATABASE)))


def street(choice: Choice, phase: str) -> None:
    """Let the street live through a phase, in a process that has no way to our database."""
    done = subprocess.run(
        [
            sys.executable, "-m", "nostro_street", phase, "--exchange", str(session.exchange()), "--world", str(folder()),
            "--seed", str(choice.seed), "--trades", str(choice.trades), "--day", choice.day.isoformat(), "--faults", choice.faults,
        ],
        capture_output=True, text=True, check=False, env=_without_database(),
    )  # fmt: skip
    if done.returncode:
        raise Refused(Refusal("street_failed", f"street/{phase}", facts={"detail": done.stderr[-2000:]}))


def _without_database() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("NOSTRO_", "PG"))}


def play(choice: Choice, progress: Progress, say: Callable[[str], None]) -> Run:
    """The whole day: the street and the firms by turns, until nothing waits any more."""
    for phase in PHASES:
        say(phase)
        street(choice, phase)
        result = run(choice.day, session.exchange(), progress)
        if phase == "morning":
            staff()
    return result


def staff() -> None:
    """People for the demo: makers, checkers and an auditor in every firm."""
    for login, name, name_zh, duty in PEOPLE:
        access.add_person(login, name, name_zh)
        for entity in entities.every():
            access.grant(login, entity.id, duty)


def examine(choice: Choice, result: Run, server: Server | None) -> Report:
    """Look at what the day came to, open the street's truth, and try to tamper with a copy."""
    report = Report(choice, result, seal=seal_of(choice.day))
    report.stages = _stages(choice.day)
    report.day_seconds = _seconds(choice.day)
    report.trial_balance = _trial_balance()
    report.planted = _truth()
    _compare(report)
    rates = pl.concat([settlement.settlement_rate(firm.id, choice.day) for firm in entities.firms()])
    report.settled = {"due": int(rates["due"].sum()), "settled": int(rates["settled"].sum())}
    report.example = _example()
    report.files = sorted(str(path) for path in (session.exchange() / "from").rglob("*") if path.is_file())
    report.tamper_found, report.tampered = tamper(server)
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    report.peak_memory_mb = peak // 1024
    return report


def _stages(day: date) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sum(seen), sum(done), sum(open), sum(cancelled), sum(refused) FROM spine_step"
            " WHERE business_date = %s GROUP BY name",
            [day],
        )
        counted = {name: Tally(*map(int, counts)) for name, *counts in cursor.fetchall()}
        cursor.execute(
            "SELECT name, sum(extract(epoch FROM ended_at - started_at)) FROM spine_steprun"
            " WHERE business_date = %s AND outcome = 'done' GROUP BY name",
            [day],
        )
        seconds = {name: float(total) for name, total in cursor.fetchall()}
    ordered = ["receive_morning", "reference", "prices_open", *(step.name for step in plan.FIRM_PLAN[1:])]
    ordered.insert(ordered.index("value"), "prices_close")
    return [
        {
            "name": name, "in": t.seen, "done": t.done, "open": t.open, "cancelled": t.cancelled, "refused": t.refused,
            "seconds": round(seconds.get(name, 0.0), 3),
        }
        for name in ordered if (t := counted.get(name))
    ]  # fmt: skip


def _seconds(day: date) -> float:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM sum(ended_at - started_at)) FROM spine_steprun"
            " WHERE business_date = %s AND outcome = 'done'",
            [day],
        )
        return float(cursor.fetchone()[0] or 0)


def _trial_balance() -> list[dict[str, Any]]:
    currencies = assets().filter(pl.col("code").str.len_chars() == 3).select("code", "scale", asset_id="id")
    return [
        {
            "entity": firm.code,
            "currency": row["code"],
            "difference": str(from_minor(row["difference_minor"], row["scale"])),
        }
        for firm in entities.firms()
        for row in ledger.trial_balance(firm.id).join(currencies, on="asset_id").sort("code").iter_rows(named=True)
    ]


def _truth() -> list[Fault]:
    truth = json.loads((folder() / "truth.json").read_text(encoding="utf-8"))
    return [Fault(f["kind"], f["entity"], f["reason"], f["subject"], f["where"]) for f in truth["faults"]]


def _plain(subject: str) -> str:
    """A message's subject without day and phase: the street knows its files by their last name only."""
    if not subject.startswith("message/"):
        return subject
    *path, ordinal = subject.split("/")
    return f"message/{path[-1]}/{ordinal}"


def _compare(report: Report) -> None:
    ours = {
        (entity.code, row["reason"], _plain(row["subject"])): row
        for entity in entities.every()
        for row in queue.listed(entity, closed=True).iter_rows(named=True)
    }
    expected = {(f.entity, f.reason, f.subject): f for f in report.planted}
    report.found = [fault for key, fault in expected.items() if key in ours]
    report.false_alarms = [
        {"entity": code, "reason": reason, "subject": subject, "facts": row["facts"]}
        for (code, reason, subject), row in ours.items()
        if (code, reason, subject) not in expected
    ]


def _example() -> tuple[str, str] | None:
    """The first bilateral trade that settled: entity and execution id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.code, i.entity_id, split_part(i.source, '/', 2)::bigint FROM settlement_instruction i"
            " JOIN spine_entity e ON e.id = i.entity_id WHERE i.settlement = 'settled' AND i.source LIKE 'trade/%'"
            " ORDER BY i.entity_id, i.id LIMIT 1"
        )
        row = cursor.fetchone()
        if row is None:
            return None
        cursor.execute("SELECT exec_id FROM trades_execution WHERE entity_id = %s AND id = %s", row[1:])
        return row[0], cursor.fetchone()[0]


def tamper(server: Server | None) -> tuple[bool, str]:
    """Change one byte of one event in a copy of the database, its own digest recomputed; is exactly that event named?

    The copy is a database beside it; on a server of your own that of NOSTRO_DATABASE_URL, whose user must be allowed to.
    """
    connection.close()
    where = server.dsn("postgres", server.superuser) if server else session.url().rsplit("/", 1)[0] + "/postgres"
    name = session.DATABASE if server else session.url().rsplit("/", 1)[1]
    copy = f"{name}_copy"
    with psycopg.connect(where, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(copy)))
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(copy), sql.Identifier(name)
            )
        )
        try:
            with psycopg.connect(where, dbname=copy) as attacker:
                return _tamper_in(attacker)
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(copy)))


def _tamper_in(attacker: psycopg.Connection[Any]) -> tuple[bool, str]:
    attacker.execute("SET ROLE nostro_owner")
    attacker.execute(
        "ALTER TABLE spine_event DISABLE TRIGGER USER"
    )  # past our guards, as somebody with the disk would be
    victim = attacker.execute(
        "SELECT entity_id, seq, content FROM spine_event WHERE content LIKE '%\"amount_minor\":%'"
        " ORDER BY entity_id, seq OFFSET 10 LIMIT 1"
    ).fetchone()
    assert victim, "a day has amounts"
    entity, seq, content = victim
    place = content.index('"amount_minor":') + len('"amount_minor":')
    changed = content[:place] + ("1" if content[place] != "1" else "2") + content[place + 1 :]
    attacker.execute("UPDATE spine_event SET content = %s WHERE entity_id = %s AND seq = %s", [changed, entity, seq])
    row = read_frame(
        f"SELECT {', '.join(EVENT)} FROM spine_event WHERE entity_id = %s AND seq = %s",  # noqa: S608  # our own column list
        [entity, seq],
        schema=EVENT,
        on=attacker,
    )
    attacker.execute(
        "UPDATE spine_event SET digest = %s WHERE entity_id = %s AND seq = %s", [digests(row)[0], entity, seq]
    )
    flaws = audit.verify(attacker, None)
    named = [flaw for flaw in flaws if flaw.entity_id == entity and flaw.subject == f"event/{seq}"]
    return len(named) >= 1 and len(flaws) == len(named), f"entity {entity} event {seq}"
