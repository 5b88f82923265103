"""`nostro bench NAME`: how fast, beside what. 基准测试"""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from nostro.front.bench import Row, audit, day, ledger, messages
from nostro.front.output import Voice
from nostro.spine import schema
from nostro.spine.postgres import Cluster


def _own_database(measure: Callable[[], Iterator[Row]]) -> Iterator[Row]:
    """A server and database of the benchmark's own, gone afterwards."""
    from django.db import connection

    with TemporaryDirectory(prefix="nostro-bench-") as folder:
        cluster = Cluster(Path(folder))
        try:
            with cluster.running() as server:
                schema.prepare(server)
                yield from measure()
                connection.close()
        finally:
            cluster.erase()


@click.command()
@click.argument("name", type=click.Choice(["day", "ledger", "audit", "messages", "all"]))
@click.option(
    "--sizes", default="", metavar="N,N", help="For day: numbers of executions, such as 10000,100000,1000000."
)
@click.pass_obj
def bench(voice: Voice, name: str, sizes: str) -> None:
    """Measure NAME; each row beside a named peer or limit of the same run. Above 1 is better than the peer."""
    chosen = [int(size) for size in sizes.split(",") if size] or list(day.SIZES)
    rows: list[Row] = []
    if name in {"day", "all"}:
        rows += day.measure(chosen)
    if name in {"ledger", "all"}:
        rows += _own_database(ledger.measure)
    if name in {"audit", "all"}:
        rows += _own_database(audit.measure)
    if name in {"messages", "all"}:
        rows += messages.measure()
    voice.table(
        ["name", "n", "seconds", "per second", "ratio", "to", "peak MB"],
        [
            (r.name, f"{r.n:,}", f"{r.seconds:.2f}", r.document()["per_second"], f"{r.ratio:.2f}", r.ratio_to, r.peak_memory_mb)
            for r in rows
        ],
        right=["n", "seconds", "per second", "ratio", "peak MB"],
    )  # fmt: skip
    voice.document([row.document() for row in rows])
