"""The words of ``%milo``: a row each, which says what it takes and which function carries it out."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from milo_nb.show.magic.approving import approve
from milo_nb.show.magic.cleaning import clean
from milo_nb.show.magic.elsewhere import attach_word
from milo_nb.show.magic.listing import results, runs
from milo_nb.show.magic.obeying import COMMANDS, obey
from milo_nb.show.magic.options import (
    CACHE,
    FAIL_FAST,
    FRESH,
    HELP,
    MAX_WORKERS,
    PARAM,
    PAUSE,
    REFRESH,
    SESSION,
    STALE,
    WAIT,
    WORK_DIR,
    Option,
    Parser,
    add_options,
    options_of_cells,
    positive,
    whole,
)
from milo_nb.show.magic.pulling import pull
from milo_nb.show.magic.reporting import report
from milo_nb.show.magic.resuming import resume
from milo_nb.show.magic.running import plan, run
from milo_nb.show.magic.telling import logs, status

if TYPE_CHECKING:
    from collections.abc import Callable

    from milo_nb.show.magic.asked import Asked


@dataclass(frozen=True, slots=True)
class Word:
    """A word of ``%milo``.

    Attributes:
        usage: What stands behind it.
        says: What it does, as half a sentence.
        more: What there is to say beside, as sentences.
        act: Carries it out.
        takes: The least and the most names behind it; None for any number.
        options: What it can be told.
        follows: What the names are, for completion: ``pipeline``, ``saved`` (one on disk counts, too), ``phase``,
            ``session``, ``past`` (a saved one or a session) or ``command``; the last one repeats.
        examples: Lines as people write them, without ``%milo``.
    """

    usage: str
    says: str
    act: Callable[[Asked], None]
    takes: tuple[int, int | None] = (1, 1)
    options: tuple[Option, ...] = ()
    follows: tuple[str, ...] = ("pipeline", "phase")
    examples: tuple[str, ...] = ()
    more: str = ""


DRY_RUN = Option("--dry-run", action="store_true", help="show the plan: what would run, what is kept, and why")
ALONE = Option("--alone", action="store_true", help="what depends on the phases keeps its results")
LINES = Option("--lines", "-n", type=positive, default=20, metavar="N", help="how many lines (20)")
VALUE = Option(
    "--value", metavar="VALUE", help="what those that depend on it get; read as Python writes it, else as text"
)
ONLY = Option("--only", metavar="PHASE[,PHASE...]", help="just these phases, and what they need")
INTO = Option("--into", metavar="NAME", help="the variable that gets the results as a mapping (NAME_results)")
OLDER = Option(
    "--older", metavar="AGE", help="what is older than 12h or 30d; of the cache, what was not used for that long"
)
KEEP = Option("--keep", type=whole, metavar="N", help="how many sessions of a pipeline stay (20)")
CACHED = Option("--cache", action="store_true", help="cached results in place of sessions")
COUNT = Option("--lines", "-n", type=positive, default=20, metavar="N", help="how many sessions (20)")
TO = Option("--to", metavar="PATH", help="the file, or a directory for it (NAME-report.html beside the notebook)")
REPLACE = Option("--replace", action="store_true", help="also if the phase has a result, which this replaces")


def _command(word: str, usage: str, says: str, *options: Option, examples: tuple[str, ...] = ()) -> Word:
    least, most = COMMANDS[word]
    takes = (1 + least, None if most is None else 1 + most)
    return Word(usage, says, obey, takes, (DRY_RUN, *options, *ON_DISK), examples=examples)


ON_DISK = (SESSION, WORK_DIR)


WORDS: dict[str, Word] = {
    "run": Word(
        "NAME",
        "start it, or start it anew",
        run,
        options=(PARAM, MAX_WORKERS, WORK_DIR, FAIL_FAST, FRESH, WAIT, CACHE, REFRESH, PAUSE, DRY_RUN),
        examples=("run site", "run site -p limit=10 -p sizes=[8, 16] -p title='All of it'", "run site -p limit"),
        more=(
            "Parameters and options that are not given stay as they were.\n"
            "Values are read as Python writes them, and as text if they are nothing in Python."
        ),
    ),
    "status": Word(
        "[NAME...]",
        "how things stand: what runs, what is not saved, what waits for approval",
        status,
        (0, None),
        ON_DISK,
        follows=("saved",),
        examples=("status", "status site --session 1a2b3c4d"),
    ),
    "plan": Word(
        "NAME [COMMAND [PHASE...]]",
        "what a command would do: what runs, what is kept, and why",
        plan,
        (1, None),
        follows=("pipeline", "command", "phase"),
        examples=("plan site", "plan site retry render"),
    ),
    "retry": _command(
        "retry",
        "NAME [PHASE...]",
        "run failed phases again, all of them if none is named",
        WAIT,
        ALONE,
        examples=("retry site", "retry site render --dry-run"),
    ),
    "rerun": _command(
        "rerun",
        "NAME PHASE...",
        "run phases again that have ended, and what was built on them",
        WAIT,
        ALONE,
        examples=("rerun site parse --dry-run", "rerun site parse --alone"),
    ),
    "skip": _command(
        "skip",
        "NAME PHASE",
        "go on without a phase; those that depend on it get None, or --value",
        VALUE,
        REPLACE,
        WAIT,
        examples=("skip site render", "skip site parse --value=[]"),
    ),
    "cancel": _command("cancel", "NAME [PHASE...]", "stop the session, or just some phases"),
    "pause": _command("pause", "NAME", "start nothing new; what runs goes on to its end"),
    "resume": Word(
        "[NAME] [SESSION]",
        "go on after a pause, a failure or a cancel, and after the kernel ended",
        resume,
        (0, 2),
        (ONLY, STALE, PARAM, MAX_WORKERS, CACHE, REFRESH, PAUSE, WAIT, DRY_RUN, *ON_DISK),
        follows=("pipeline", "session"),
        examples=("resume site", "resume site 1a2b3c4d --only parse,render", "resume site --stale reuse"),
        more=(
            "In a new kernel first define the pipeline: run its cells, with --define in the line of %%milo NAME. Saved\n"
            "phases never run again; one that ran when the kernel ended runs from its start. Parameters that are not\n"
            "given stay as they were. If code has changed since and a person is there, --stale decides what that means."
        ),
    ),
    "approve": Word(
        "NAME [PHASE]",
        "go on after a review",
        approve,
        (1, 2),
        (DRY_RUN, WAIT, *ON_DISK),
        examples=("approve site", "approve site parse"),
    ),
    "attach": Word(
        "[NAME | SESSION]",
        "show a session that runs in another kernel, or ran once; runs nothing",
        attach_word,
        (0, 1),
        (WORK_DIR,),
        follows=("past",),
        examples=("attach", "attach site", "attach 1a2b3c4d", "attach --work-dir results"),
        more=(
            "The name of a pipeline stands for its newest session. Without one it is the newest session of the only\n"
            "pipeline; if there are several, it says which."
        ),
    ),
    "runs": Word(
        "[NAME]",
        "the sessions on disk, newest first",
        runs,
        (0, 1),
        (COUNT, WORK_DIR),
        follows=("saved",),
        examples=("runs", "runs site -n 50"),
    ),
    "results": Word(
        "NAME",
        "what each phase came to: type, size, whether it is saved; loads nothing",
        results,
        (1, 1),
        ON_DISK,
        follows=("saved",),
        examples=("results site", "results site --session 1a2b3c4d"),
    ),
    "pull": Word(
        "NAME [PHASE...]",
        "bring saved results into the notebook, also without the code that made them",
        pull,
        (1, None),
        (INTO, *ON_DISK),
        follows=("saved", "phase"),
        examples=("pull site", "pull site parse render", "pull site --session 1a2b3c4d --into before"),
        more=(
            "With phases each result becomes a variable of the phase's name; without, one mapping has all of them, and\n"
            "loads each when it is asked for. Only what you signed yourself is loaded; what is refused is said."
        ),
    ),
    "clean": Word(
        "[NAME [PHASE...]]",
        "remove old sessions, or with --cache cached results",
        clean,
        (0, None),
        (OLDER, KEEP, CACHED, DRY_RUN, WORK_DIR),
        follows=("saved", "phase"),
        examples=("clean --dry-run", "clean site --older 30d", "clean site --cache", "clean site parse"),
        more=(
            "What runs, and the latest session that could be resumed, stay. With phases only their cached results go."
        ),
    ),
    "logs": Word(
        "NAME PHASE",
        "the last lines that a phase printed and logged",
        logs,
        (2, 2),
        (LINES, *ON_DISK),
        examples=("logs site parse -n 50",),
    ),
    "report": Word(
        "NAME",
        "write one HTML file that tells a session: graph, timeline, errors, last lines, results",
        report,
        (1, 1),
        (TO, *ON_DISK),
        follows=("saved",),
        examples=("report site", "report site --to reports/monday.html", "report site --session 1a2b3c4d"),
        more=(
            "The file needs no network, no script and no kernel. What was in it before is replaced. Values of parameters\n"
            "whose names are those of secrets (token, password) are not written; what phases print and return is."
        ),
    ),
}


def make_parser(word: str) -> Parser:
    """Return the parser of what stands behind a word."""
    row = WORDS[word]
    examples = "\n".join(("examples:", *(f"  %milo {e}" for e in row.examples))) if row.examples else ""
    parser = Parser(
        usage=f"%%milo {word} {row.usage}{' [options]' if row.options else ''}",
        description=f"{row.says[0].upper()}{row.says[1:]}.\n{row.more}".rstrip(),
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    add_options(parser, (*row.options, HELP))
    parser.elsewhere = options_of_cells()
    parser.help_on = word
    return parser


def usage_of(word: str) -> str:
    """Return how a word is written."""
    return f"%milo {word} {WORDS[word].usage}"
