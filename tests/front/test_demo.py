"""The demo proves what its last page claims, and its exit code hangs on it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.front.demos import environment, nostro, told

from nostro_street.faults import KINDS

Played = tuple[Path, dict[str, Any]]


def test_every_planted_fault_is_found_and_nothing_else_is_reported(played: Played) -> None:
    faults = played[1]["faults"]
    assert faults["missed"] == []
    assert faults["false"] == []
    assert faults["planted"] == faults["found"]
    assert len(faults["kinds"]) >= 25


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_fault_of_each_kind_is_planted_and_found(played: Played, kind: str) -> None:
    assert played[1]["faults"]["kinds"][kind] >= 1
    assert [fault for fault in played[1]["faults"]["missed"] if fault.startswith(f"{kind} ")] == []


def test_every_stage_accounts_for_all_it_saw(played: Played) -> None:
    stages = played[1]["stages"]
    assert [s["name"] for s in stages if s["in"] != s["done"] + s["open"] + s["cancelled"] + s["refused"]] == []
    assert {s["name"] for s in stages} >= {
        "capture",
        "enrich",
        "allocate",
        "confirm",
        "novate",
        "instruct",
        "answer",
        "close",
    }


def test_the_books_balance_in_every_currency_and_a_changed_byte_is_found(played: Played) -> None:
    report = played[1]
    assert report["trial_balance"], "there are books"
    assert [row for row in report["trial_balance"] if row["difference"] != "0.00"] == []
    assert report["tamper_found"]
    assert report["holds"]


def test_running_the_demo_again_changes_nothing(played: Played) -> None:
    home, before = played
    assert told(home, "demo", "--trades", "2000")["seal"] == before["seal"]


def test_a_demo_of_another_size_is_refused_while_one_stands_here(played: Played) -> None:
    done = nostro(played[0], "demo", "--trades", "300", code=4)
    assert "demo_of_other_size" in done.stderr
    assert "--fresh" in done.stderr


def test_the_page_for_people_speaks_both_languages(played: Played) -> None:
    page = nostro(played[0], "demo", "--trades", "2000").stdout
    assert "Planted faults found" in page
    assert "Everything on this page holds." in page
    assert "Next: nostro exceptions list" in page
    assert "埋设差错发现" in nostro(played[0], "--lang", "zh", "demo", "--trades", "2000").stdout


def test_the_same_seed_gives_the_same_seal_in_another_home_and_another_seed_another(tmp_path: Path) -> None:
    seals = [
        told(tmp_path / name, "demo", "--trades", "200", "--seed", seed)["seal"]
        for name, seed in [("a", "3"), ("b", "3"), ("c", "4")]
    ]
    assert seals[0] == seals[1]
    assert seals[0] != seals[2]


def test_every_message_of_a_day_is_valid_by_the_schemas_and_the_seal_is_the_same(
    tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("demo", "--trades", "200", "--faults", "none")
    plain = told(tmp_path / "plain", *options)
    judged = environment(tmp_path / "judged") | {"NOSTRO_SCHEMAS": str(shared / "corpus/messages/iso20022_xsd")}
    monkeypatch.setattr("tests.front.demos.environment", lambda home: judged)
    report = told(tmp_path / "judged", *options)
    assert report["faults"]["false"] == []
    assert report["seal"] == plain["seal"]


def test_a_day_without_faults_has_an_empty_queue(tmp_path: Path) -> None:
    report = told(tmp_path, "demo", "--trades", "300", "--faults", "none")
    assert report["faults"]["planted"] == 0
    assert report["faults"]["false"] == []


BROKEN_DETECTOR = """
import sys
from nostro.departments.trades.rules import validate
from nostro.spine import exceptions
whole = exceptions.open_all
def deaf(entity, day, department, refused, *rest, **options):
    return whole(entity, day, department, refused.filter(refused["reason"] != "ssi_missing"), *rest, **options)
exceptions.open_all = deaf
from nostro.front.cli import main
main(sys.argv[1:])
"""


def test_the_check_of_the_demo_fails_when_a_detector_is_broken(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BROKEN_DETECTOR, "demo", "--json", "--trades", "300"],
        capture_output=True, text=True, env=environment(tmp_path), check=False, timeout=500,
    )  # fmt: skip
    assert done.returncode == 1
    missed = json.loads(done.stdout)["faults"]["missed"]
    assert [fault.split()[0] for fault in missed] == ["ssi_missing"] * len(missed)
    assert missed


@pytest.mark.parametrize("kind", ["ssi_missing", "lack_of_securities", "statement_opening_differs", "price_wild"])
def test_a_fault_switched_on_alone_is_the_only_thing_found(tmp_path: Path, kind: str) -> None:
    report = told(tmp_path, "demo", "--trades", "300", "--faults", kind)
    assert report["faults"]["planted"] >= 1
    assert report["faults"]["missed"] == []
    assert report["faults"]["false"] == []
