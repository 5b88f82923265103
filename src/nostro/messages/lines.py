"""A file cut into lines, by byte offset, and the frame of what could not be read. 按行切分"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from nostro.messages.shapes import BAD, MessageReason

Offsets = npt.NDArray[np.int64]
BOM: Final = b"\xef\xbb\xbf"
VALUE_SHOWN_MAX: Final = 80
# The longer marks first: that of UTF-32 begins with that of UTF-16.
_FOREIGN_MARKS: Final = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


@dataclass(frozen=True, slots=True)
class Lines:
    """Where each line stands in its file: `starts` and `ends` are byte offsets, without LF and without a CR before it.

    A line is counted from 1 in refusals: line `i + 1` is `data[starts[i]:ends[i]]`. What follows the last LF is a line
    when it is not empty.
    """

    starts: Offsets
    ends: Offsets

    def __len__(self) -> int:
        return len(self.starts)


def split_lines(data: bytes) -> Lines:
    """The lines of a file; a UTF-8 byte order mark belongs to none of them."""
    begin = len(BOM) if data.startswith(BOM) else 0
    octets = np.frombuffer(data, dtype=np.uint8)
    feeds = np.flatnonzero(octets == 10).astype(np.int64)
    return cut(octets, begin, feeds)


def cut(octets: npt.NDArray[np.uint8], begin: int, feeds: Offsets) -> Lines:
    """The lines between the given line feeds. A caller that knows quoted line feeds leaves them out."""
    starts = np.concatenate((np.array([begin], dtype=np.int64), feeds + 1))
    ends = np.concatenate((feeds, np.array([len(octets)], dtype=np.int64)))
    if starts[-1] >= ends[-1]:
        starts, ends = starts[:-1], ends[:-1]
    returned = ends > starts
    returned[returned] = octets[ends[returned] - 1] == 13
    return Lines(starts, ends - returned)


def foreign_mark(data: bytes) -> dict[str, str] | None:
    """The facts of a file that says at its beginning that it is in another encoding; null when it does not."""
    for mark, name in _FOREIGN_MARKS:
        if data.startswith(mark):
            return {"rule": "utf_8", "found": name}
    return None


def encoding_fault(data: bytes) -> dict[str, str] | None:
    """Null when the bytes are UTF-8; else the facts: the rule, and which line and byte break it."""
    marked = foreign_mark(data)
    if marked is not None:
        return marked
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return {"rule": "utf_8", "line": str(line), "byte": str(error.start), "found": f"0x{data[error.start]:02X}"}
    return None


def fault(reason: MessageReason, place: str, **facts: str) -> dict[str, Any]:
    """One error of a message, as it stands in the list in BAD.errors. A long value is shown by its beginning."""
    told = {n: v if len(v) <= VALUE_SHOWN_MAX else v[:VALUE_SHOWN_MAX] + "…" for n, v in facts.items()}
    return {"reason": reason.value, "place": place, "facts": told}


def bad_row(
    ordinal: int, start: int, length: int, errors: Sequence[Mapping[str, Any]], key: str | None = None
) -> tuple[Any, ...]:
    """One row of BAD. Its reason is that of the first error."""
    assert errors, "a bad message says why"
    return ordinal, start, length, key, errors[0]["reason"], json.dumps(errors, ensure_ascii=False)


def bad_frame(rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """The frame of bad messages, from the rows of `bad_row`."""
    return pl.DataFrame(rows, schema=BAD, orient="row")


def file_broken(data: bytes, *facts: Mapping[str, str]) -> pl.DataFrame:
    """The one bad row of a file that cannot be read at all. It stands for the file: ordinal 0, every byte of it."""
    return bad_frame([bad_row(0, 0, len(data), [fault(MessageReason.FILE_BROKEN, "file", **f) for f in facts])])
