"""FIX 4.4 files: executions, allocations and confirmations, read and written a file at a time. 成交、分配与确认报文

One message a line. A message is judged as a whole: framing, mandatory tags, repeating groups and the form of every
value, all errors at once. Tags we do not use are passed over. Whether an ISIN, a market or a party exists is not judged
here.
Sources: FIX 4.4, volumes 1 to 5; the data dictionary of QuickFIX for names.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
import polars as pl

from nostro.kernel.money import MICRO, currency_scale
from nostro.kernel.refusals import Refusal, Refused
from nostro.messages.fix_fields import Fields, Ints, cut_fields
from nostro.messages.lines import bad_frame, bad_row, file_broken, split_lines
from nostro.messages.shapes import ALLOCATION, CONFIRM, EXECUTION, WHERE, Built, MessageReason, Parsed

_CHUNK: Final = 100_000  # messages: some 25 MB of text and 100 MB of offsets at a time
_MISSING: Final = MessageReason.FIX_FIELD_MISSING
_INVALID: Final = MessageReason.FIX_FIELD_INVALID
_SOH: Final = "\x01"


class _Form(Enum):
    """What a value must look like. The rule it breaks is named in the refusal."""

    TEXT = "text"  # no control character, at most `width` characters
    CODE = "code"  # one of `codes`
    NUMBER = "number"  # digits
    QUANTITY = "quantity"  # more than 0, at most 6 decimals
    PRICE = "price"  # not negative, at most 6 decimals
    AMOUNT = "amount"  # signed; its decimals are judged with its currency
    CURRENCY = "currency"
    DATE = "date"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class _Tag:
    column: str  # what it is called here; a name of the shape where it has one
    number: int
    name: str
    form: _Form = _Form.TEXT
    required: bool = True
    width: int = 40
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Kind:
    """One MsgType: its tags outside groups, its groups, and the frame it becomes."""

    msg_type: str
    subject: str
    key: str
    tags: tuple[_Tag, ...]
    grouped: tuple[_Tag, ...]
    groups: Callable[[Fields, dict[str, pl.Series]], None]
    schema: pl.Schema

    @property
    def all_tags(self) -> tuple[_Tag, ...]:
        return self.tags + self.grouped


_SIDES: Final = {"1": "buy", "2": "sell"}
_HEADER: Final = (
    _Tag("sequence", 34, "MsgSeqNum", _Form.NUMBER),
    _Tag("sender", 49, "SenderCompID"),
    _Tag("sending_time", 52, "SendingTime", _Form.TIME),
    _Tag("target", 56, "TargetCompID"),
)
_INSTRUMENT: Final = (
    _Tag("isin", 48, "SecurityID", width=20),
    _Tag("isin_source", 22, "SecurityIDSource", _Form.CODE, codes=("4",)),
    _Tag("side", 54, "Side", _Form.CODE, codes=("1", "2")),
)
_COUNTERPARTY: Final = _Tag("counterparty_bic", 448, "PartyID of role 17, ContraFirm", width=20)


# --- reading


def read_executions(data: bytes) -> Parsed:
    """Trades done for us: ExecutionReport (35=8) with ExecType F. Rows have EXECUTION. 读取成交回报

    Refuses any other ExecType: a cancel or a correction is not a trade and must not be read as one.
    `content` joins all that would make it another trade; when and by whom it was told does not.
    """
    return _read(data, _EXECUTION)


def read_allocations(data: bytes) -> Parsed:
    """Block trades given to books: AllocationInstruction (35=J), a row of ALLOCATION for each entry. 读取分配指令

    Refuses what is not new (71=0) and what does not name exactly one execution. Whether the parts add up is not judged.
    """
    return _read(data, _ALLOCATION)


def read_confirms(data: bytes) -> Parsed:
    """What counterparties think was traded, seen from our side: Confirmation (35=AK). Rows have CONFIRM. 读取交易确认

    Refuses what is not a new confirmation (666=0, 773=2) or does not name exactly one order.
    """
    return _read(data, _CONFIRM)


def _read(data: bytes, kind: _Kind) -> Parsed:
    if data.strip() and _SOH.encode() not in data:
        return Parsed(good=_empty(kind), bad=file_broken(data, {"rule": "fix_soh"}))
    lines = split_lines(data)
    written = np.flatnonzero(lines.ends > lines.starts)
    octets = np.frombuffer(data, dtype=np.uint8)
    good, bad = [_empty(kind)], []
    for first in range(0, len(written), _CHUNK):
        chosen = written[first : first + _CHUNK]
        starts, ends = lines.starts[chosen], lines.ends[chosen]
        where = pl.DataFrame(
            {"ordinal": np.arange(first + 1, first + 1 + len(chosen)), "start": starts, "length": ends - starts},
            schema=WHERE,
        )
        rows, refused = _read_chunk(kind, cut_fields(octets, starts, ends), where)
        good.append(rows)
        bad.extend(refused)
    return Parsed(good=pl.concat(good, rechunk=True), bad=bad_frame(bad))


def _empty(kind: _Kind) -> pl.DataFrame:
    return pl.DataFrame(schema={**WHERE, **kind.schema})


def _read_chunk(kind: _Kind, fields: Fields, where: pl.DataFrame) -> tuple[pl.DataFrame, list[tuple[object, ...]]]:
    types, again = fields.first(35)
    of_kind = (types == kind.msg_type).fill_null(False).to_numpy()
    for at in np.flatnonzero(~of_kind & types.is_not_null().to_numpy() & fields.framed).tolist():
        fields.blame(at, _INVALID, "tag 35", tag="35", name="MsgType", value=types[at], rule=f"only {kind.msg_type}")
    judged = fields.framed & of_kind
    _blame_repeated(fields, again, judged, _Tag("msg_type", 35, "MsgType"))
    values: dict[str, pl.Series] = {}
    for tag in kind.tags:
        values[tag.column], again = fields.first(tag.number)
        _blame_repeated(fields, again, judged, tag)
    kind.groups(fields, values)
    raw = pl.DataFrame({tag.column: values[tag.column] for tag in kind.all_tags})
    for at, tag, rule, value in _value_faults(kind.all_tags, raw):
        if judged[at]:
            if rule == "required":
                fields.blame(at, _MISSING, f"tag {tag.number}", tag=str(tag.number), name=tag.name)
            else:
                fields.blame(
                    at, _INVALID, f"tag {tag.number}", tag=str(tag.number), name=tag.name, value=value, rule=rule
                )
    entries = _entries(kind, fields, judged)
    faulty = np.zeros(fields.count, dtype=np.bool_)
    faulty[list(fields.faults)] = True
    places = {name: where[name].to_list() for name in where.columns} if faulty.any() else {}
    refused = [
        bad_row(
            places["ordinal"][at],
            places["start"][at],
            places["length"][at],
            fields.faults[at],
            raw[kind.key][at] or None,
        )
        for at in np.flatnonzero(faulty).tolist()
    ]
    typed = _typed(kind.all_tags, raw)
    known = pl.concat([where, typed], how="horizontal")
    if entries is not None:
        known = entries.join(known.with_row_index("message"), on="message", how="left", maintain_order="left")
        faulty = faulty[known["message"].to_numpy()]
    known = known.filter(pl.Series(~faulty))
    if "content" in kind.schema:
        known = known.with_columns(content=_content())
    return known.select((*WHERE, *kind.schema)), refused


def _blame_repeated(fields: Fields, messages: Ints, judged: np.ndarray, tag: _Tag) -> None:
    for at in messages.tolist():
        if judged[at]:
            _blame(fields, at, tag.number, tag.name, "more than once", "once")


def _blame(fields: Fields, message: int, tag: int, name: str, value: str, rule: str) -> None:
    fields.blame(message, _INVALID, f"tag {tag}", tag=str(tag), name=name, value=value, rule=rule)


def _content() -> pl.Expr:
    told = [name for name in EXECUTION if name not in ("exec_id", "transact_time", "sender", "content")]
    return pl.concat_str([pl.col(name).cast(pl.String).fill_null("") for name in told], separator=_SOH)


# --- values


def _value_faults(tags: Sequence[_Tag], raw: pl.DataFrame) -> list[tuple[int, _Tag, str, str]]:
    """Every (row, tag, rule broken, value) of a frame of texts, by row."""
    rules = raw.lazy().select(_broken_rule(tag).alias(tag.column) for tag in tags).collect()
    found: list[tuple[int, _Tag, str, str]] = []
    for tag in tags:
        column = rules[tag.column]
        if column.null_count() == len(column):
            continue
        for at in column.is_not_null().arg_true().to_list():
            found.append((at, tag, column[at], raw[tag.column][at] or ""))
    return sorted(found, key=lambda fault: fault[0])


def _broken_rule(tag: _Tag) -> pl.Expr:
    """The first rule this value breaks, or null. An optional value may be absent, never empty."""
    value = pl.col(tag.column)
    rule = pl.lit(None, pl.String)
    for named, broken in reversed([("empty", value == ""), *_rules(tag, value)]):
        rule = pl.when(broken).then(pl.lit(named)).otherwise(rule)
    absent = pl.lit("required" if tag.required else None, pl.String)
    return pl.when(value.is_null()).then(absent).otherwise(rule)


_FLOAT: Final = r"^-?([0-9]+\.?[0-9]*|\.[0-9]+)$"
_SIX_DECIMALS: Final = r"^-?[0-9]*(\.[0-9]{0,6}0*)?$"
_UTC: Final = r"^[0-9]{8}-([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]{3,9})?$"


def _rules(tag: _Tag, value: pl.Expr) -> list[tuple[str, pl.Expr]]:
    match tag.form:
        case _Form.TEXT:
            return [
                (f"characters_max_{tag.width}", value.str.len_chars() > tag.width),
                ("printable", value.str.contains(r"[\x00-\x1f\x7f\x{fffd}]")),
            ]
        case _Form.CODE:
            return [(f"one of {' '.join(tag.codes)}", ~value.is_in(tag.codes))]
        case _Form.NUMBER:
            return [("number", ~value.str.contains(r"^[0-9]{1,18}$"))]
        case _Form.CURRENCY:
            return [("iso_currency", ~value.str.contains(r"^[A-Z]{3}$"))]
        case _Form.DATE:
            return [("date_yyyymmdd", ~value.str.contains(r"^[0-9]{8}$") | _date(value).is_null())]
        case _Form.TIME:
            return [
                (
                    "utc_timestamp",
                    ~value.str.contains(_UTC) | _date(value.str.head(8)).is_null(),
                )
            ]
        case _Form.AMOUNT:
            currency = pl.col("currency")
            known = currency.str.contains(r"^[A-Z]{3}$").fill_null(False)
            return [
                ("number", ~value.str.contains(_FLOAT)),
                ("decimals_of_currency", known & ~_fits_currency(value, currency)),
                ("fits_64_bits", known & _minor(value, currency).is_null()),
            ]
        case _Form.QUANTITY | _Form.PRICE:
            too_small = (
                ("positive", _micro(value) <= 0) if tag.form is _Form.QUANTITY else ("not_negative", _micro(value) < 0)
            )
            return [
                ("number", ~value.str.contains(_FLOAT)),
                ("decimals_max_6", ~value.str.contains(_SIX_DECIMALS)),
                ("fits_64_bits", _micro(value).is_null()),
                too_small,
            ]


def _date(value: pl.Expr) -> pl.Expr:
    return value.str.to_date("%Y%m%d", strict=False)


def _scaled(value: pl.Expr, decimals: pl.Expr | int) -> pl.Expr:
    """Whole units of 10^-decimals as Int128, of a text that is known to be a number with no more decimals than that."""
    parts = value.str.splitn(".", 2)
    small = parts.struct.field("field_1").fill_null("").str.strip_chars_end("0").str.pad_end(decimals, "0")
    whole = parts.struct.field("field_0")
    # "-.5" and "-" alone are told apart by the form before; an empty whole part reads as what its decimals say.
    return (whole + small).cast(pl.Int128, strict=False)


def _micro(value: pl.Expr) -> pl.Expr:
    return _scaled(value, MICRO).cast(pl.Int64, strict=False)


def _decimals(currency: pl.Expr) -> pl.Expr:
    """Decimals of each currency; 2 where it is no currency, which is an error of its own."""

    def scales(codes: pl.Series) -> pl.Series:
        different = codes.drop_nulls().unique().to_list()
        known = {
            code: currency_scale(code)
            for code in different
            if len(code) == 3 and code.isascii() and code.isupper() and code.isalpha()
        }
        if not known:
            return pl.Series(codes.name, [2] * len(codes), dtype=pl.Int64)
        return codes.replace_strict(known, default=2, return_dtype=pl.Int64).fill_null(2)

    return currency.map_batches(scales, return_dtype=pl.Int64)


def _fits_currency(value: pl.Expr, currency: pl.Expr) -> pl.Expr:
    small = value.str.splitn(".", 2).struct.field("field_1").fill_null("").str.strip_chars_end("0")
    return small.str.len_chars().cast(pl.Int64) <= _decimals(currency)


def _minor(value: pl.Expr, currency: pl.Expr) -> pl.Expr:
    return _scaled(value, _decimals(currency)).cast(pl.Int64, strict=False)


def _typed(tags: Sequence[_Tag], raw: pl.DataFrame) -> pl.DataFrame:
    """The values as the shape wants them. A text that breaks its rule may be null: its message is refused."""
    columns: list[pl.Expr] = []
    for tag in tags:
        value = pl.col(tag.column)
        match tag.form:
            case _Form.QUANTITY | _Form.PRICE:
                columns.append(_micro(value).alias(tag.column))
            case _Form.AMOUNT:
                columns.append(_minor(value, pl.col("currency")).alias(tag.column))
            case _Form.DATE:
                columns.append(_date(value).alias(tag.column))
            case _ if tag.column == "side":
                columns.append(value.replace_strict(_SIDES, default=None, return_dtype=pl.String).alias(tag.column))
            case _:
                columns.append(value)
    return raw.lazy().select(columns).collect()


# --- groups


def _counted(fields: Fields, counter: int, name: str, delimiter: int, members: Sequence[int]) -> tuple[Ints, Ints]:
    """The entries of a repeating group: the fields that begin them, and where they belong.

    Blames a count that is not the number of entries, and members that stand before the first entry.
    """
    said, again = fields.first(counter)
    for at in again.tolist():
        _blame(fields, at, counter, name, "more than once", "once")
    begins = fields.where(delimiter)
    owner = fields.message[begins]
    entries = np.bincount(owner, minlength=fields.count)
    numbers = said.cast(pl.Int64, strict=False).fill_null(-1).to_numpy()
    wrong = np.where(said.is_null().to_numpy(), entries > 0, numbers != entries)
    for at in np.flatnonzero(wrong).tolist():
        _blame(fields, at, counter, name, said[at] or "absent", f"group_count, found {entries[at]}")
    counters = fields.where(counter)
    for member in (delimiter, *members):
        found = fields.where(member)
        # Each member belongs to the last count tag before it; in its own message there must be one.
        before = np.searchsorted(counters, found) - 1
        outside = (
            (before < 0) | (fields.message[counters[before]] != fields.message[found]) if len(counters) else found >= 0
        )
        for at in np.unique(fields.message[found[outside]]).tolist():
            _blame(fields, at, member, name, "outside its group", f"group_order, after tag {counter}")
    return begins, owner


def _member(fields: Fields, begins: Ints, tag: int, name: str) -> pl.Series:
    """A member's value in each entry, null where the entry lacks it. Blames a member that an entry has twice."""
    found = fields.where(tag)
    entry = np.searchsorted(begins, found, side="right") - 1
    inside = entry >= 0
    inside[inside] = fields.message[begins[entry[inside]]] == fields.message[found[inside]]
    for at in np.unique(fields.message[found[~inside]]).tolist():
        _blame(fields, at, tag, name, "before the first entry", "group_order")
    found, entry = found[inside], entry[inside]
    again = np.zeros(len(found), dtype=np.bool_)
    again[1:] = entry[1:] == entry[:-1]
    for at in np.unique(fields.message[found[again]]).tolist():
        _blame(fields, at, tag, name, "more than once", "once in an entry")
    place = np.full(len(begins), -1, dtype=np.int64)
    place[entry[~again]] = found[~again]
    values = fields.texts(np.maximum(place, 0)) if len(fields.tag) else pl.Series([""] * len(begins), dtype=pl.String)
    return values.to_frame("v").select(pl.when(pl.Series(place >= 0)).then(pl.col("v"))).to_series()


