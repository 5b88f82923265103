"""`nostro demo`: one business day of three firms, and what it proves. 演示"""

import json
from datetime import date
from pathlib import Path

import click

from nostro.departments.operations import story
from nostro.departments.operations.day import Run
from nostro.departments.operations.rules import plan
from nostro.departments.operations.seal import exported
from nostro.front import demo as play
from nostro.front import session
from nostro.front.commands.day import parsed
from nostro.front.commands.trade import tell
from nostro.front.output import Voice, progress
from nostro.kernel.refusals import Tally
from nostro.spine import entities
from nostro.spine.entities import Entity
from nostro.spine.postgres import Cluster, home

COUNTS = ("in", "done", "open", "cancelled", "refused")


@click.command()
@click.option(
    "--trades", type=click.IntRange(100, 1_000_000), default=10_000, show_default=True, help="Executions of the day."
)
@click.option("--seed", type=int, default=7, show_default=True, help="Same seed, same day, same seal.")
@click.option("--day", callback=parsed, default="2026-10-13", show_default=True, help="Business day.")
@click.option("--faults", default="all", show_default=True, help="all, none, or kinds: see docs/faults.md.")
@click.option("--fresh", is_flag=True, help="Forget the demo that stands here and begin anew.")
@click.pass_obj
def demo(voice: Voice, trades: int, seed: int, day: date, faults: str, fresh: bool) -> int:
    """Run one business day against the simulated street. Killed anywhere, the same command continues.

    Exit code 1 when anything the last page claims does not hold.
    """
    choice = play.Choice(trades, seed, day, faults)
    play.begin(choice, fresh=fresh)
    if fresh:
        with Cluster(home()).running() as server:
            play.drop(server)
    with session.opened() as server:
        result = _play(choice, voice)
        report = play.examine(choice, result, server)
        seal_file = _export(day)
        report.files.append(str(seal_file))
        if voice.json:
            voice.document(report.document())
        else:
            _page(voice, report)
    return 0 if report.holds else 1


def _play(choice: play.Choice, voice: Voice) -> Run:
    with progress() as bar:
        task = bar.add_task("", total=len(list(plan.order([1, 2, 3]))), rate="")
        done: set[tuple[int, str]] = set()

        def tell_step(entity: Entity, step: str, tally: Tally | None) -> None:
            words = plan.planned((entity.id, step))
            bar.update(task, description=f"{entity.code:6} {voice.pick(words.en, words.zh)}")
            if tally is not None:
                done.add((entity.id, step))
                bar.update(task, completed=len(done), rate=f"{tally.seen:,}")

        def say(phase: str) -> None:
            bar.update(task, description=voice.pick(f"the street: {phase}", f"模拟市场:{phase}"))

        return play.play(choice, tell_step, say)


def _export(day: date) -> Path:
    path = home() / f"seal-{day}.json"
    path.write_text(json.dumps(exported(day), indent=2), encoding="utf-8")
    return path


def _heading(voice: Voice, en: str, zh: str) -> None:
    voice.say(f"\n── {en} ".ljust(100, "─"), f"\n── {zh} ".ljust(100, "─"))


