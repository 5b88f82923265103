"""Writes SWIFT messages in bulk: values as they stand on the wire, judged before they are written. 报文编制"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from nostro.kernel.money import MICRO
from nostro.kernel.refusals import Refusal, Refused
from nostro.messages.mt.reading import decimals
from nostro.messages.mt.tokens import split_head
from nostro.messages.mt.validate import pattern
from nostro.messages.shapes import WHERE, Built, MessageReason

NL: Final = "\r\n"
_BIC: Final = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?")
_SEPARATOR: Final = f"{NL}${NL}"


@dataclass(frozen=True, slots=True)
class Line:
    """One field of a message to be written: its head, the column its value comes from, its sequence.

    The column holds all that follows the head. Where it is null the field is left out if it may be, else refused.
    """

    head: str  # "98A::SETT/"
    column: str
    path: str
    must: bool = True
    inside: str | None = None  # the sequence that comes and goes with the line


Part = Line | str
"""A line with a value, or a whole line that is always the same: "16R:GENL"."""


def number(units: pl.Expr, decimals_: pl.Expr | int) -> pl.Expr:
    """Whole units of 10^-decimals with a comma and no zeros at the end, without a sign: 1500 at 2 is "15,"."""
    width = decimals_ if isinstance(decimals_, pl.Expr) else pl.lit(decimals_, pl.Int64)
    digits = units.cast(pl.Int128).abs().cast(pl.String).str.pad_start((width + 1).cast(pl.UInt32), "0")
    small = digits.str.tail(width).str.strip_chars_end("0")
    whole = digits.str.head(digits.str.len_bytes().cast(pl.Int64) - width)
    return pl.when(units.is_not_null()).then(whole + "," + small)


def sign(units: pl.Expr) -> pl.Expr:
    """ "N" before a negative number, nothing before another."""
    return pl.when(units < 0).then(pl.lit("N")).otherwise(pl.lit(""))


def units(quantity: str) -> pl.Expr:
    """A quantity of units after a qualifier: "/UNIT/1000,"."""
    return pl.lit("/UNIT/") + number(pl.col(quantity), MICRO)


def amount(minor: str, currency: str) -> pl.Expr:
    """A currency and an amount with the decimals of that currency, "EUR1500,"; null where the currency has no form."""
    code = pl.col(currency)
    formed = pl.when(code.str.contains(r"^[A-Z]{3}$")).then(code)
    return formed + number(pl.col(minor), decimals(formed))


def day(column: str) -> pl.Expr:
    """A date as YYYYMMDD."""
    return pl.col(column).dt.strftime("%Y%m%d")


def slash(value: pl.Expr) -> pl.Expr:
    """The value after the second slash of a qualifier."""
    return pl.lit("/") + value


def header(mt: str, sender: str, receiver: str) -> str:
    """Blocks 1 and 2 in input form. A BIC of 8 is the one of its head office: XXX. Refuses what is no BIC."""
    wrong = [(block, bic) for block, bic in (("1", sender), ("2", receiver)) if not _BIC.fullmatch(bic)]
    if wrong:
        raise Refused(
            *(
                Refusal(
                    MessageReason.MT_FIELD_INVALID,
                    f"MT{mt}",
                    f"block {block}",
                    {"field": block, "sequence": "", "value": bic, "rule": "BIC"},
                )
                for block, bic in wrong
            )
        )
    return f"{{1:F01{sender[:8]}A{sender[8:] or 'XXX'}0000000000}}{{2:I{mt}{receiver[:8]}X{receiver[8:] or 'XXX'}N}}{{4:{NL}"


def bic_11(bic: str) -> str:
    """The BIC as a reader tells it: 11 characters."""
    return bic if len(bic) == 11 else f"{bic}XXX"


def own_references(texts: pl.Series) -> pl.Series:
    """A sender's reference for each message: 16 hexadecimal digits of the SHA-256 of what it says and where it stands.

    The same file written again has the same references.
    """
    digests = [hashlib.sha256(f"{at}\x00{text}".encode()).hexdigest() for at, text in enumerate(texts.to_list())]
    return pl.Series([digest[:16].upper() for digest in digests], dtype=pl.String)


def value_refusal(subject: str, key: str | None, tag: str, sequence: str, value: str, rule: str) -> Refusal:
    """One value that must not be written."""
    facts = {"field": tag, "sequence": sequence, "value": value, "rule": rule}
    place = f"{sequence}, field {tag}" if sequence else f"field {tag}"
    return Refusal(MessageReason.MT_FIELD_INVALID, f"{subject}/{key}", place, facts)


def refused_where(
    frame: pl.DataFrame, key: str, subject: str, rules: Sequence[tuple[str, str, str, str, pl.Expr]]
) -> list[Refusal]:
    """A refusal for each row in which a condition holds: (field, sequence, column shown, rule, condition)."""
    found = []
    for tag, sequence, column, rule, condition in rules:
        for at in frame.select(condition.fill_null(False)).to_series().arg_true().to_list():
            found.append(value_refusal(subject, frame[key][at], tag, sequence, str(frame[column][at]), rule))
    return found


def refusals(frame: pl.DataFrame, key: str, subject: str, parts: Sequence[Part]) -> list[Refusal]:
    """Everything that could not be written, by row: missing values and values that break the format of their field."""
    found: list[tuple[int, Refusal]] = []
    keys = frame[key].to_list()
    for line in (part for part in parts if isinstance(part, Line)):
        tag, qualifier, _ = split_head(line.head, "")
        named = f"{tag}:{qualifier}" if qualifier else tag
        place = ", ".join(part for part in (line.path, f"field {tag}") if part)
        for row in frame[line.column].is_null().arg_true().to_list() if line.must else ():
            facts = {"field": named, "sequence": line.path}
            found.append((row, Refusal(MessageReason.MT_FIELD_MISSING, f"{subject}/{keys[row]}", place, facts)))
        values = frame[line.column]
        form = re.compile(pattern(tag))
        prefix = line.head.partition(":")[2]
        # Many rows share a value (an account, a BIC): each different one is matched once.
        wrong = [value for value in values.drop_nulls().unique().to_list() if not form.fullmatch(prefix + value)]
        if wrong:
            for row in values.is_in(wrong).fill_null(False).arg_true().to_list():
                facts = {"field": tag, "sequence": line.path, "value": prefix + values[row], "rule": "format"}
                found.append((row, Refusal(MessageReason.MT_FIELD_INVALID, f"{subject}/{keys[row]}", place, facts)))
    return [refusal for _, refusal in sorted(found, key=lambda pair: pair[0])]


def text_of(parts: Sequence[Part]) -> pl.Expr:
    """The lines of a message, each ended by CR LF; a line whose value is null is left out."""
    pieces: list[pl.Expr] = []
    fixed = ""
    for part in parts:
        if isinstance(part, str):
            fixed += f":{part}{NL}"
        elif part.must:
            pieces += [pl.lit(f"{fixed}:{part.head}"), pl.col(part.column)]
            fixed = NL
        else:
            opens, closes = (f":16R:{part.inside}{NL}", f":16S:{part.inside}{NL}") if part.inside else ("", "")
            whole = pl.lit(f"{opens}:{part.head}") + pl.col(part.column) + f"{NL}{closes}"
            pieces += [pl.lit(fixed), whole.fill_null("")]
            fixed = ""
    return pl.concat_str([*pieces, pl.lit(fixed)])


def directed(
    texts: pl.DataFrame,
    subject: str,
    types: Mapping[str, str],
    parts: Callable[[str], Sequence[Part]],
    found: Sequence[Refusal],
    *,
    sender: str,
    receiver: str,
) -> Built:
    """The file of messages whose type hangs on `direction`, in the order of `texts` (`reference`, `direction`, values).

    types  message type -> the direction it is for; parts gives the layout of a type. Refuses, all at once, what was
           found before and what cannot be written.
    """
    refused = list(found)
    messages = []
    for mt, direction in types.items():
        goes = pl.col("direction") == direction
        refused += refusals(texts.filter(goes), "reference", subject, parts(mt))
        messages.append(pl.when(goes).then(pl.lit(header(mt, sender, receiver)) + text_of(parts(mt)) + "-}"))
    if refused:
        raise Refused(*refused)
    return file_of(texts["reference"], texts.select(pl.coalesce(messages)).to_series())


def file_of(keys: pl.Series, messages: pl.Series) -> Built:
    """The RJE file of whole messages, and where each stands."""
    length = messages.str.len_bytes().cast(pl.Int64)
    step = length + len(_SEPARATOR)
    index = pl.DataFrame(
        {
            "key": keys,
            "ordinal": pl.int_range(1, len(length) + 1, dtype=pl.Int64, eager=True),
            "start": step.cum_sum() - step,
            "length": length,
        },
        schema={"key": pl.String, **WHERE},
    )
    data = (messages.str.join(_SEPARATOR).item() + NL).encode("latin-1") if len(messages) else b""
    return Built(data, index)