def _parties(fields: Fields, roles: Mapping[str, str]) -> dict[str, pl.Series]:
    """The BIC of each wanted role (452) in each message, of the parties that are named by BIC (447=B)."""
    begins, owner = _counted(fields, 453, "NoPartyIDs", 448, (447, 452))
    entries = pl.DataFrame(
        {
            "message": owner,
            "bic": fields.texts(begins) if len(begins) else pl.Series(dtype=pl.String),
            "source": _member(fields, begins, 447, "PartyIDSource") if len(begins) else pl.Series(dtype=pl.String),
            "role": _member(fields, begins, 452, "PartyRole") if len(begins) else pl.Series(dtype=pl.String),
        },
        schema_overrides={"message": pl.Int64},
    )
    for tag, name, column in ((447, "PartyIDSource", "source"), (452, "PartyRole", "role")):
        for at in entries.filter(pl.col(column).is_null())["message"].unique(maintain_order=True).to_list():
            fields.blame(at, _MISSING, f"tag {tag}", tag=str(tag), name=name)
    values: dict[str, pl.Series] = {}
    for role, column in roles.items():
        named = entries.filter((pl.col("source") == "B") & (pl.col("role") == role))
        for at in named.filter(pl.col("message").is_duplicated())["message"].unique(maintain_order=True).to_list():
            _blame(fields, at, 452, "PartyRole", role, "once")
        named = named.unique("message", keep="first", maintain_order=True)
        if len(named) == fields.count:
            values[column] = named["bic"]
            continue
        everybody = pl.DataFrame({"message": np.arange(fields.count)}, schema={"message": pl.Int64})
        values[column] = everybody.join(named, on="message", how="left", maintain_order="left")["bic"]
    return values


