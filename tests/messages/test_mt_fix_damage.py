"""Whatever the damage, a reader answers: every message of a file is good or bad, and nothing is raised."""

import datetime as dt
from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.messages import fix
from nostro.messages.mt import cash, confirmations, holdings, instructions, status
from nostro.messages.shapes import (
    ALLOCATION,
    CASH,
    CONFIRM,
    CONFIRMATION,
    EXECUTION,
    HOLDING,
    INSTRUCTION,
    STATUS,
    Parsed,
)

DAY = dt.date(2026, 11, 24)
FIX = {"sender": "OMSFDEFFXXX", "target": "LUX", "sending_time": "20261124-08:00:00.000"}
MT = {"sender": "CEDELULLXXX", "receiver": "LUXBDEFFXXX"}


def row(shape: pl.Schema, **values: object) -> pl.DataFrame:
    known: dict[str, object] = {
        "isin": "DE0007164600", "side": "buy", "direction": "receive", "currency": "EUR", "axis": "settlement", "code": "PEND",
        "reason": "LACK", "text": "WAIT", "mic": "XETR", "transact_time": None,
    }  # fmt: skip
    filled = {}
    for name, kind in shape.items():
        if name in ("sender", "content"):
            continue
        default = {pl.Int64: 1_000_000, pl.Date: DAY}.get(kind, "DEUTDEFFXXX" if name.endswith("bic") else "R-1")  # type: ignore[call-overload]
        filled[name] = values.get(name, known.get(name, default))
    return pl.DataFrame([filled], schema={n: k for n, k in shape.items() if n in filled})


FILES: dict[str, tuple[bytes, Callable[[bytes], Parsed]]] = {
    "executions": (fix.build_executions(row(EXECUTION), **FIX).data, fix.read_executions),
    "allocations": (fix.build_allocations(row(ALLOCATION), **FIX).data, fix.read_allocations),
    "confirms": (fix.build_confirms(row(CONFIRM), **FIX).data, fix.read_confirms),
    "instructions": (instructions.build_instructions(row(INSTRUCTION), **MT).data, instructions.read_instructions),
    "status": (status.build_status(row(STATUS), **MT).data, status.read_status),
    "confirmations": (
        confirmations.build_confirmations(row(CONFIRMATION), **MT).data,
        confirmations.read_confirmations,
    ),
    "holdings": (holdings.build_holdings(row(HOLDING, sequence=1), **MT).data, holdings.read_holdings),
    "cash": (cash.build_cash(row(CASH, sequence=1, entry=1), **MT).data, cash.read_cash),
}
PIECES = st.sampled_from(
    [
        b"",
        b"\x00",
        b"\x01",
        b"\n",
        b"\r",
        b"$",
        b"{",
        b"}",
        b"-}",
        b":",
        b"/",
        b",",
        b"=",
        b"\xff",
        b"\xc3",
        b"9" * 40,
        b"N",
    ]
)


def assert_answered(parsed: Parsed, data: bytes) -> None:
    places = pl.concat(
        [parsed.good.select("ordinal", "start", "length"), parsed.bad.select("ordinal", "start", "length")]
    )
    assert ((places["start"] >= 0) & (places["start"] + places["length"] <= len(data))).all()
    assert set(parsed.good["ordinal"]).isdisjoint(parsed.bad["ordinal"])
    assert parsed.bad["ordinal"].is_unique().all()


@pytest.mark.parametrize("kind", sorted(FILES))
def test_the_undamaged_file_is_good(kind):
    data, read = FILES[kind]
    parsed = read(data)
    assert len(parsed.good) == 1
    assert parsed.bad.is_empty()


@pytest.mark.parametrize("kind", sorted(FILES))
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_answered(kind, data):
    whole, read = FILES[kind]
    at = data.draw(st.integers(0, len(whole)))
    gone = data.draw(st.integers(0, 12))
    damaged = whole[:at] + data.draw(PIECES) + whole[at + gone :]
    assert_answered(read(damaged), damaged)
    twice = damaged + (b"" if kind in ("executions", "allocations", "confirms") else b"\r\n$\r\n") + whole
    assert_answered(read(twice), twice)


@pytest.mark.parametrize("kind", sorted(FILES))
@settings(max_examples=60, deadline=None)
@given(noise=st.binary(max_size=300))
def test_noise_is_answered(kind, noise):
    _, read = FILES[kind]
    for data in (noise, b"8=FIX.4.4\x01" + noise + b"\x01", b"{1:F01" + noise, b":20:" + noise):
        assert_answered(read(data), data)
