"""The two dialects of the settlement chain, ISO 20022 and SWIFT MT, behind the same few names. 报文方言"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

from nostro.messages.iso20022 import camt053, semt002, sese023, sese024, sese025
from nostro.messages.mt import cash as mt940
from nostro.messages.mt import confirmations as mt545
from nostro.messages.mt import holdings as mt535
from nostro.messages.mt import instructions as mt541
from nostro.messages.mt import status as mt548
from nostro.messages.shapes import Built, Parsed


@dataclass(frozen=True, slots=True)
class Parties:
    """Who sends a file to whom, and when it was written."""

    sender: str
    receiver: str
    created: datetime


Build = Callable[[pl.DataFrame, Parties], Built]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How statuses, confirmations and statements are written.

    separator  between two messages of a file of statuses
    broken     a status made unreadable: XML cut off in the middle, an MT548 without :20C::RELA
    """

    extension: str
    status: str
    confirmation: str
    holding: str
    cash: str
    statuses: Build
    confirmations: Build
    holdings: Build
    cash_statement: Build
    separator: bytes
    broken: Callable[[bytes], bytes]


def _iso(build: Callable[..., Built]) -> Build:
    def built(frame: pl.DataFrame, parties: Parties) -> Built:
        return build(frame, sender=parties.sender, receiver=parties.receiver, created=parties.created)

    return built


def _mt(build: Callable[..., Built]) -> Build:
    def built(frame: pl.DataFrame, parties: Parties) -> Built:
        return build(frame, sender=parties.sender, receiver=parties.receiver)

    return built


def _cut_off(message: bytes) -> bytes:
    return message[: len(message) * 2 // 3]


def _without_reference(message: bytes) -> bytes:
    lines = message.split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.startswith(b":20C::RELA"))


INSTRUCTIONS: Final[Mapping[str, Callable[[bytes], Parsed]]] = {
    "sese023.xml": sese023.read_instructions,
    "mt541.fin": mt541.read_instructions,
}
"""Kind of a file a firm sends -> how it is read."""
DIALECTS: Final[Mapping[str, Dialect]] = {
    "iso": Dialect(
        extension="xml",
        status="sese024",
        confirmation="sese025",
        holding="semt002",
        cash="camt053",
        statuses=_iso(sese024.build_statuses),
        confirmations=_iso(sese025.build_confirmations),
        holdings=_iso(semt002.build_holdings),
        cash_statement=_iso(camt053.build_cash),
        separator=b"\n",
        broken=_cut_off,
    ),
    "mt": Dialect(
        extension="fin",
        status="mt548",
        confirmation="mt545",
        holding="mt535",
        cash="mt940",
        statuses=_mt(mt548.build_status),
        confirmations=_mt(mt545.build_confirmations),
        holdings=_mt(mt535.build_holdings),
        cash_statement=_mt(mt940.build_cash),
        separator=b"\r\n$\r\n",
        broken=_without_reference,
    ),
}