def _only_entry(fields: Fields, counter: int, counter_name: str, tag: int) -> pl.Series:
    """The one value of a group that must have one entry. Blames any other count, and a value outside the group."""
    said, _ = fields.first(counter)
    for at in (said.fill_null("") != "1").arg_true().to_list():
        if said[at] is None:
            fields.blame(at, _MISSING, f"tag {counter}", tag=str(counter), name=counter_name)
        else:
            _blame(fields, at, counter, counter_name, said[at], "one entry")
    value, again = fields.first(tag)
    for at in again.tolist():
        _blame(fields, at, tag, counter_name, "more than once", "one entry")
    found, counters = fields.where(tag), fields.where(counter)
    if len(counters):
        before = np.searchsorted(counters, found) - 1
        outside = (before < 0) | (fields.message[counters[before]] != fields.message[found])
        for at in np.unique(fields.message[found[outside]]).tolist():
            _blame(fields, at, tag, counter_name, "outside its group", f"group_order, after tag {counter}")
    return value


def _entries(kind: _Kind, fields: Fields, judged: np.ndarray) -> pl.DataFrame | None:
    """The NoAllocs entries of allocations as typed rows; null for the kinds that are one row a message."""
    if kind is not _ALLOCATION:
        _drop_unjudged(fields, judged)
        return None
    begins, owner = _counted(fields, 78, "NoAllocs", 79, (80,))
    present = np.zeros(fields.count, dtype=np.bool_)
    present[owner] = True
    for at in np.flatnonzero(~present).tolist():
        fields.blame(at, _MISSING, "tag 79", tag="79", name="AllocAccount")
    raw = pl.DataFrame(
        {
            "book": fields.texts(begins),
            "quantity_micro": _member(fields, begins, 80, "AllocQty") if len(begins) else pl.Series(dtype=pl.String),
        }
    )
    for entry, tag, rule, value in _value_faults(_ALLOC_ENTRY, raw):
        at = int(owner[entry])
        if rule == "required":
            fields.blame(at, _MISSING, f"tag {tag.number}", tag=str(tag.number), name=tag.name)
        else:
            _blame(fields, at, tag.number, tag.name, value, rule)
    _drop_unjudged(fields, judged)
    typed = _typed(_ALLOC_ENTRY, raw)
    return typed.with_columns(message=pl.Series(owner, dtype=pl.UInt32))


