"""FIX messages cut into tags and values, many at once, with their framing judged. FIX 报文切分

Source: FIX 4.4, volume 1, "FIX message format": BeginString, BodyLength and MsgType first, CheckSum last; BodyLength
counts the bytes after its own field and before "10="; CheckSum is the sum of all bytes before "10=" modulo 256.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from nostro.messages.lines import fault
from nostro.messages.shapes import MessageReason

Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.bool_]
SOH: Final = 1
_EQUALS: Final = 61
_BEGIN: Final = np.frombuffer(b"8=FIX.4.4\x01", dtype=np.uint8)
_TAG_DIGITS_MAX: Final = 5
_PADDING: Final = 16  # so that looking a few bytes past the last field stays inside the buffer

Faults = dict[int, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Fields:
    """Every field of a chunk of messages, in file order; and what is wrong with the framing of each message.

    message   which message of the chunk a field belongs to, from 0
    tag       its number; 0 where the field has no form "tag=value"
    starts, lengths   its value: byte offsets into `octets`
    """

    count: int
    octets: npt.NDArray[np.uint8]
    message: Ints
    tag: Ints
    starts: Ints
    lengths: Ints
    framed: Bits  # it begins as FIX.4.4 does: worth judging further
    faults: Faults = field(default_factory=dict)

    def blame(self, message: int, reason: MessageReason, place: str, **facts: str) -> None:
        """Add one error to a message of the chunk."""
        self.faults.setdefault(message, []).append(fault(reason, place, **facts))

    def where(self, tag: int) -> Ints:
        """The fields with this tag, in file order."""
        return np.flatnonzero(self.tag == tag)

    def texts(self, fields: Ints) -> pl.Series:
        """The values of these fields. What is not UTF-8 keeps a U+FFFD, which no rule of a value lets pass."""
        return texts(self.octets, self.starts[fields], self.lengths[fields])

    def first(self, tag: int) -> tuple[pl.Series, Ints]:
        """The value of a tag in each message, null where it is absent; and the messages that have it more than once."""
        found = self.where(tag)
        owner = self.message[found]
        again = np.zeros(len(found), dtype=np.bool_)
        again[1:] = owner[1:] == owner[:-1]
        repeated = np.unique(owner[again])
        found, owner = found[~again], owner[~again]
        if len(found) == self.count:
            return self.texts(found), repeated
        starts, lengths = np.zeros(self.count, dtype=np.int64), np.full(self.count, -1, dtype=np.int64)
        starts[owner], lengths[owner] = self.starts[found], self.lengths[found]
        return texts(self.octets, starts, lengths), repeated


def texts(octets: npt.NDArray[np.uint8], starts: Ints, lengths: Ints) -> pl.Series:
    """The slices of a buffer as text; a length of -1 is null. No slice may contain a line feed."""
    if not len(starts):
        return pl.Series(dtype=pl.String)
    sizes = np.maximum(lengths, 0) + 1
    ends = np.cumsum(sizes)
    # One gather for all values, a line feed after each, and one decode: no Python object for a value.
    joined = octets[np.repeat(starts - (ends - sizes), sizes) + np.arange(ends[-1])]
    joined[ends - 1] = 10
    text = joined[:-1].tobytes().decode("utf-8", "replace")
    series = pl.Series([text]).str.split("\n").explode()
    if (lengths < 0).any():
        series = series.to_frame("value").select(pl.when(pl.Series(lengths >= 0)).then(pl.col("value"))).to_series()
    return series


def cut_fields(octets: npt.NDArray[np.uint8], starts: Ints, ends: Ints) -> Fields:
    """The fields of the messages at these offsets, none of them empty. Judges framing, all errors at once."""
    base = int(starts[0])
    chunk = np.concatenate((octets[base : int(ends[-1])], np.zeros(_PADDING, dtype=np.uint8)))
    starts, ends = starts - base, ends - base
    closes = np.flatnonzero(chunk == SOH)
    low, high = np.searchsorted(closes, starts), np.searchsorted(closes, ends)
    counts = high - low
    filled = counts > 0
    begins = np.empty(len(closes), dtype=np.int64)
    begins[1:] = closes[:-1] + 1
    begins[low[filled]] = starts[filled]
    tag, digits = _tags(chunk, begins)
    values = begins + digits + 1
    framed: Bits = (chunk[starts[:, None] + np.arange(len(_BEGIN))] == _BEGIN).all(axis=1)
    fields = Fields(
        count=len(starts),
        octets=chunk,
        message=np.repeat(np.arange(len(starts)), counts),
        tag=tag,
        starts=values,
        lengths=np.where(digits > 0, closes - values, 0),
        framed=framed,
    )
    _judge_framing(fields, starts, ends, low, high, begins)
    return fields


def _tags(chunk: npt.NDArray[np.uint8], begins: Ints) -> tuple[Ints, Ints]:
    """The tag number of each field and how many digits it has; 0 and 0 where the field has no form "tag=value"."""
    octet = chunk[begins]
    digit = octet - np.uint8(48)
    number = digit.astype(np.int64)
    is_open = (digit < 10) & (digit > 0)
    tag, digits = np.zeros(len(begins), dtype=np.int64), np.zeros(len(begins), dtype=np.int64)
    for length in range(1, _TAG_DIGITS_MAX + 1):
        octet = chunk[begins + length]
        closed = is_open & (octet == _EQUALS)
        np.copyto(tag, number, where=closed)
        digits[closed] = length
        digit = octet - np.uint8(48)
        is_open &= digit < 10
        if not is_open.any():
            break
        number = number * 10 + digit
    return tag, digits


def _judge_framing(fields: Fields, starts: Ints, ends: Ints, low: Ints, high: Ints, begins: Ints) -> None:
    chunk, framed = fields.octets, fields.framed
    garbled = MessageReason.FIX_GARBLED

    def each(wrong: Bits) -> Iterator[int]:
        return iter(np.flatnonzero(wrong).tolist())

    for at in each(~framed):
        found = bytes(chunk[starts[at] : min(ends[at], starts[at] + 20)]).decode("latin-1")
        fields.blame(at, garbled, "tag 8", rule="begin_string", found=found, expected="8=FIX.4.4")
    for at in each(framed & (chunk[ends - 1] != SOH)):
        fields.blame(at, garbled, "tag 10", rule="last_field_closed", found="no SOH at the end", expected="SOH")
    for at in np.flatnonzero((fields.tag == 0) & framed[fields.message]).tolist():
        message = int(fields.message[at])
        found = _shown(chunk, begins, at)
        fields.blame(message, garbled, "field", rule="field_form", found=found, expected="tag=value")

    for place, expected in enumerate((9, 35), start=1):
        reached = high - low > place
        tags = np.zeros(fields.count, dtype=np.int64)
        tags[reached] = fields.tag[low[reached] + place]
        for at in each(framed & (tags != expected)):
            fields.blame(
                at,
                garbled,
                f"field {place + 1}",
                rule="header_order",
                found=f"tag {tags[at]}",
                expected=f"tag {expected}",
            )
    # A message without tag 10 at its end has neither a length nor a sum to compare.
    summed = framed & (high > low)
    summed[summed] = fields.tag[high[summed] - 1] == 10
    for at in each(framed & ~summed):
        fields.blame(at, garbled, "tag 10", rule="check_sum_last", found="another tag", expected="tag 10")
    trailer = ends - 1
    trailer[summed] = begins[high[summed] - 1]
    _judge_body_length(fields, summed & (high - low > 1), trailer, low)
    _judge_check_sum(fields, summed, starts, trailer, high)


def _judge_body_length(fields: Fields, measured: Bits, trailer: Ints, low: Ints) -> None:
    judged = np.flatnonzero(measured)
    judged = judged[fields.tag[low[judged] + 1] == 9]
    said = low[judged] + 1
    real = trailer[judged] - (fields.starts[said] + fields.lengths[said] + 1)
    texts_said = fields.texts(said)
    wrong = (texts_said != pl.Series(real).cast(pl.String)).to_numpy()
    # BodyLength may carry leading zeros; only a different number is wrong.
    numbers = texts_said.filter(pl.Series(wrong)).str.strip_chars_start("0").to_list()
    for at, length, text in zip(judged[wrong].tolist(), real[wrong].tolist(), numbers, strict=True):
        if text != str(length):
            fields.blame(
                at, MessageReason.FIX_GARBLED, "tag 9", rule="body_length", found=text or "0", expected=str(length)
            )


def _judge_check_sum(fields: Fields, summed: Bits, starts: Ints, trailer: Ints, high: Ints) -> None:
    judged = np.flatnonzero(summed)
    if not len(judged):
        return
    # Pairs of offsets: every second sum is that of a message, the others are trailers. Bytes wrap at 256 by themselves.
    edges = np.stack((starts[judged], trailer[judged]), axis=1).ravel()
    sums = np.add.reduceat(fields.octets, edges, dtype=np.uint8)[::2]
    real = pl.Series(sums).cast(pl.String).str.zfill(3)
    said = fields.texts(high[judged] - 1)
    for at in np.flatnonzero((said != real).to_numpy()).tolist():
        fields.blame(
            int(judged[at]), MessageReason.FIX_GARBLED, "tag 10", rule="check_sum", found=said[at], expected=real[at]
        )


def _shown(chunk: npt.NDArray[np.uint8], begins: Ints, at: int) -> str:
    text = bytes(chunk[begins[at] : begins[at] + 40])
    return text.split(b"\x01", 1)[0].decode("utf-8", "replace")
