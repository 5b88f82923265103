"""The command line `nostro`. 命令行

Exit codes: 0 all done; 1 broken; 2 wrong usage; 3 done, but something was refused or waits for people; 4 a door is shut.
"""

import logging
import os
import sys
from typing import Any

import click

from nostro import __version__
from nostro.front.commands import audit, bench, day, demo, doctor, exceptions, imports, ledger, people, recon, trade
from nostro.front.output import Voice, note
from nostro.kernel.refusals import Refused
from nostro.spine.postgres import PostgresError

BROKEN, SHUT = 1, 4


@click.group()
@click.version_option(__version__)
@click.option(
    "--lang", "language", type=click.Choice(["en", "zh"]), default="en", envvar="NOSTRO_LANG", help="Language / 语言"
)
@click.option("--json", "as_json", is_flag=True, help="Data as JSON on stdout.")
@click.option("--debug", is_flag=True, help="Show stack traces and what is logged.")
@click.pass_context
def nostro(context: click.Context, language: str, as_json: bool, debug: bool) -> None:
    """Nostro, a back office. 证券后台系统

    Data goes to stdout, progress and errors to stderr. --json and --lang may stand before or after the command's name.
    """
    context.obj = Voice(language, as_json, debug)
    logging.basicConfig(level=logging.INFO if debug else logging.CRITICAL, format="%(levelname)s %(name)s: %(message)s")


for command in (
    demo.demo,
    bench.bench,
    doctor.doctor,
    day.day,
    day.status,
    imports.import_files,
    trade.trade,
    trade.explain,
    exceptions.exceptions,
    ledger.ledger,
    people.people,
    recon.recon,
    audit.audit,
):
    nostro.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; an error names its cause and remedy, without a stack trace unless --debug was given."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    given = _options_first(given)
    debug = "--debug" in given
    language = given[given.index("--lang") + 1] if "--lang" in given[:-1] else os.environ.get("NOSTRO_LANG", "en")
    try:
        outcome: Any = nostro.main(given, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.Abort:
        note("stopped")
        sys.exit(BROKEN)
    except Refused as refused:
        if debug:
            raise
        from nostro.front.words import told

        for refusal in refused.refusals:
            note(told(refusal, language))
        sys.exit(SHUT)
    except PostgresError as error:
        if debug:
            raise
        note(f"{error}\n{error.remedy}")
        sys.exit(SHUT)
    except Exception as error:  # the last door: a person gets a sentence, --debug the trace
        if debug:
            raise
        note(f"{type(error).__name__}: {error}")
        note("Run the same command with --debug for the trace; `nostro doctor` checks the installation.")
        sys.exit(BROKEN)
    sys.exit(outcome if isinstance(outcome, int) else 0)


def _options_first(given: list[str]) -> list[str]:
    """Let the common options stand anywhere: `nostro demo --json` is `nostro --json demo`."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(given)
    for word in words:
        if word in {"--json", "--debug"}:
            front.append(word)
        elif word == "--lang":
            front += [word, next(words, "")]
        elif word.startswith("--lang="):
            front += ["--lang", word.removeprefix("--lang=")]
        else:
            rest.append(word)
    return front + rest


if __name__ == "__main__":
    main()