def _drop_unjudged(fields: Fields, judged: np.ndarray) -> None:
    """Of a message of another type, or of none, only what made it so is told: its groups are not ours to judge."""
    for at in [message for message in fields.faults if not judged[message]]:
        kept = [
            f for f in fields.faults[at] if f["reason"] == MessageReason.FIX_GARBLED or f["facts"].get("tag") == "35"
        ]
        fields.faults[at] = kept or fields.faults[at]


def _execution_groups(fields: Fields, values: dict[str, pl.Series]) -> None:
    values.update(_parties(fields, {"17": "counterparty_bic", "21": "ccp_bic"}))


def _allocation_groups(fields: Fields, values: dict[str, pl.Series]) -> None:
    values["exec_id"] = _only_entry(fields, 124, "NoExecs", 17)


def _confirm_groups(fields: Fields, values: dict[str, pl.Series]) -> None:
    values["order_id"] = _only_entry(fields, 73, "NoOrders", 37)
    values.update(_parties(fields, {"17": "counterparty_bic"}))


_EXECUTION: Final = _Kind(
    msg_type="8",
    subject="execution",
    key="exec_id",
    tags=(
        *_HEADER,
        _Tag("exec_id", 17, "ExecID"),
        _Tag("order_id", 37, "OrderID"),
        _Tag("exec_type", 150, "ExecType", _Form.CODE, codes=("F",)),
        _Tag("order_status", 39, "OrdStatus", _Form.CODE, codes=tuple("0123456789ABCDE")),
        _Tag("book", 1, "Account", width=20),
        *_INSTRUMENT,
        _Tag("quantity_micro", 32, "LastQty", _Form.QUANTITY),
        _Tag("price_micro", 31, "LastPx", _Form.PRICE),
        _Tag("currency", 15, "Currency", _Form.CURRENCY),
        _Tag("trade_date", 75, "TradeDate", _Form.DATE),
        _Tag("settle_date", 64, "SettlDate", _Form.DATE, required=False),
        _Tag("mic", 30, "LastMkt", width=10),
        _Tag("transact_time", 60, "TransactTime", _Form.TIME, required=False),
        _Tag("leaves", 151, "LeavesQty", _Form.PRICE),
        _Tag("cumulated", 14, "CumQty", _Form.PRICE),
        _Tag("average_price", 6, "AvgPx", _Form.PRICE),
    ),
    grouped=(_COUNTERPARTY, _Tag("ccp_bic", 448, "PartyID of role 21, ClearingOrganization", required=False, width=20)),
    groups=_execution_groups,
    schema=EXECUTION,
)
_ALLOC_ENTRY: Final = (
    _Tag("book", 79, "AllocAccount", width=20),
    _Tag("quantity_micro", 80, "AllocQty", _Form.QUANTITY),
)
_ALLOCATION: Final = _Kind(
    msg_type="J",
    subject="allocation",
    key="alloc_id",
    tags=(
        *_HEADER,
        _Tag("alloc_id", 70, "AllocID"),
        _Tag("transaction", 71, "AllocTransType", _Form.CODE, codes=("0",)),
        _Tag("alloc_type", 626, "AllocType", _Form.CODE, codes=("1", "2", "5", "7", "8")),
        _Tag("orders", 857, "AllocNoOrdersType", _Form.CODE, codes=("0", "1")),
        *_INSTRUMENT,
        _Tag("total_micro", 53, "Quantity", _Form.QUANTITY),
        _Tag("price_micro", 6, "AvgPx", _Form.PRICE),
        _Tag("trade_date", 75, "TradeDate", _Form.DATE),
    ),
    grouped=(_Tag("exec_id", 17, "ExecID"),),
    groups=_allocation_groups,
    schema=ALLOCATION,
)
_CONFIRM: Final = _Kind(
    msg_type="AK",
    subject="confirm",
    key="confirm_id",
    tags=(
        *_HEADER,
        _Tag("confirm_id", 664, "ConfirmID"),
        _Tag("transaction", 666, "ConfirmTransType", _Form.CODE, codes=("0",)),
        _Tag("confirm_type", 773, "ConfirmType", _Form.CODE, codes=("2",)),
        _Tag("confirm_status", 665, "ConfirmStatus", _Form.CODE, codes=("1", "4")),
        _Tag("transact_time", 60, "TransactTime", _Form.TIME),
        *_INSTRUMENT,
        _Tag("capacities", 862, "NoCapacities", _Form.NUMBER),
        _Tag("account", 79, "AllocAccount"),
        _Tag("quantity_micro", 80, "AllocQty", _Form.QUANTITY),
        _Tag("price_micro", 6, "AvgPx", _Form.PRICE),
        _Tag("currency", 15, "Currency", _Form.CURRENCY),
        _Tag("gross", 381, "GrossTradeAmt", _Form.PRICE),
        _Tag("net_minor", 118, "NetMoney", _Form.AMOUNT),
        _Tag("trade_date", 75, "TradeDate", _Form.DATE),
        _Tag("settle_date", 64, "SettlDate", _Form.DATE),
    ),
    grouped=(_Tag("order_id", 37, "OrderID"), _COUNTERPARTY),
    groups=_confirm_groups,
    schema=CONFIRM,
)


