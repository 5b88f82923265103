"""Data on stdout, everything else on stderr; tables for people, JSON for programs. 输出"""

import json
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_CHINESE: Final[Mapping[str, str]] = {
    "entity": "主体", "step": "步骤", "count": "计数", "attempt": "次数", "started": "开始", "ended": "结束",
    "outcome": "结果", "detail": "说明", "state": "状态", "steps": "步骤数", "exceptions": "异常数",
    "events": "事件数", "seal": "封印", "id": "编号", "reason": "原因", "subject": "对象", "owner": "岗位",
    "deadline": "截止时间", "at risk": "风险金额", "what happened": "情况", "action": "动作", "with": "内容",
    "maker": "经办", "why": "理由", "asset": "资产", "debit": "借方", "credit": "贷方", "difference": "差额",
    "account": "账户", "balance": "余额", "transfer": "转账", "day": "日期", "event": "事件", "against": "对方账户",
    "amount": "金额", "kind": "种类", "currency": "币种", "statement": "对账单", "lines": "行数",
    "matched": "已匹配", "breaks": "差异", "item": "项目", "theirs": "对方", "ours": "我方", "check": "检查项",
    "found": "实际", "what to do": "建议", "in": "输入", "done": "完成", "open": "待处理", "cancelled": "取消",
    "refused": "拒绝", "seconds": "秒", "where": "位置", "waiting": "待复核", "closed": "已关闭",
    "sealed": "已封存", "failed": "失败", "killed": "被终止", "settlement": "交收", "reconciliation": "对账",
    "accounting": "会计", "data": "数据", "operator": "运维", "auditor": "审计", "compliance": "合规",
    "risk": "风险", "login": "登录名", "name": "姓名", "duty": "岗位", "holdings": "持仓", "cash": "资金",
    "name_zh": "中文名",
}  # fmt: skip
"""Headings, states and duties: codes inside, words at the edge."""


@dataclass(frozen=True, slots=True)
class Voice:
    """How this run speaks: language, JSON or not, with stack traces or not."""

    language: str = "en"
    json: bool = False
    debug: bool = False

    def say(self, en: str, zh: str) -> None:
        """A line of data in the reader's language. Nothing in JSON mode."""
        if not self.json:
            click.echo(self.pick(en, zh))

    def pick(self, en: str, zh: str) -> str:
        """The text in the reader's language."""
        return zh if self.language.startswith("zh") else en

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
        """An aligned table. Nothing in JSON mode."""
        if self.json:
            return
        texts = [["" if cell is None else self.word(str(cell)) for cell in row] for row in rows]
        heading = [self.word(name) for name in columns]
        widths = [max([_width(name), *(_width(row[i]) for row in texts)]) for i, name in enumerate(heading)]
        for line in [heading, *texts]:
            cells = [
                " " * (w - _width(cell)) + cell if code in right else cell + " " * (w - _width(cell))
                for code, cell, w in zip(columns, line, widths, strict=True)
            ]
            click.echo("  ".join(cells).rstrip())

    def word(self, code: str) -> str:
        """A heading or a state in the reader's language; any other text as it is."""
        return _CHINESE.get(code, code) if self.language.startswith("zh") else code

    def document(self, value: Any) -> None:
        """The JSON document of this command. Nothing when people read."""
        if self.json:
            click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def _width(text: str) -> int:
    """Columns a text takes in a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def progress() -> Progress:
    """A bar on stderr: stage, count, rate, time left; silent when stderr is not a terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def note(text: str) -> None:
    """A line for the person at the terminal that is no data."""
    click.echo(text, file=sys.stderr)
