"""A day of the street, from its files alone: deterministic, whole, and wrong only where it says so."""

import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nostro.messages import fix
from nostro.messages.iso20022 import camt053, semt002, sese023, sese024, sese025
from nostro.messages.marketfiles import KINDS, kind_of, read_market_file
from nostro.messages.mt import cash as mt940
from nostro.messages.mt import confirmations as mt545
from nostro.messages.mt import holdings as mt535
from nostro.messages.mt import status as mt548
from nostro.messages.shapes import INSTRUCTION, Parsed
from nostro_street import dialects, faults, world

DAY = date(2026, 10, 13)
SMALL = ("--trades", "2000")
CLEAN = ("--trades", "2000", "--faults", "none")
READERS: dict[str, Callable[[bytes], Parsed]] = {
    **{kind: (lambda data, kind=kind: read_market_file(kind, data)) for kind in KINDS},
    "executions.fix": fix.read_executions,
    "allocations.fix": fix.read_allocations,
    "confirms.fix": fix.read_confirms,
    "sese024.xml": sese024.read_statuses,
    "sese025.xml": sese025.read_confirmations,
    "semt002.xml": semt002.read_holdings,
    "camt053.xml": camt053.read_cash,
    "mt548.fin": mt548.read_status,
    "mt545.fin": mt545.read_confirmations,
    "mt535.fin": mt535.read_holdings,
    "mt940.fin": mt940.read_cash,
}


def files(played: Any, *stems: str) -> list[tuple[str, Path, Parsed]]:
    """(entity, path, what it says) of all files to the firms, or of those of these kinds."""
    found = []
    for path in sorted((played.exchange / "to").rglob("*.*")):
        kind, _ = kind_of(path.name)
        if not stems or kind in stems:
            found.append((path.parent.parent.name, path, READERS[kind](path.read_bytes())))
    return found


def whole(played: Any, *stems: str) -> pl.DataFrame:
    return pl.concat([parsed.good.with_columns(entity=pl.lit(entity)) for entity, _, parsed in files(played, *stems)])


def truth(played: Any) -> list[dict[str, str]]:
    return json.loads((played.world / "truth.json").read_text("utf-8"))["faults"]


def fingerprints(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def command(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "nostro_street", *words], capture_output=True, text=True, check=False)


# --- the same again


def test_each_phase_run_again_writes_the_same_bytes_and_the_same_truth(play: Callable[..., Any]) -> None:
    played = play(*SMALL)
    before, told = fingerprints(played.exchange), truth(played)
    for phase in ("morning", "market", "evening"):
        options = SMALL if phase == "morning" else ()
        done = command(phase, "--exchange", str(played.exchange), "--world", str(played.world), *options)
        assert done.returncode == 0, done.stderr
    assert fingerprints(played.exchange) == before
    assert truth(played) == told


def test_the_same_seed_gives_the_same_bytes_elsewhere_and_another_seed_others(
    play: Callable[..., Any], tmp_path: Path
) -> None:
    first = fingerprints(play(*SMALL).exchange / "to" / "EUB" / "1_morning")
    for name, seed, same in (("again", "7", True), ("other", "8", False)):
        options = [
            "--exchange",
            str(tmp_path / name),
            "--world",
            str(tmp_path / f"{name} world"),
            "--seed",
            seed,
            *SMALL,
        ]
        assert command("morning", *options).returncode == 0
        assert (fingerprints(tmp_path / name / "to" / "EUB" / "1_morning") == first) is same


def test_faults_switched_off_change_nothing_else(play: Callable[..., Any], tmp_path: Path) -> None:
    """With no fault but in the evening, morning and market are those of a clean day."""
    clean = fingerprints(play(*CLEAN).exchange / "to" / "FMC" / "1_morning")
    options = ["--trades", "2000", "--faults", "price_wild"]
    assert command("morning", "--exchange", str(tmp_path), "--world", str(tmp_path / "w"), *options).returncode == 0
    assert fingerprints(tmp_path / "to" / "FMC" / "1_morning") == clean