# --- building


def build_executions(frame: pl.DataFrame, *, sender: str, target: str, sending_time: str) -> Built:
    """One ExecutionReport for each row of EXECUTION, each a complete fill; reading it gives the row back. 编制成交回报

    sending_time  UTC, as FIX writes it: 20261124-08:00:00.000
    Not needed: content, sender, transact_time. Refuses what could not be read back, all of it at once.
    """
    texts = _text_frame(_EXECUTION, frame, sender, target, sending_time).with_columns(
        exec_type=pl.lit("F"),
        order_status=pl.lit("2"),
        leaves=pl.lit("0"),
        cumulated=pl.col("quantity_micro"),
        average_price=pl.col("price_micro"),
    )
    parties = pl.when(pl.col("ccp_bic").is_null()).then(pl.lit("1")).otherwise(pl.lit("2"))
    body = [
        *_fields(37, "order_id", 17, "exec_id"),
        *_field(453, parties),
        *_party(pl.col("counterparty_bic"), 17),
        pl.when(pl.col("ccp_bic").is_null())
        .then(pl.lit(""))
        .otherwise(pl.concat_str(_party(pl.col("ccp_bic").fill_null(""), 21))),
        *_fields(150, "exec_type", 39, "order_status", 1, "book"),
        _optional(64, "settle_date"),
        *_fields(48, "isin", 22, "isin_source", 54, "side", 15, "currency", 32, "quantity_micro", 31, "price_micro"),
        *_fields(30, "mic", 151, "leaves", 14, "cumulated", 6, "average_price", 75, "trade_date"),
        _optional(60, "transact_time"),
    ]
    return _build(_EXECUTION, texts, body)


