"""What a closed door says, in English and 中文. 门口用语"""

from collections.abc import Mapping
from typing import Final

from nostro.departments.operations.queue import WORDS
from nostro.kernel.refusals import Refusal
from nostro.spine.words import sentence

DOORS: Final[Mapping[str, tuple[str, str]]] = {
    "no_day_yet": (
        "No business day has been run here yet. Run `nostro demo`, or `nostro day run --day YYYY-MM-DD`.",
        "这里还没有运行过营业日。请运行 `nostro demo` 或 `nostro day run --day YYYY-MM-DD`。",
    ),
    "entity_unknown": ("There is no entity of this code. Known: %(known)s.", "没有该代码的法人主体。已有:%(known)s。"),
    "execution_unknown": ("%(entity)s has no execution of this id.", "%(entity)s 没有该成交编号。"),
    "transfer_unknown": ("%(entity)s has no transfer of this number.", "%(entity)s 没有该转账编号。"),
    "account_unknown": ("%(entity)s has no account of this code.", "%(entity)s 没有该账户。"),
    "message_unknown": ("No message of this number is stored.", "没有存储该编号的报文。"),
    "person_unknown": (
        "There is no such person. Add them first: nostro people add LOGIN.",
        "没有此人,请先添加:nostro people add 登录名。",
    ),
    "login_invalid": (
        "A login is a small letter, then up to 29 small letters, digits or underscores.",
        "登录名须以小写字母开头,后接至多 29 个小写字母、数字或下划线。",
    ),
    "exception_unknown": ("%(entity)s has no exception of this number.", "%(entity)s 没有该编号的异常。"),
    "exception_not_open": (
        "The exception is %(state)s: only an open one can be acted on. See `nostro exceptions show`.",
        "该异常状态为 %(state)s,只有未处理的异常可以操作。请用 `nostro exceptions show` 查看。",
    ),
    "action_not_allowed": (
        "%(action)s is not allowed for this reason. Allowed: %(allowed)s.",
        "此原因不允许 %(action)s。可选:%(allowed)s。",
    ),
    "field_missing": (
        "%(action)s needs %(field)s: give it with --set %(field)s=VALUE.",
        "%(action)s 需要 %(field)s:请用 --set %(field)s=值 给出。",
    ),
    "field_invalid": ("%(field)s says %(value)s: %(rule)s.", "%(field)s 的值 %(value)s 无效:%(rule)s。"),
    "four_eyes": (
        "%(person)s proposed this and cannot also decide it: a second person must.",
        "%(person)s 是经办人,不能自行复核:须由另一人复核。",
    ),
    "decided_already": ("This proposal has been decided already.", "该申请已经复核。"),
    "no_access": (
        "%(person)s has no right to this here: unknown person, no access to the entity, or read-only.",
        "%(person)s 在此无权限:人员不存在、无该主体权限或仅可读。",
    ),
    "proposal_unknown": ("%(entity)s has no open proposal of this number.", "%(entity)s 没有该编号的待复核申请。"),
    "database_url_invalid": (
        "NOSTRO_DATABASE_URL is not postgresql://user:password@host:port/database.",
        "NOSTRO_DATABASE_URL 的格式应为 postgresql://user:password@host:port/database。",
    ),
    "demo_of_other_size": (
        "A demo with %(before)s stands here already. Run it with the same options, or `nostro demo --fresh` to begin anew.",
        "这里已有参数为 %(before)s 的演示。请用相同参数继续,或用 `nostro demo --fresh` 重新开始。",
    ),
    "demo_keeps_your_database": (
        "--fresh would drop a database of your own server. Empty it yourself, or unset NOSTRO_DATABASE_URL.",
        "--fresh 会删除您自己服务器上的数据库。请自行清空,或取消 NOSTRO_DATABASE_URL。",
    ),
    "file_not_found": ("There is no file %(path)s.", "文件 %(path)s 不存在。"),
    "file_changed": (
        "A file of this name came before with other content. It was not taken; give it a name of its own.",
        "同名文件此前内容不同,本次未接收;请另取文件名。",
    ),
    "file_kind_unknown": (
        "No department reads %(kind)s. Known: %(known)s.",
        "没有部门读取 %(kind)s。已知种类:%(known)s。",
    ),
    "time_invalid": (
        "%(value)s is not an ISO date and time, such as 2026-10-13T16:00:00+00:00.",
        "%(value)s 不是 ISO 日期时间,例如 2026-10-13T16:00:00+00:00。",
    ),
    "street_failed": ("The simulated street stopped: %(detail)s", "模拟市场已停止:%(detail)s"),
}


def told(refusal: Refusal, language: str) -> str:
    """A refusal as a line for people: what, whose, where, and why in words."""
    if refusal.reason in WORDS:
        said = sentence(WORDS[refusal.reason], refusal.facts, language)
    elif refusal.reason in DOORS:
        said = DOORS[refusal.reason][language.startswith("zh")] % {
            **dict.fromkeys(("entity", "known"), "?"),
            **refusal.facts,
        }
    else:
        said = str(dict(refusal.facts))
    where = f" ({refusal.place})" if refusal.place else ""
    return f"{refusal.reason}: {refusal.subject}{where}: {said}"