def test_a_phase_refuses_another_world_and_one_without_a_morning(play: Callable[..., Any], tmp_path: Path) -> None:
    played = play(*SMALL)
    other = command("market", "--exchange", str(played.exchange), "--world", str(played.world), "--seed", "9")
    assert other.returncode == 1
    assert "choose another --world" in other.stderr
    early = command("evening", "--exchange", str(tmp_path), "--world", str(tmp_path))
    assert early.returncode == 1
    assert "run the morning first" in early.stderr
    wrong = command("morning", "--exchange", str(tmp_path), "--world", str(tmp_path), "--faults", "nonsense")
    assert "no such fault: nonsense" in wrong.stderr


# --- a clean day


def test_without_faults_every_file_reads_without_a_bad_message_and_nothing_is_planted(play: Callable[..., Any]) -> None:
    played = play(*CLEAN)
    read = files(played)
    assert {kind_of(path.name)[0] for _, path, _ in read} == set(READERS)
    for _, path, parsed in read:
        assert parsed.bad.is_empty(), path
        assert not parsed.good.is_empty(), path
    assert truth(played) == []


def test_obligations_are_the_net_of_the_cleared_executions(play: Callable[..., Any]) -> None:
    played = play(*CLEAN)
    sums: dict[tuple[Any, ...], list[int]] = {}
    settles = {row["exec_id"]: row["settle_date"] for row in _real_settle_dates(played).iter_rows(named=True)}
    for row in whole(played, "executions.fix").filter(pl.col("ccp_bic").is_not_null()).iter_rows(named=True):
        key = (row["entity"], row["ccp_bic"], row["isin"], settles[row["exec_id"]], row["currency"])
        net = sums.setdefault(key, [0, 0, 0])
        exact = row["quantity_micro"] * row["price_micro"]
        cash = (exact + 5 * 10**9) // 10**10
        sign = 1 if row["side"] == "buy" else -1
        net[0] += sign * row["quantity_micro"]
        net[1] += sign * cash
        net[2] += 1
    told = whole(played, "obligations.csv")
    found = {}
    for row in told.iter_rows(named=True):
        key = (row["entity"], row["ccp_bic"], row["isin"], row["settle_date"], row["currency"])
        sign = 1 if row["direction"] == "receive" else -1
        net = found.setdefault(key, [0, 0, 0])
        net[0] += sign * row["quantity_micro"]
        net[1] += sign * row["cash_e4"] // 100
        net[2] += row["trades"]
    assert found == sums
    assert (told["settle_date"] >= DAY).all()
    assert len(sums) <= told.height < len(sums) * 1.2  # few nets are strange and stay two


def _real_settle_dates(played: Any) -> pl.DataFrame:
    """A shares come without a settlement date; the market's rule gives it: one day open at exchange and bank."""
    executions = whole(played, "executions.fix")
    next_day = {date(2026, 10, 12): date(2026, 10, 13), date(2026, 10, 13): date(2026, 10, 14)}
    absent = executions["settle_date"].is_null()
    assert (executions.filter(absent)["mic"] == "XSHG").all()
    by_rule = pl.col("trade_date").replace_strict(next_day, default=None, return_dtype=pl.Date)
    return executions.select("exec_id", settle_date=pl.coalesce("settle_date", by_rule))


def test_parts_of_blocks_add_up_and_every_bilateral_execution_is_confirmed(play: Callable[..., Any]) -> None:
    played = play(*CLEAN)
    executions = whole(played, "executions.fix")
    parts = whole(played, "allocations.fix").group_by("exec_id").agg(pl.col("quantity_micro").sum().alias("parts"))
    blocks = executions.filter(pl.col("book") == "BLOCK").join(parts, on="exec_id", how="left")
    assert blocks.height > 100
    assert (blocks["parts"] == blocks["quantity_micro"]).all()
    bilateral = executions.filter(pl.col("ccp_bic").is_null())
    confirms = whole(played, "confirms.fix")
    same = ["order_id", "isin", "side", "quantity_micro", "price_micro", "trade_date", "counterparty_bic"]
    assert bilateral.select(same).sort("order_id").equals(confirms.select(same).sort("order_id"))