def build_allocations(frame: pl.DataFrame, *, sender: str, target: str, sending_time: str) -> Built:
    """One AllocationInstruction for each alloc_id of a frame of ALLOCATION, in order of first appearance. 编制分配指令

    The rows of one alloc_id must agree on everything but book and quantity; else it refuses.
    """
    shared = [name for name in ALLOCATION if name not in ("alloc_id", "book", "quantity_micro", "sender")]
    disagree = (
        frame.group_by("alloc_id", maintain_order=True)
        .agg(pl.col(shared).n_unique())
        .filter(pl.any_horizontal(pl.col(shared) > 1))
    )
    if len(disagree):
        raise Refused(
            *(_disagreement(str(row["alloc_id"]), [n for n in shared if row[n] > 1]) for row in disagree.to_dicts())
        )
    entries = frame.select("alloc_id", book=pl.col("book"), quantity_micro=_number(pl.col("quantity_micro"), MICRO))
    problems = [
        _refusal("allocation", entries["alloc_id"][at], tag, rule, value)
        for at, tag, rule, value in _value_faults(_ALLOC_ENTRY, entries)
    ]
    grouped = entries.group_by("alloc_id", maintain_order=True).agg(
        count=pl.len().cast(pl.String),
        entries=pl.concat_str(_fields(79, "book", 80, "quantity_micro"), ignore_nulls=True).str.join(""),
    )
    heads = frame.unique("alloc_id", keep="first", maintain_order=True)
    texts = _text_frame(_ALLOCATION, heads, sender, target, sending_time).with_columns(
        grouped["count"], grouped["entries"], transaction=pl.lit("0"), alloc_type=pl.lit("1"), orders=pl.lit("0")
    )
    body = [
        *_fields(70, "alloc_id", 71, "transaction", 626, "alloc_type", 857, "orders"),
        *_field(124, pl.lit("1")),
        *_fields(32, "total_micro", 17, "exec_id", 54, "side", 48, "isin", 22, "isin_source"),
        *_fields(53, "total_micro", 6, "price_micro", 75, "trade_date", 78, "count"),
        pl.col("entries"),
    ]
    return _build(_ALLOCATION, texts, body, problems)


