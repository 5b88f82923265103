"""Every command answers people and programs, in both languages, with an exit code that means something."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.front.demos import nostro, told

Played = tuple[Path, dict[str, Any]]


def _open(home: Path, entity: str, reason: str) -> dict[str, Any]:
    rows = told(home, "exceptions", "list", "--entity", entity, code=3)
    return next(row for row in rows if row["reason"] == reason and row["state"] == "open")


def _entity_with(home: Path, reason: str) -> tuple[str, dict[str, Any]]:
    rows = told(home, "exceptions", "list", code=3)
    row = next(row for row in rows if row["reason"] == reason and row["state"] == "open")
    return row["entity"], row


def test_the_doctor_finds_everything_well(played: Played) -> None:
    findings = told(played[0], "doctor")
    assert {f["name"] for f in findings} >= {"python", "libraries", "disk", "database"}
    assert [f for f in findings if not f["ok"]] == []


def test_status_and_steps_show_the_sealed_day(played: Played) -> None:
    home, report = played
    status = told(home, "status")
    assert {e["state"] for e in status["entities"]} == {"sealed"}
    assert next(e for e in status["entities"] if e["entity"] == "HOUSE")["seal"] == report["seal"]
    steps = told(home, "day", "steps")
    assert {s["outcome"] for s in steps} <= {"done", "waiting"}
    assert told(home, "day", "run")["failed"] == []


def test_an_exception_has_reason_words_owner_cure_and_actions_in_both_languages(played: Played) -> None:
    home = played[0]
    for row in told(home, "exceptions", "list", "--all", code=3):
        shown = told(home, "exceptions", "show", str(row["id"]), "--entity", row["entity"])
        assert shown["owner"]
        assert shown["cure"]
        assert shown["actions"], row["reason"]
        assert "?" not in shown["sentence"].replace("?", "", shown["sentence"].count("??")), shown["sentence"]
        break
    chinese = told(home, "--lang", "zh", "exceptions", "list", "--all", code=3)
    assert all(
        re.search(r"[\u4e00-\u9fff]", row["sentence"]) and re.search(r"[\u4e00-\u9fff]", row["cure"]) for row in chinese
    )


def test_no_sentence_of_the_day_lacks_a_fact(played: Played) -> None:
    rows = told(played[0], "exceptions", "list", "--all", code=3)
    assert [row["sentence"] for row in rows if " ?" in row["sentence"] or "?%" in row["sentence"]] == []


def test_a_change_takes_two_people_and_the_maker_is_refused(played: Played) -> None:
    home = played[0]
    entity, row = _entity_with(home, "holding_differs")
    number = str(row["id"])
    common = ("--entity", entity, "--comment", "checked with the custodian")
    proposed = told(home, "exceptions", "act", number, "close", "--as", "recon_maker", *common)
    assert proposed["state"] == "waiting"
    (proposal,) = proposed["proposals"]
    own = nostro(home, "exceptions", "approve", str(proposal), "--as", "recon_maker", *common, code=4)
    assert "four_eyes" in own.stderr
    auditor = nostro(home, "exceptions", "approve", str(proposal), "--as", "auditor", *common, code=4)
    assert "no_access" in auditor.stderr
    assert told(home, "exceptions", "approve", str(proposal), "--as", "recon_checker", *common)["state"] == "closed"
    history = told(home, "exceptions", "show", number, "--entity", entity)["history"]
    assert [(line["action"], line["actor"]) for line in history] == [
        ("close", "recon_maker"),
        ("close:approved", "recon_checker"),
    ]


def test_a_refused_proposal_opens_the_exception_again(played: Played) -> None:
    home = played[0]
    entity, row = _entity_with(home, "cash_amount_differs")
    common = ("--entity", entity, "--comment", "why")
    (proposal,) = told(home, "exceptions", "act", str(row["id"]), "close", "--as", "recon_maker", *common)["proposals"]
    assert told(home, "exceptions", "refuse", str(proposal), "--as", "recon_checker", *common)["state"] == "open"


def test_an_action_the_reason_does_not_allow_is_refused_with_those_it_does(played: Played) -> None:
    home = played[0]
    entity, row = _entity_with(home, "cash_missing_at_bank")
    done = nostro(
        home,
        "exceptions",
        "act",
        str(row["id"]),
        "set_price",
        "--entity",
        entity,
        "--as",
        "recon_maker",
        "--comment",
        "x",
        code=4,
    )
    assert "action_not_allowed" in done.stderr
    assert "note" in done.stderr


def test_a_trade_is_told_from_its_message_to_the_journal_and_explained_back(played: Played) -> None:
    home = played[0]
    page = nostro(home, "demo", "--trades", "2000").stdout
    found = re.search(r"nostro trade show (\S+) --entity (\S+)", page)
    assert found
    exec_id, entity = found.groups()
    story = told(home, "trade", "show", exec_id, "--entity", entity, "--messages")
    kinds = [line["kind"].split("/")[0] for line in story]
    for kind in ["trades.ExecutionCaptured", "trades.TradeEnriched", "trades.TradeAllocated", "trades.TradeConfirmed",
                 "settlement.InstructionCreated", "settlement.InstructionSettled"]:  # fmt: skip
        assert kind in kinds
    assert story[0]["original"].startswith("8=FIX.4.4|")
    settled = next(line for line in story if line["kind"].startswith("settlement.InstructionSettled"))
    assert len(settled["postings"]) == 2
    back = told(home, "explain", str(settled["postings"][0]["id"]), "--entity", entity)
    assert back[0]["seq"] == settled["seq"]
    assert back[-1]["original"].startswith("8=FIX.4.4|"), "the explanation ends at the message that came in"


def test_the_ledger_answers_balances_statements_and_its_own_proof(played: Played) -> None:
    home = played[0]
    trial = told(home, "ledger", "trial-balance")
    assert trial
    assert {row["difference_minor"] for row in trial} == {0}
    cash = told(home, "ledger", "balances", "--entity", "EUB", "--prefix", "nostro/")
    assert cash
    lines = told(home, "explain", cash[0]["code"], "--entity", "EUB")["lines"]
    assert lines[-1]["balance_minor"] == cash[0]["balance_minor"]
    before = told(home, "ledger", "balances", "--entity", "EUB", "--prefix", "nostro/", "--as-of", "2026-10-12")
    assert before == []
    unknown = told(home, "ledger", "balances", "--entity", "EUB", "--known-at", "2020-01-01T00:00:00+00:00")
    assert unknown == []
    assert told(home, "ledger", "verify") == []


def test_reconciliation_is_listed_with_its_breaks(played: Played) -> None:
    home = played[0]
    rows = told(home, "recon", "list", code=3)
    assert all(row["lines"] == row["matched"] + row["breaks"] for row in rows)
    breaks = told(home, "recon", "breaks", code=3)
    assert len(breaks) == sum(row["breaks"] for row in rows)


def test_the_audit_verifies_exports_and_checks_a_seal(played: Played, tmp_path: Path) -> None:
    home = played[0]
    assert told(home, "audit", "verify") == []
    seal = tmp_path / "seal.json"
    told(home, "audit", "export", "--out", str(seal))
    assert told(home, "audit", "check", str(seal)) == []
    forged = json.loads(seal.read_text(encoding="utf-8"))
    forged["entities"][1]["link"] = "00" * 32
    seal.write_text(json.dumps(forged), encoding="utf-8")
    assert told(home, "audit", "check", str(seal), code=1) != []


def test_a_file_is_imported_once_and_an_absent_one_is_named(played: Played, tmp_path: Path) -> None:
    home = played[0]
    file = tmp_path / "06_fx.FCPRICE.csv"
    file.write_text("base,quote,day,rate\nEUR,USD,2026-10-14,1.1\n", encoding="utf-8")
    assert told(home, "import", str(file), "--entity", "HOUSE")["done"] == 1
    assert told(home, "import", str(file), "--entity", "HOUSE")["cancelled"] == 1
    absent = nostro(home, "import", str(tmp_path / "no.csv"), "--entity", "HOUSE", code=4)
    assert "file_not_found" in absent.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("trade", "show", "NOSUCH", "--entity", "EUB"), 4, "execution_unknown"),
        (("trade", "show", "X", "--entity", "NOBODY"), 4, "entity_unknown"),
        (("explain", "999999999", "--entity", "EUB"), 4, "transfer_unknown"),
        (("ledger", "balances", "--entity", "EUB", "--known-at", "yesterday"), 4, "time_invalid"),
        (("status", "--day", "13.10.2026"), 2, "not an ISO date"),
        (("nothing",), 2, "No such command"),
    ],
)
def test_an_error_names_cause_and_remedy_without_a_trace(
    played: Played, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = nostro(played[0], *arguments, code=code)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_person_is_added_granted_and_listed_and_an_unknown_one_refused(played: Played) -> None:
    home = played[0]
    assert (
        "person_unknown"
        in nostro(home, "people", "grant", "nobody", "--entity", "EUB", "--duty", "data", code=4).stderr
    )
    assert "login_invalid" in nostro(home, "people", "add", "X; DROP", "--name", "x", "--name-zh", "某", code=4).stderr
    told(home, "people", "add", "newcomer", "--name", "Newcomer", "--name-zh", "新人")
    told(home, "people", "grant", "newcomer", "--entity", "EUB", "--duty", "risk")
    people = told(home, "people", "list")
    assert [(p["entity"], p["duty"]) for p in people if p["login"] == "newcomer"] == [("EUB", "risk")]


def test_headings_and_states_are_chinese_for_a_chinese_reader(played: Played) -> None:
    page = nostro(played[0], "--lang", "zh", "status").stdout
    assert "主体" in page
    assert "已封存" in page


def test_an_earlier_days_files_are_waited_over_not_taken_for_the_next_day(tmp_path: Path) -> None:
    told(tmp_path, "demo", "--trades", "200", "--faults", "none")
    again = told(tmp_path, "day", "run", "--day", "2026-10-14", code=3)
    assert {w["entity"] for w in again["waiting"]} >= {"HOUSE"}
    assert again["seal"] is None


def test_nothing_has_been_run_here_yet(tmp_path: Path) -> None:
    assert "nostro demo" in nostro(tmp_path, "status", code=4).stderr
    assert "请运行" in nostro(tmp_path, "--lang", "zh", "status", code=4).stderr