def _page(voice: Voice, report: play.Report) -> None:
    choice = report.choice
    voice.say(
        f"Nostro: business day {choice.day}, {choice.trades:,} executions, seed {choice.seed}",
        f"Nostro:营业日 {choice.day},{choice.trades:,} 笔成交,种子 {choice.seed}",
    )
    _heading(voice, "Stages (in = done + open + cancelled + refused)", "各阶段(输入 = 完成 + 待处理 + 取消 + 拒绝)")
    steps = {step.name: step for step in (*plan.HOUSE_PLAN, *plan.FIRM_PLAN)}
    voice.table(
        [voice.pick("stage", "阶段"), *COUNTS, "seconds"],
        [
            (voice.pick(steps[s["name"]].en, steps[s["name"]].zh), *(f"{s[n]:,}" for n in COUNTS), f"{s['seconds']:.2f}")
            for s in report.stages
        ],
        right=[*COUNTS, "seconds"],
    )  # fmt: skip
    for (number, step), error in report.run.failed.items():
        voice.say(f"FAILED {number} {step}: {error}", f"失败 {number} {step}:{error}")
    _rates(voice, report)
    _faults(voice, report)
    _life(voice, report)
    _heading(voice, "Proof", "证明")
    voice.say(
        f"Tamper test: one byte of {report.tampered} changed in a copy, its own digest recomputed: "
        + ("found, by name" if report.tamper_found else "NOT FOUND"),
        f"篡改测试:在副本中改动 {report.tampered} 的一个字节并重算其摘要:"
        + ("已准确指出" if report.tamper_found else "未发现"),
    )
    voice.say(f"Seal of the day: {report.seal}", f"当日封印:{report.seal}")
    voice.say(
        f"Time of the steps {report.day_seconds:.1f} s, peak memory {report.peak_memory_mb} MB",
        f"步骤用时 {report.day_seconds:.1f} 秒,内存峰值 {report.peak_memory_mb} MB",
    )
    voice.say("Files written:", "已写文件:")
    for path in report.files:
        voice.say(*[f"  {path}"] * 2)
    verdict = report.holds
    voice.say(
        "Everything on this page holds."
        if verdict
        else "SOMETHING ON THIS PAGE DOES NOT HOLD (see FAILED, missed, false alarms).",
        "本页所有结论成立。" if verdict else "本页有结论不成立(见失败、漏报与误报)。",
    )
    if report.example:
        entity, exec_id = report.example
        voice.say(
            f"Next: nostro exceptions list --entity {entity}    nostro trade show {exec_id} --entity {entity} --messages",
            f"下一步:nostro exceptions list --entity {entity}    nostro trade show {exec_id} --entity {entity} --messages",
        )


def _rates(voice: Voice, report: play.Report) -> None:
    _heading(voice, "Settlement and books", "交收与账目")
    count = report.settled
    if count.get("due"):
        rate = 100 * count["settled"] / count["due"]
        voice.say(
            f"Settlement rate: {rate:.2f} % by volume ({count['settled']:,} of {count['due']:,} due). "
            f"T2S in 2023: {play.PUBLISHED_RATE} % by volume (ECB, T2S Annual Report 2023)",
            f"交收率:按笔数 {rate:.2f} %(应交收 {count['due']:,} 笔,已交收 {count['settled']:,} 笔)。"
            f"T2S 2023 年:按笔数 {play.PUBLISHED_RATE} %(欧洲央行 T2S 2023 年报)",
        )
    entries = [f"{row['entity']} {row['currency']} {row['difference']}" for row in report.trial_balance]
    voice.say("Trial balance: " + "  ".join(entries), "试算平衡:" + "  ".join(entries))


def _faults(voice: Voice, report: play.Report) -> None:
    _heading(voice, "Faults planted by the street, and found", "模拟市场埋设的差错与发现")
    voice.table(
        ["kind", "entity", "subject", "where"],
        [(f"{'✓' if f in report.found else '✗'} {f.kind}", f.entity, f.subject, f.where) for f in report.planted],
    )
    found, planted, false = len(report.found), len(report.planted), len(report.false_alarms)
    kinds = len({fault.kind for fault in report.planted})
    voice.say(
        f"Planted faults found {found} of {planted} ({kinds} kinds), false alarms {false}",
        f"埋设差错发现 {found}/{planted}({kinds} 类),误报 {false}",
    )
    for alarm in report.false_alarms[:20]:
        voice.say(f"  false alarm: {alarm}", f"  误报:{alarm}")


def _life(voice: Voice, report: play.Report) -> None:
    if report.example is None:
        return
    entity, exec_id = report.example
    _heading(voice, f"The life of trade {exec_id} of {entity}", f"{entity} 交易 {exec_id} 的始末")
    one = entities.named(entity)
    tell(voice, one, story.of_execution(one, exec_id), messages=False)