def build_confirms(frame: pl.DataFrame, *, sender: str, target: str, sending_time: str) -> Built:
    """One Confirmation for each row of CONFIRM, as the counterparty sends it. 编制交易确认

    The gross amount is quantity x price, rounded half up to the minor unit. The counterparty deals as principal and
    does not know our account: "NONREF".
    """
    exact = pl.col("quantity_micro").cast(pl.Int128) * pl.col("price_micro")
    unit = pl.lit(10).cast(pl.Int128).pow((2 * MICRO - _decimals(pl.col("currency"))).cast(pl.UInt32))
    gross = frame.select(gross=_number((exact + unit // 2) // unit, _decimals(pl.col("currency"))))["gross"]
    texts = _text_frame(_CONFIRM, frame, sender, target, sending_time).with_columns(
        gross,
        transact_time=pl.lit(sending_time),
        transaction=pl.lit("0"),
        confirm_type=pl.lit("2"),
        confirm_status=pl.lit("4"),
        capacities=pl.lit("1"),
        account=pl.lit("NONREF"),
    )
    body = [
        *_fields(664, "confirm_id", 666, "transaction", 773, "confirm_type", 665, "confirm_status"),
        *_field(453, pl.lit("1")),
        *_party(pl.col("counterparty_bic"), 17),
        *_field(73, pl.lit("1")),
        *_field(11, pl.lit("MANUAL")),
        *_fields(37, "order_id", 60, "transact_time", 75, "trade_date", 48, "isin", 22, "isin_source"),
        *_fields(80, "quantity_micro", 54, "side", 15, "currency", 862, "capacities"),
        *_field(528, pl.lit("P")),
        *_fields(
            863, "quantity_micro", 79, "account", 6, "price_micro", 381, "gross", 118, "net_minor", 64, "settle_date"
        ),
    ]
    return _build(_CONFIRM, texts, body)


def _text_frame(kind: _Kind, frame: pl.DataFrame, sender: str, target: str, sending_time: str) -> pl.DataFrame:
    """Every value as it will stand on the wire, null where the frame has none."""
    ours = {
        "sequence": pl.int_range(1, pl.len() + 1).cast(pl.String),
        "sender": pl.lit(sender),
        "target": pl.lit(target),
        "sending_time": pl.lit(sending_time),
        "isin_source": pl.lit("4"),
    }
    told = {tag.column: tag for tag in kind.all_tags if tag.column not in ours}
    wired = [_wire(tag).alias(name) for name, tag in told.items() if name in frame.columns]
    absent = {name: pl.lit(None, pl.String) for name in told if name not in frame.columns}
    return frame.select(wired).with_columns(**absent, **ours)


def _wire(tag: _Tag) -> pl.Expr:
    value = pl.col(tag.column)
    match tag.form:
        case _Form.QUANTITY | _Form.PRICE:
            return _number(value, MICRO)
        case _Form.AMOUNT:
            return _number(value, _decimals(pl.col("currency")))
        case _Form.DATE:
            return value.dt.strftime("%Y%m%d")
        case _ if tag.column == "side":
            told = {name: code for code, name in _SIDES.items()}
            return value.replace(told)
        case _:
            return value.cast(pl.String)


def _number(units: pl.Expr, decimals: pl.Expr | int) -> pl.Expr:
    """Whole units of 10^-decimals as text, without zeros at the end: 12500000 at 6 is "12.5"."""
    width = decimals if isinstance(decimals, pl.Expr) else pl.lit(decimals, pl.Int64)
    digits = units.cast(pl.Int128).abs().cast(pl.String).str.pad_start((width + 1).cast(pl.UInt32), "0")
    sign = pl.when(units < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    small = digits.str.tail(width).str.strip_chars_end("0")
    whole = digits.str.head(digits.str.len_bytes().cast(pl.Int64) - width)
    point = pl.when(small == "").then(pl.lit("")).otherwise(pl.lit("."))
    return pl.when(units.is_not_null()).then(sign + whole + point + small)


def _field(tag: int, value: pl.Expr) -> list[pl.Expr]:
    return [pl.lit(f"{tag}="), value, pl.lit(_SOH)]


def _fields(*tags_and_columns: int | str) -> list[pl.Expr]:
    pairs = zip(tags_and_columns[::2], tags_and_columns[1::2], strict=True)
    return [part for tag, column in pairs for part in _field(int(tag), pl.col(str(column)))]


def _party(bic: pl.Expr, role: int) -> list[pl.Expr]:
    return [*_field(448, bic), pl.lit(f"447=B{_SOH}452={role}{_SOH}")]


def _optional(tag: int, column: str) -> pl.Expr:
    value = pl.col(column)
    return pl.when(value.is_null()).then(pl.lit("")).otherwise(pl.concat_str(_field(tag, value.fill_null(""))))


def _build(kind: _Kind, texts: pl.DataFrame, body: list[pl.Expr], problems: Sequence[Refusal] = ()) -> Built:
    found = [
        *problems,
        *(
            _refusal(kind.subject, texts[kind.key][at], tag, rule, value)
            for at, tag, rule, value in _value_faults(kind.all_tags, texts)
        ),
    ]
    if found:
        raise Refused(*found)
    header = [
        *_field(35, pl.lit(kind.msg_type)),
        *_fields(49, "sender", 56, "target", 34, "sequence", 52, "sending_time"),
    ]
    files, keys, lengths = [], [], []
    for first in range(0, len(texts), _CHUNK):
        part = texts.slice(first, _CHUNK)
        messages = _framed(part.select(pl.concat_str([*header, *body])).to_series())
        files.append(("".join((messages.str.join("\n").item(), "\n"))).encode())
        keys.append(part[kind.key])
        lengths.append(messages.str.len_bytes())
    if not files:
        return Built(b"", pl.DataFrame(schema={"key": pl.String, **WHERE}))
    length = pl.concat(lengths).cast(pl.Int64)
    index = pl.DataFrame(
        {
            "key": pl.concat(keys),
            "ordinal": pl.int_range(1, len(length) + 1, dtype=pl.Int64, eager=True),
            "start": (length + 1).cum_sum() - (length + 1),
            "length": length,
        }
    )
    return Built(b"".join(files), index)


def _framed(body: pl.Series) -> pl.Series:
    """Bodies with their BeginString, BodyLength and CheckSum."""
    frame = body.to_frame("body").select(
        text=pl.concat_str(
            pl.lit(f"8=FIX.4.4{_SOH}9="), pl.col("body").str.len_bytes().cast(pl.String), pl.lit(_SOH), pl.col("body")
        )
    )
    octets = np.frombuffer(frame["text"].str.join("").item().encode(), dtype=np.uint8)
    lengths = frame["text"].str.len_bytes().to_numpy().astype(np.int64)
    sums = np.add.reduceat(octets, np.cumsum(lengths) - lengths, dtype=np.uint8)
    checks = pl.Series("check", sums).cast(pl.String).str.zfill(3)
    return (
        frame.with_columns(checks)
        .select(pl.concat_str(pl.col("text"), pl.lit("10="), pl.col("check"), pl.lit(_SOH)))
        .to_series()
    )


def _refusal(subject: str, key: str | None, tag: _Tag, rule: str, value: str) -> Refusal:
    place = f"tag {tag.number}"
    if rule == "required":
        return Refusal(_MISSING, f"{subject}/{key}", place, {"tag": str(tag.number), "name": tag.name})
    facts = {"tag": str(tag.number), "name": tag.name, "value": value, "rule": rule}
    return Refusal(_INVALID, f"{subject}/{key}", place, facts)


def _disagreement(alloc_id: str, columns: Sequence[str]) -> Refusal:
    facts = {
        "tag": "70",
        "name": "AllocID",
        "value": ", ".join(columns),
        "rule": "one value for all rows of an allocation",
    }
    return Refusal(_INVALID, f"allocation/{alloc_id}", "tag 70", facts)
