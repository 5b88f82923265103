"""The faults the street makes on purpose, and where each was planted. 蓄意错误

A kind is planted once to three times a day, on items chosen by the seed; no two on the same execution, instruction,
obligation or line. The truth, with the reason and the subject that Nostro's exception must carry, lies in truth.json.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from nostro_street.world import chance


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault: the phase that plants it, what it is, and what Nostro must say about it."""

    name: str
    phase: str
    english: str
    chinese: str
    reason: str
    subject: str


@dataclass(frozen=True, slots=True)
class Planted:
    """One fault that was planted. `where` is its file in the exchange folder, `detail` what was done there."""

    kind: str
    entity: str
    reason: str
    subject: str
    where: str
    detail: str


_EXECUTION: Final = "execution/<exec_id>"
_MESSAGE: Final = "message/<file>/<ordinal>"
_OBLIGATION: Final = "obligation/<ccp_bic>/<isin>/<settle_date>/<currency>/<direction>"
_INSTRUCTION: Final = "instruction/<reference>"
_STATEMENT: Final = "statement/<account>/<statement>"

KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind(
            "execution_sent_twice",
            "morning",
            "The same execution report stands in the file twice.",
            "同一笔成交回报在文件中出现两次。",
            "execution_duplicate",
            _EXECUTION,
        ),
        Kind(
            "execution_same_id_other_content",
            "morning",
            "A second report bears the id of an earlier execution, with another quantity.",
            "第二份成交回报使用了先前的成交编号,但数量不同。",
            "execution_conflict",
            _EXECUTION,
        ),
        Kind(
            "instrument_unknown",
            "morning",
            "An execution is in a security that no reference file names.",
            "成交的证券不在任何参考数据文件中。",
            "instrument_unknown",
            _EXECUTION,
        ),
        Kind(
            "isin_check_digit",
            "morning",
            "The check digit of an execution's ISIN is wrong.",
            "成交回报中 ISIN 的校验位错误。",
            "isin_invalid",
            _EXECUTION,
        ),
        Kind(
            "currency_differs",
            "morning",
            "An execution is in another currency than its security trades in.",
            "成交币种与该证券的交易币种不同。",
            "currency_differs",
            _EXECUTION,
        ),
        Kind(
            "counterparty_unknown",
            "morning",
            "An execution names a counterparty that nobody knows.",
            "成交对手方不在机构名单中。",
            "counterparty_unknown",
            _EXECUTION,
        ),
        Kind(
            "price_outside_tolerance",
            "morning",
            "An execution's price is 8 % from the last close.",
            "成交价偏离上一收盘价 8%。",
            "price_out_of_tolerance",
            _EXECUTION,
        ),
        Kind(
            "trade_on_holiday",
            "morning",
            "An execution is dated on a day on which its exchange was shut.",
            "成交日为交易所休市日。",
            "trade_on_holiday",
            _EXECUTION,
        ),
        Kind(
            "ssi_missing",
            "morning",
            "The counterparty never said where it settles.",
            "对手方没有提供标准结算指令。",
            "ssi_missing",
            _EXECUTION,
        ),
        Kind(
            "allocation_does_not_add_up",
            "morning",
            "The parts of a block trade are more than the whole.",
            "大宗交易各分配数量之和大于总量。",
            "allocation_sum_differs",
            _EXECUTION,
        ),
        Kind(
            "allocation_missing",
            "morning",
            "Nobody says whose a block trade is.",
            "大宗交易没有收到分配指令。",
            "allocation_missing",
            _EXECUTION,
        ),
        Kind(
            "confirm_amount_differs",
            "morning",
            "The counterparty confirms another amount.",
            "对手方确认的金额不同。",
            "confirm_differs",
            _EXECUTION,
        ),
        Kind(
            "confirm_missing",
            "morning",
            "The counterparty does not confirm.",
            "对手方没有确认。",
            "confirm_missing",
            _EXECUTION,
        ),
        Kind(
            "fix_checksum_wrong",
            "morning",
            "An additional execution report has a wrong check sum.",
            "额外的一份成交回报校验和错误。",
            "fix_garbled",
            _MESSAGE,
        ),
        Kind(
            "fix_field_missing",
            "morning",
            "An additional execution report has no price.",
            "额外的一份成交回报缺少价格字段。",
            "fix_field_missing",
            _MESSAGE,
        ),
        Kind(
            "obligation_differs",
            "morning",
            "The CCP reports another cash amount for an obligation.",
            "中央对手方报告的净额义务金额不同。",
            "obligation_differs",
            _OBLIGATION,
        ),
        Kind(
            "obligation_missing",
            "morning",
            "The CCP does not report an obligation.",
            "中央对手方没有报告该净额义务。",
            "obligation_missing",
            _OBLIGATION,
        ),
        Kind(
            "csv_row_bad",
            "morning",
            "An additional price line has a word where a number belongs.",
            "行情文件中额外的一行以文字代替数字。",
            "csv_field_invalid",
            _MESSAGE,
        ),
        Kind(
            "counterparty_other_amount",
            "market",
            "The counterparty instructs another amount (NMAT DMON).",
            "对手方指令金额不同(NMAT DMON)。",
            "unmatched_amount",
            _INSTRUCTION,
        ),
        Kind(
            "counterparty_other_quantity",
            "market",
            "The counterparty instructs another quantity (NMAT DQUA).",
            "对手方指令数量不同(NMAT DQUA)。",
            "unmatched_quantity",
            _INSTRUCTION,
        ),
        Kind(
            "counterparty_silent",
            "market",
            "The counterparty does not instruct (NMAT CMIS).",
            "对手方没有发送指令(NMAT CMIS)。",
            "unmatched_missing",
            _INSTRUCTION,
        ),
        Kind(
            "late_match",
            "market",
            "The counterparty instructs after the cut-off (MACH, then PENF LATE).",
            "对手方在截止时间后才发送指令(MACH,随后 PENF LATE)。",
            "matched_late",
            _INSTRUCTION,
        ),
        Kind(
            "lack_of_securities",
            "market",
            "We do not have the securities for a delivery (PENF LACK).",
            "我方证券不足,无法交付(PENF LACK)。",
            "lack_of_securities",
            _INSTRUCTION,
        ),
        Kind(
            "lack_of_cash",
            "market",
            "We do not have the cash for a receipt (PENF MONY).",
            "我方资金不足,无法付款(PENF MONY)。",
            "lack_of_cash",
            _INSTRUCTION,
        ),
        Kind(
            "counterparty_lacks_securities",
            "market",
            "The counterparty does not have the securities (PENF CLAC).",
            "对手方证券不足(PENF CLAC)。",
            "counterparty_lacks_securities",
            _INSTRUCTION,
        ),
        Kind(
            "counterparty_lacks_cash",
            "market",
            "The counterparty does not have the cash (PENF CMON).",
            "对手方资金不足(PENF CMON)。",
            "counterparty_lacks_cash",
            _INSTRUCTION,
        ),
        Kind(
            "csd_rejection",
            "market",
            "The CSD rejects an instruction as for an account it does not know (REJT SAFE).",
            "中央存管机构以账户不明为由拒绝指令(REJT SAFE)。",
            "instruction_rejected",
            _INSTRUCTION,
        ),
        Kind(
            "xml_broken",
            "market",
            "An additional sese.024 is cut off in the middle.",
            "额外的一份 sese.024 报文被截断。",
            "xml_broken",
            _MESSAGE,
        ),
        Kind(
            "mt_field_missing",
            "market",
            "An additional MT548 does not say of which instruction it speaks (no :20C::RELA).",
            "额外的一份 MT548 缺少 :20C::RELA,无法得知所指指令。",
            "mt_field_missing",
            _MESSAGE,
        ),
        Kind(
            "confirmation_unknown",
            "market",
            "An additional confirmation bears a reference that we never used.",
            "额外的一份交收确认使用了我方从未使用的编号。",
            "confirmation_unknown",
            _INSTRUCTION,
        ),
        Kind(
            "confirmation_differs",
            "market",
            "An instruction is confirmed with a wrong amount first, then with the right one.",
            "指令先以错误金额确认,随后以正确金额确认。",
            "confirmation_differs",
            _INSTRUCTION,
        ),
        Kind(
            "holding_differs",
            "evening",
            "A statement of holdings shows another quantity than settled.",
            "持仓对账单数量与实际交收不符。",
            "holding_differs",
            "holding/<account>/<isin>",
        ),
        Kind(
            "statement_twice",
            "evening",
            "A cash statement comes again in another file, created at another time.",
            "同一资金对账单以另一文件、另一生成时间再次发送。",
            "statement_duplicate",
            _STATEMENT,
        ),
        Kind(
            "statement_out_of_sequence",
            "evening",
            "The number of a cash statement jumps by three.",
            "资金对账单编号跳了三号。",
            "statement_out_of_sequence",
            _STATEMENT,
        ),
        Kind(
            "statement_opening_differs",
            "evening",
            "A cash statement opens, and closes, with another balance than the last one closed with.",
            "资金对账单的期初及期末余额与上期期末不符。",
            "statement_opening_differs",
            _STATEMENT,
        ),
        Kind(
            "cash_line_missing",
            "evening",
            "The bank did not book a payment.",
            "银行漏记一笔款项。",
            "cash_missing_at_bank",
            "cash/<account>/<reference>",
        ),
        Kind(
            "cash_amount_differs",
            "evening",
            "The bank booked another amount for a payment.",
            "银行所记金额不同。",
            "cash_amount_differs",
            "cash/<account>/<reference>",
        ),
        Kind(
            "cash_unknown_credit",
            "evening",
            "The bank booked a credit that nobody expects.",
            "银行记入一笔无人预期的贷项。",
            "cash_unknown",
            "cash/<account>/<bank reference>",
        ),
        Kind(
            "price_missing",
            "evening",
            "The vendor has no closing price for a security that somebody holds.",
            "某只持有的证券没有收盘价。",
            "price_missing",
            "price/<isin>",
        ),
        Kind(
            "price_stale",
            "evening",
            "The vendor repeats the price of the day before.",
            "行情商重复发送前一日价格。",
            "price_stale",
            "price/<isin>",
        ),
        Kind(
            "price_wild",
            "evening",
            "A closing price is 40 % from the last.",
            "收盘价偏离上一收盘价 40%。",
            "price_wild",
            "price/<isin>",
        ),
    )
}
"""Every kind of fault by name, in the order of the day."""

