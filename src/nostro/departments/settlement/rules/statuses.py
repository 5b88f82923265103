"""Status messages, folded in order into an instruction's three axes: processing, matching, settlement. 指令状态

Sources: ISO 20022 sese.024 (ProcessingStatus, MatchingStatus, SettlementStatus and their reason codes), ISO 15022 MT548
(:25D: and :24B:), which say the same in the same codes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from nostro.departments.settlement.rules.telling import said
from nostro.kernel.frames import filled, refused

PROCESSING: Final = ("created", "sent", "accepted", "rejected", "cancelled")
MATCHING: Final = ("none", "matched", "unmatched")
SETTLEMENT: Final = ("pending", "failing", "settled")
AXES: Final = {"processing": PROCESSING, "matching": MATCHING, "settlement": SETTLEMENT}


@dataclass(frozen=True, slots=True)
class Step:
    """What a status does: only from these states, and to these; an axis that is None stays as it is."""

    processing_from: tuple[str, ...]
    matching_from: tuple[str, ...]
    processing: str | None = None
    matching: str | None = None
    settlement: str | None = None


_ALIVE = ("sent", "accepted")
STEPS: Final[Mapping[tuple[str, str], Step]] = {
    # axis, code                  processing before         matching before      becomes
    ("processing", "ACPT"): Step(_ALIVE, MATCHING, "accepted"),
    ("processing", "PACK"): Step(_ALIVE, MATCHING, "accepted"),
    ("processing", "REJT"): Step((*_ALIVE, "rejected"), ("none", "unmatched"), "rejected"),
    ("processing", "CANC"): Step((*_ALIVE, "cancelled"), MATCHING, "cancelled"),
    # What is matched or waits for its counterparty has been accepted, whether the CSD said so or not.
    ("matching", "MACH"): Step(_ALIVE, MATCHING, "accepted", "matched"),
    ("matching", "NMAT"): Step(_ALIVE, ("none", "unmatched"), "accepted", "unmatched"),
    ("settlement", "PEND"): Step(_ALIVE, MATCHING, "accepted", None, "pending"),
    ("settlement", "PENF"): Step(_ALIVE, MATCHING, "accepted", None, "failing"),
}
"""The whole table. No status follows "settled", which only a confirmation gives (`confirmations.py`)."""

REASONS: Final[Mapping[tuple[str, str], str]] = {
    ("NMAT", "DMON"): "unmatched_amount",
    ("NMAT", "DQUA"): "unmatched_quantity",
    ("NMAT", "CMIS"): "unmatched_missing",
    ("NMAT", ""): "unmatched_other",
    ("PENF", "LATE"): "matched_late",
    ("PENF", "LACK"): "lack_of_securities",
    ("PENF", "MONY"): "lack_of_cash",
    ("PENF", "CLAC"): "counterparty_lacks_securities",
    ("PENF", "CMON"): "counterparty_lacks_cash",
    ("PENF", ""): "settlement_failing",
    ("REJT", ""): "instruction_rejected",
    ("CANC", ""): "instruction_cancelled",
}
"""Code and ISO reason -> what our queue calls it. An empty ISO reason stands for all that are not in the table."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What became of each status message of a file.

    state    the instructions with their new axes, in their order; `trouble` is what the queue calls what is wrong,
             with the message's `reason` and `text` and its number in `trouble_message`; null where nothing is wrong
    applied  the messages that took effect, in file order, with the instruction's `id`
    refused  REFUSED, `ordinal` and `deadline`: status_unknown, status_out_of_order, status_code_unknown
    """

    state: pl.DataFrame
    applied: pl.DataFrame
    refused: pl.DataFrame


def fold(statuses: pl.DataFrame, instructions: pl.DataFrame) -> Folded:
    """Fold one file's messages into the instructions they speak of.

    statuses      WHERE, STATUS and `message` (number), in the order of the file
    instructions  `id`, `reference`, the three axes, `reason`, `trouble`, `text`, `trouble_message`, `amount_minor`,
                  `currency`, `deadline`; perhaps more, which is carried along
    """
    rows = instructions.select("reference", "id", "amount_minor", "currency", "deadline").with_row_index("row")
    messages = statuses.join(rows, on="reference", how="left", maintain_order="left").with_columns(
        step=pl.concat_str("axis", pl.lit(" "), "code").replace_strict(_NUMBERS, default=None, return_dtype=pl.Int64)
    )
    is_known, is_readable = pl.col("row").is_not_null(), pl.col("step").is_not_null()
    readable = messages.filter(is_known & is_readable)
    states = _encoded(instructions)
    before = _walk(states, readable["row"].to_numpy().astype(np.int64), readable["step"].to_numpy())
    took = _NEXT[before, readable["step"].to_numpy()] >= 0
    applied = readable.filter(took)
    # "axis" says which one a message is about; the three axes as the message met them stand beside it.
    late = readable.hstack(_decoded(before)).filter(~took)
    return Folded(
        _troubled(instructions.with_columns(_decoded(states)), applied),
        applied.drop("row", "step"),
        pl.concat(
            [
                _refused(messages.filter(~is_known), "status_unknown"),
                _refused(messages.filter(is_known & ~is_readable), "status_code_unknown"),
                _refused(late, "status_out_of_order"),
            ]
        ).sort("ordinal"),
    )


States = npt.NDArray[np.int64]
_SHAPE: Final = (len(PROCESSING), len(MATCHING), len(SETTLEMENT))
_NUMBERS: Final = {f"{axis} {code}": number for number, (axis, code) in enumerate(STEPS)}


def _table() -> States:
    """State x status -> the state after it, or -1 where the status can't follow."""
    after = np.full((len(PROCESSING) * len(MATCHING) * len(SETTLEMENT), len(STEPS)), -1, dtype=np.int64)
    for axes in product(PROCESSING, MATCHING, SETTLEMENT):
        processing, matching, settlement = axes
        for number, step in enumerate(STEPS.values()):
            if settlement == "settled":
                continue
            if processing not in step.processing_from or matching not in step.matching_from:
                continue
            after[_number(*axes), number] = _number(
                step.processing or processing, step.matching or matching, step.settlement or settlement
            )
    return after


def _number(processing: str, matching: str, settlement: str) -> int:
    place = (PROCESSING.index(processing), MATCHING.index(matching), SETTLEMENT.index(settlement))
    return int(np.ravel_multi_index(place, _SHAPE))


_NEXT: Final = _table()


def _walk(states: States, rows: States, steps: States) -> States:
    """Apply each message to its instruction, in order; changes `states` and returns the state each message met.

    All first messages of all instructions go at once, then all second ones, and so on: order is kept where it matters.
    """
    met = np.empty(len(rows), dtype=np.int64)
    by_instruction = np.argsort(rows, kind="stable")
    sorted_rows = rows[by_instruction]
    firsts = np.searchsorted(sorted_rows, sorted_rows)
    turn = np.empty(len(rows), dtype=np.int64)
    turn[by_instruction] = np.arange(len(rows)) - firsts
    by_turn = np.argsort(turn, kind="stable")
    ends = np.cumsum(np.bincount(turn))
    for start, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True) if len(rows) else ():
        now = by_turn[start:end]
        met[now] = states[rows[now]]
        after = _NEXT[met[now], steps[now]]
        states[rows[now]] = np.where(after >= 0, after, met[now])
    return met


def _encoded(instructions: pl.DataFrame) -> States:
    numbers = [
        instructions[axis].replace_strict({state: n for n, state in enumerate(known)}, return_dtype=pl.Int64).to_numpy()
        for axis, known in AXES.items()
    ]
    return np.ravel_multi_index(tuple(numbers), _SHAPE).astype(np.int64)


def _decoded(states: States) -> list[pl.Series]:
    places = np.unravel_index(states, _SHAPE)
    return [pl.Series(axis, known).gather(place) for (axis, known), place in zip(AXES.items(), places, strict=True)]


_TROUBLE: Final = ("trouble", "reason", "text", "trouble_message")
_CODE_OF: Final = {trouble: code for (code, _), trouble in REASONS.items()}


def _troubled(state: pl.DataFrame, applied: pl.DataFrame) -> pl.DataFrame:
    """The latest thing that is wrong and still is; what a later message put right is forgotten."""
    state = state.with_row_index("row")
    told = applied.filter(pl.col("code").is_in(list(_CODE_OF.values()))).select(
        "row",
        "code",
        "reason",
        "text",
        trouble=pl.concat_str("code", pl.lit(" "), pl.col("reason").fill_null("")).replace_strict(
            _TROUBLES, default=pl.col("code").replace_strict(_OTHERS, return_dtype=pl.String), return_dtype=pl.String
        ),
        trouble_message="message",
    )
    latest = (
        told.join(state.select("row", *AXES), on="row", how="left", maintain_order="left")
        .filter(_is_so(pl.col("code")))
        .unique("row", keep="last", maintain_order=True)
        .select("row", **{f"{name}_now": name for name in _TROUBLE})
    )
    is_new = pl.col("trouble_now").is_not_null()
    is_still = _is_so(pl.col("trouble").replace_strict(_CODE_OF, default=None, return_dtype=pl.String))
    return (
        state.join(latest, on="row", how="left", maintain_order="left")
        .with_columns(pl.when(is_new).then(f"{name}_now").when(is_still).then(name).alias(name) for name in _TROUBLE)
        .drop("row", *(f"{name}_now" for name in _TROUBLE))
    )


_TROUBLES: Final = {f"{code} {reason}": trouble for (code, reason), trouble in REASONS.items()}
_OTHERS: Final = {code: trouble for (code, reason), trouble in REASONS.items() if not reason}


def _is_so(code: pl.Expr) -> pl.Expr:
    """Whether the axes bear out what a message with this code said."""
    return (
        pl.when(code == "REJT")
        .then(pl.col("processing") == "rejected")
        .when(code == "CANC")
        .then(pl.col("processing") == "cancelled")
        .when(code == "NMAT")
        .then(pl.col("matching") == "unmatched")
        .when(code == "PENF")
        .then(pl.col("settlement") == "failing")
        .otherwise(False)
    )


def _refused(messages: pl.DataFrame, reason: str) -> pl.DataFrame:
    axes = {axis: pl.col(axis) for axis in AXES if axis in messages.columns}
    return refused(
        messages,
        reason,
        subject=filled("instruction/{}", "reference"),
        facts={
            "reference": pl.col("reference"),
            "axis": pl.col("axis"),
            "code": pl.col("code"),
            "iso_reason": pl.col("reason"),
            "said": said(pl.col("code"), pl.col("reason"), pl.col("text")),
            "sender": pl.col("sender"),
            **axes,
        },
        money_minor=pl.col("amount_minor"),
        currency=pl.col("currency"),
    ).hstack(messages.select("ordinal", "message", "deadline"))