def test_a_clean_day_settles_everything_that_is_due(play: Callable[..., Any]) -> None:
    played = play(*CLEAN)
    codes = Counter(whole(played, "sese024.xml", "mt548.fin")["code"])
    assert set(codes) == {"ACPT", "MACH", "PEND"}
    settled = whole(played, "sese025.xml", "mt545.fin").height
    assert codes["ACPT"] == codes["MACH"] == settled + codes["PEND"]
    street = pl.read_parquet(played.world / "street.parquet")
    assert settled == street.filter(pl.col("settle_date") == DAY).height


def test_openings_cover_every_delivery_and_payment_of_the_day_and_every_sale_of_a_book(
    play: Callable[..., Any],
) -> None:
    played = play(*CLEAN)
    confirmed = whole(played, "sese025.xml", "mt545.fin")
    delivered = confirmed.filter(direction="deliver").group_by("account", "isin").agg(pl.col("quantity_micro").sum())
    opening = whole(played, "openings.csv").group_by("account", "isin").agg(have=pl.col("quantity_micro").sum())
    covered = delivered.join(opening, on=["account", "isin"], how="left")
    assert covered.height > 20
    assert (covered["have"] > covered["quantity_micro"]).all()
    paid = confirmed.filter(direction="receive").group_by("entity", "currency").agg(pl.col("amount_minor").sum())
    money = whole(played, "opening_cash.csv").select("entity", "currency", have=pl.col("amount_e4") // 100)
    assert (
        (paid.join(money, on=["entity", "currency"], how="left").select(pl.col("have") > pl.col("amount_minor")))
        .to_series()
        .all()
    )
    sales = (
        whole(played, "executions.fix")
        .filter(pl.col("book") != "BLOCK")
        .group_by("entity", "book", "isin")
        .agg(
            sold=pl.col("quantity_micro").filter(pl.col("side") == "sell").sum()
            - pl.col("quantity_micro").filter(pl.col("side") == "buy").sum()
        )
    )
    owned = whole(played, "openings.csv").select("entity", "book", "isin", "quantity_micro")
    books = sales.join(owned, on=["entity", "book", "isin"], how="left")
    assert (books["quantity_micro"] >= books["sold"]).all()


def test_costs_are_whole_minor_units_of_a_currency_with_two_decimals(play: Callable[..., Any]) -> None:
    played = play(*CLEAN)
    assert (whole(played, "openings.csv")["cost_e4"] % 100 == 0).all()
    assert (whole(played, "opening_cash.csv")["amount_e4"] % 100 == 0).all()
    assert (whole(played, "obligations.csv")["cash_e4"] % 100 == 0).all()


# --- a day with faults


def test_every_kind_of_fault_is_planted_at_two_thousand_trades_and_the_truth_says_where(
    play: Callable[..., Any],
) -> None:
    played = play(*SMALL)
    planted = truth(played)
    assert {fault["kind"] for fault in planted} == set(faults.KINDS)
    for fault in planted:
        kind = faults.KINDS[fault["kind"]]
        path = played.exchange / fault["where"]
        assert path.is_file(), fault
        assert path.parent.name.endswith(kind.phase)
        assert path.parent.parent.name == fault["entity"]
        assert fault["reason"] == kind.reason
        assert fault["detail"]
        assert fault["subject"].split("/")[0] == kind.subject.split("/")[0]
        assert fault["subject"].count("/") == kind.subject.count("/")
    subjects = [(fault["entity"], fault["subject"]) for fault in planted]
    assert len(set(subjects)) == len(subjects), "two faults on one item"


def test_faults_are_planted_up_to_three_times_in_a_larger_world(play: Callable[..., Any]) -> None:
    times = Counter(fault["kind"] for fault in truth(play("--trades", "6000")))
    assert set(times) == set(faults.KINDS)
    assert max(times.values()) == 3


def subjects(played: Any, *kinds: str) -> set[tuple[str, str]]:
    return {(fault["entity"], fault["subject"]) for fault in truth(played) if fault["kind"] in kinds}


@pytest.fixture(params=[SMALL, ("--trades", "6000")], ids=["2000", "6000"])
def played(request: pytest.FixtureRequest, play: Callable[..., Any]) -> Any:
    return play(*request.param)


def test_bad_messages_are_those_planted_and_no_others(played: Any) -> None:
    reasons = {
        (entity, f"message/{path.name}/{ordinal}", reason)
        for entity, path, parsed in files(played)
        for ordinal, reason in parsed.bad.select("ordinal", "reason").rows()
    }
    expected = {
        (fault["entity"], fault["subject"], fault["reason"])
        for fault in truth(played)
        if fault["subject"].startswith("message/")
    }
    assert reasons == expected


def test_executions_are_wrong_where_the_truth_says_so_and_nowhere_else(played: Any) -> None:
    executions = whole(played, "executions.fix")
    instruments = whole(played, "instruments.csv").join(
        whole(played, "prices.csv").filter(pl.col("day") < DAY), on="isin"
    )
    parties = whole(played, "parties.csv")["bic"].implode()
    named = executions.join(instruments, on="isin", how="left", suffix=" of instrument")
    found = {
        "execution_sent_twice": executions.filter(pl.struct("exec_id", "content").is_duplicated()),
        "currency_differs": named.filter(pl.col("currency") != pl.col("currency of instrument")),
        "counterparty_unknown": executions.filter(~pl.col("counterparty_bic").is_in(parties)),
        "ssi_missing": executions.filter(
            ~pl.col("counterparty_bic").is_in(whole(played, "ssis.csv")["party_bic"].implode())
            & pl.col("counterparty_bic").is_in(parties)
        ),
        "price_outside_tolerance": named.filter(
            (pl.col("price_micro") - pl.col("price_micro of instrument")).abs() * 20
            > pl.col("price_micro of instrument")
        ),
        "trade_on_holiday": executions.filter(pl.col("trade_date").dt.weekday() > 5),
    }
    for kind, wrong in found.items():
        named_here = {(entity, f"execution/{exec_id}") for entity, exec_id in wrong.select("entity", "exec_id").rows()}
        assert named_here == subjects(played, kind), kind
        if kind != "execution_sent_twice":
            assert wrong["ccp_bic"].is_null().all(), kind
    unknown = executions.filter(~pl.col("isin").is_in(instruments["isin"].implode()))
    strange = {(entity, f"execution/{exec_id}") for entity, exec_id in unknown.select("entity", "exec_id").rows()}
    assert strange == subjects(played, "instrument_unknown", "isin_check_digit")
    again = executions.filter(pl.col("exec_id").is_duplicated() & ~pl.struct("exec_id", "content").is_duplicated())
    conflicts = {(entity, f"execution/{exec_id}") for entity, exec_id in again.select("entity", "exec_id").rows()}
    assert conflicts == subjects(played, "execution_same_id_other_content")


def test_answers_are_unhappy_where_the_truth_says_so_and_nowhere_else(played: Any) -> None:
    statuses = whole(played, "sese024.xml", "mt548.fin").filter(pl.col("code").is_in(["NMAT", "PENF", "REJT"]))
    unhappy = {
        (entity, f"instruction/{reference}") for entity, reference in statuses.select("entity", "reference").rows()
    }
    assert unhappy == subjects(played, *faults.UNSETTLED)
    assert statuses["reference"].is_unique().all()
    reasons = {
        (f"instruction/{row['reference']}", row["code"], row["reason"]) for row in statuses.iter_rows(named=True)
    }
    expected = {
        "counterparty_other_amount": ("NMAT", "DMON"),
        "counterparty_other_quantity": ("NMAT", "DQUA"),
        "counterparty_silent": ("NMAT", "CMIS"),
        "late_match": ("PENF", "LATE"),
        "lack_of_securities": ("PENF", "LACK"),
        "lack_of_cash": ("PENF", "MONY"),
        "counterparty_lacks_securities": ("PENF", "CLAC"),
        "counterparty_lacks_cash": ("PENF", "CMON"),
        "csd_rejection": ("REJT", "SAFE"),
    }
    assert reasons == {(f["subject"], *expected[f["kind"]]) for f in truth(played) if f["kind"] in expected}


def instructions(played: Any) -> pl.DataFrame:
    frames = []
    for path in sorted((played.exchange / "from").rglob("*.*")):
        frames.append(dialects.INSTRUCTIONS[kind_of(path.name)[0]](path.read_bytes()).good)
    return pl.concat(frames)


def test_confirmations_are_right_but_for_those_planted(played: Any) -> None:
    confirmed = whole(played, "sese025.xml", "mt545.fin")
    ours = instructions(played)
    same = ["reference", "direction", "isin", "quantity_micro", "amount_minor", "currency", "account"]
    strangers = confirmed.join(ours, on="reference", how="anti")
    assert {(e, f"instruction/{r}") for e, r in strangers.select("entity", "reference").rows()} == subjects(
        played, "confirmation_unknown"
    )
    wrong = confirmed.join(ours, on="reference", how="semi").join(ours, on=same, how="anti")
    assert {(e, f"instruction/{r}") for e, r in wrong.select("entity", "reference").rows()} == subjects(
        played, "confirmation_differs"
    )
    right = confirmed.join(ours, on=same, how="semi")
    assert right["reference"].is_unique().all()
    assert set(wrong["reference"]) <= set(right["reference"])


def settled(played: Any) -> pl.DataFrame:
    """What really settled, by the right confirmations."""
    same = ["reference", "direction", "isin", "quantity_micro", "amount_minor", "currency", "account"]
    return whole(played, "sese025.xml", "mt545.fin").join(instructions(played), on=same, how="semi")


def test_holdings_are_openings_and_what_settled_but_for_those_planted(played: Any) -> None:
    signed = (
        pl.when(pl.col("direction") == "receive").then(pl.col("quantity_micro")).otherwise(-pl.col("quantity_micro"))
    )
    moved = settled(played).select("entity", "account", "isin", quantity_micro=signed)
    opening = whole(played, "openings.csv").select("entity", "account", "isin", "quantity_micro")
    expected = (
        pl.concat([opening, moved]).group_by("entity", "account", "isin").agg(ours=pl.col("quantity_micro").sum())
    )
    told = whole(played, "semt002.xml", "mt535.fin").filter(pl.col("isin").is_not_null())
    both = expected.filter(pl.col("ours") != 0).join(
        told.select("entity", "account", "isin", "quantity_micro"),
        on=["entity", "account", "isin"],
        how="full",
        coalesce=True,
    )
    differs = both.filter(pl.col("ours").ne_missing(pl.col("quantity_micro")))
    found = {(e, f"holding/{a}/{i}") for e, a, i in differs.select("entity", "account", "isin").rows()}
    assert found == subjects(played, "holding_differs")


def test_cash_statements_are_numbered_add_up_and_hold_what_settled_but_for_what_was_planted(played: Any) -> None:
    told = whole(played, "camt053.xml", "mt940.fin")
    opening = whole(played, "opening_cash.csv").select(
        "entity", "account", before=pl.col("sequence"), had=pl.col("amount_e4") // 100
    )
    heads = told.unique(["account", "sequence", "statement"], maintain_order=True).join(
        opening, on=["entity", "account"]
    )
    assert heads.height == opening.height
    for row in heads.iter_rows(named=True):
        lines = told.filter(account=row["account"]).unique(["entry", "bank_reference"])
        assert row["closing_minor"] - row["opening_minor"] == (lines["amount_minor"].sum() or 0), row["account"]
    named = pl.format("statement/{}/{}", "account", "statement")

    def odd(rows: pl.DataFrame) -> set[tuple[str, str]]:
        return set(rows.select("entity", named).rows())

    assert odd(heads.filter(pl.col("sequence") != pl.col("before") + 1)) == subjects(
        played, "statement_out_of_sequence"
    )
    assert odd(heads.filter(pl.col("opening_minor") != pl.col("had"))) == subjects(played, "statement_opening_differs")
    twice = Counter(
        (entity, f"statement/{account}/{statement}")
        for entity, _, parsed in files(played, "camt053.xml", "mt940.fin")
        for account, statement in parsed.good.select("account", "statement").unique().rows()
    )
    assert {subject for subject, times in twice.items() if times > 1} == subjects(played, "statement_twice")

    entries = told.filter(pl.col("entry").is_not_null()).unique(["account", "bank_reference"])
    signed = pl.when(pl.col("direction") == "deliver").then(pl.col("amount_minor")).otherwise(-pl.col("amount_minor"))
    accounts = whole(played, "accounts.csv").filter(kind="cash").select("entity", "currency", cash="number")
    ours = settled(played).join(accounts, on=["entity", "currency"]).select("entity", "cash", "reference", ours=signed)
    both = ours.join(
        entries.select("entity", "reference", "bank_reference", "amount_minor", cash="account"),
        on=["entity", "cash", "reference"],
        how="full",
        coalesce=True,
    )
    rows = both.filter(pl.col("ours").ne_missing(pl.col("amount_minor"))).iter_rows(named=True)
    found: dict[str, set[tuple[str, str]]] = {}
    for row in rows:
        kind = (
            "cash_unknown_credit"
            if row["ours"] is None
            else "cash_line_missing"
            if row["amount_minor"] is None
            else "cash_amount_differs"
        )
        name = row["bank_reference"] if kind == "cash_unknown_credit" else row["reference"]
        found.setdefault(kind, set()).add((row["entity"], f"cash/{row['cash']}/{name}"))
    assert found == {
        kind: subjects(played, kind) for kind in ("cash_unknown_credit", "cash_line_missing", "cash_amount_differs")
    }


def test_closing_prices_are_of_the_day_and_near_the_last_but_for_those_planted(played: Any) -> None:
    read = {path.parent.name: parsed.good for _, path, parsed in files(played, "prices.csv")}
    last, close = read["1_morning"], read["3_evening"]
    absent = last.join(close, on="isin", how="anti")
    both = close.join(last.select("isin", before="price_micro"), on="isin")
    moved = (pl.col("price_micro") - pl.col("before")).abs() * 100
    found = {
        "price_missing": absent,
        "price_stale": both.filter(pl.col("day") != DAY),
        "price_wild": both.filter(moved > 25 * pl.col("before")),
    }
    for kind, rows in found.items():
        assert {("HOUSE", f"price/{isin}") for isin in rows["isin"]} == subjects(played, kind), kind
    calm = both.filter(moved <= 25 * pl.col("before"))
    assert calm.filter(moved > 3 * pl.col("before")).is_empty()


# --- what firms do wrong


def test_an_instruction_of_another_account_is_rejected_and_one_for_nobody_stays_alone(
    play: Callable[..., Any], tmp_path: Path
) -> None:
    morning = ["--exchange", str(tmp_path), "--world", str(tmp_path / "w"), *CLEAN]
    assert command("morning", *morning).returncode == 0
    market = world.BY_MIC["XETR"]
    isin = whole_instruments(tmp_path, market.mic)
    rows = [
        {"reference": "R1", "account": "NOBODY-1"},
        {"reference": "R2", "account": "FMC-DE-SEC01"},
        {"reference": "R3", "account": "EUB-DE-SEC01"},
    ]
    frame = pl.DataFrame(
        [
            {
                "direction": "receive",
                "isin": isin,
                "quantity_micro": 5_000_000,
                "amount_minor": 1,
                "currency": "EUR",
                "trade_date": date(2026, 10, 9),
                "settle_date": DAY,
                "party_bic": "FCEBDEFFXXX",
                "counterparty_bic": market.agents[0],
                "place_bic": market.place_bic,
                **row,
            }
            for row in rows
        ],
        schema=INSTRUCTION,
    )
    built = sese023.build_instructions(
        frame, sender="FCEBDEFFXXX", receiver=market.servicer_bic, created=datetime(2026, 10, 13, 6, tzinfo=UTC)
    )
    folder = tmp_path / "from" / "EUB"
    folder.mkdir(parents=True)
    (folder / f"10_sese023.{market.servicer_bic}.xml").write_bytes(built.data)
    assert command("market", *morning).returncode == 0
    answers = READERS["sese024.xml"](
        (tmp_path / "to" / "EUB" / "2_market" / f"10_sese024.{market.servicer_bic}.xml").read_bytes()
    )
    assert answers.good.select("reference", "code", "reason").rows() == [
        ("R1", "REJT", "SAFE"),
        ("R2", "REJT", "SAFE"),
        ("R3", "ACPT", None),
        ("R3", "NMAT", "CMIS"),
    ]


def whole_instruments(exchange: Path, mic: str) -> str:
    path = exchange / "to" / "HOUSE" / "1_morning" / "03_instruments.FCREF.csv"
    return read_market_file("instruments.csv", path.read_bytes()).good.filter(mic=mic)["isin"][0]