HELD: Final = frozenset(
    {
        "instrument_unknown",
        "isin_check_digit",
        "currency_differs",
        "counterparty_unknown",
        "price_outside_tolerance",
        "trade_on_holiday",
        "ssi_missing",
        "allocation_does_not_add_up",
        "allocation_missing",
        "confirm_amount_differs",
        "confirm_missing",
        "obligation_differs",
        "obligation_missing",
    }
)
"""What Nostro sets aside: it is never instructed."""
UNSETTLED: Final = frozenset(
    {
        "counterparty_other_amount",
        "counterparty_other_quantity",
        "counterparty_silent",
        "late_match",
        "lack_of_securities",
        "lack_of_cash",
        "counterparty_lacks_securities",
        "counterparty_lacks_cash",
        "csd_rejection",
    }
)
"""What is instructed and does not settle."""


def chosen_kinds(text: str) -> list[str]:
    """The kinds --faults names: "all", "none", or names with commas. Refuses, with a ValueError, all unknown ones."""
    if text in ("all", "none"):
        return list(KINDS) if text == "all" else []
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        raise ValueError(f"no such fault: {', '.join(unknown)}. Known: {', '.join(KINDS)}")
    return [name for name in KINDS if name in names]


@dataclass(slots=True)
class Chooser:
    """Chooses the items on which faults fall. The same seed, day and kinds choose the same items."""

    seed: int
    day: date
    trades: int
    kinds: Sequence[str]

    def wanted(self, kind: str, at_most: int = 3) -> int:
        """How often a kind is to be planted: one to three times, once in a small world, never when switched off."""
        if kind not in self.kinds:
            return 0
        times = int(chance(self.seed, self.day, f"times {kind}").integers(1, 4)) if self.trades >= 5000 else 1
        return min(times, at_most)

    def pick(self, kind: str, candidates: npt.NDArray[np.int64], at_most: int = 3) -> list[int]:
        """The chosen ones of the candidates, in order; fewer when there are not enough."""
        times = min(self.wanted(kind, at_most), len(candidates))
        if not times:
            return []
        picked = chance(self.seed, self.day, f"place {kind}").choice(candidates, times, replace=False)
        return sorted(int(number) for number in picked)


def planted(kind: str, entity: str, subject: str, where: str, detail: str) -> Planted:
    """The truth about one fault, with the reason of its kind."""
    return Planted(kind, entity, KINDS[kind].reason, subject, where, detail)


def as_rows(faults: Iterable[Planted]) -> list[dict[str, str]]:
    """For truth.json, in the order of the day's kinds."""
    order = {name: at for at, name in enumerate(KINDS)}
    return [asdict(fault) for fault in sorted(faults, key=lambda f: (order[f.kind], f.entity, f.subject))]


def table() -> str:
    """The page docs/faults.md."""
    rows = [
        f"| `{k.name}` | {k.phase} | {k.english} {k.chinese} | `{k.reason}` | `{k.subject}` |" for k in KINDS.values()
    ]
    return "\n".join(
        [
            "# Faults the street makes on purpose",
            "",
            "You try out Nostro and want to know which mistakes the simulated street makes, and what Nostro must find.",
            "Each kind is planted once to three times a day; `truth.json` in the street's own folder names each one.",
            "This page is generated:",
            "",
            "```console",
            "$ python -m nostro_street faults > docs/faults.md",
            "```",
            "",
            "| fault | phase | what happens 说明 | reason Nostro gives | subject of the exception |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )
