"""The words of ``%milo``: a row each, which says what it takes and which function carries it out."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from milo_nb.show.magic.obeying import COMMANDS, obey
from milo_nb.show.magic.options import (
    FAIL_FAST,
    FRESH,
    HELP,
    MAX_WORKERS,
    PARAM,
    WAIT,
    WORK_DIR,
    Option,
    Parser,
    add_options,
    options_of_cells,
    positive,
)
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
        follows: What the names are, for completion: ``pipeline``, ``phase`` or ``command``; the last one repeats.
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
REPLACE = Option("--replace", action="store_true", help="also if the phase has a result, which this replaces")


def _command(word: str, usage: str, says: str, *options: Option, examples: tuple[str, ...] = ()) -> Word:
    least, most = COMMANDS[word]
    takes = (1 + least, None if most is None else 1 + most)
    return Word(usage, says, obey, takes, (DRY_RUN, *options), examples=examples)


WORDS: dict[str, Word] = {
    "run": Word(
        "NAME",
        "start it, or start it anew",
        run,
        options=(PARAM, MAX_WORKERS, WORK_DIR, FAIL_FAST, FRESH, WAIT, DRY_RUN),
        examples=("run site", "run site -p limit=10 -p sizes=[8, 16] -p title='All of it'", "run site -p limit"),
        more=(
            "Parameters and options that are not given stay as they were.\n"
            "Values are read as Python writes them, and as text if they are nothing in Python."
        ),
    ),
    "status": Word("[NAME...]", "how things stand", status, (0, None), follows=("pipeline",)),
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
    "resume": _command("resume", "NAME", "go on after a pause, a failure or a cancel", WAIT),
    "logs": Word(
        "NAME PHASE",
        "the last lines that a phase printed and logged",
        logs,
        (2, 2),
        (LINES,),
        examples=("logs site parse -n 50",),
    ),
}
PROMISED = ("attach", "runs", "results", "pull", "clean", "approve", "report")
LATER = tuple(word for word in PROMISED if word not in WORDS)
"""Words that come with a later version."""


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
