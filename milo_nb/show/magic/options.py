"""Reading what stands behind ``%%milo`` and ``%milo``: one wrong word gives one line with a suggestion."""

from __future__ import annotations

import argparse
import builtins
import keyword
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from milo_nb.declare.graph import RESERVED
from milo_nb.declare.phase import ON_FAIL, is_amount
from milo_nb.errors import UsageError, suggest
from milo_nb.show.magic.reading import normal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DEFAULT_WORK_DIR = ".milo"
CELL_EXAMPLES = """\
examples:
  %%milo site                     define, start and show; `site` is the executor then
  %%milo site --parallel -p limit=10 -p sizes=[8, 16] -p title='All of it'
  %%milo site -p limit            the parameter `limit` is the notebook's variable `limit`
  %%milo site --define            only define; start it with: %milo run site
  %%milo site --wait              wait for the end, as programs that run notebooks do
  %%milo site --resume            go on in the latest unfinished session, also in a new kernel; if there is none, start

Values are read as Python writes them, and as text if they are nothing in Python. After a failure Shift+Enter goes on
where it stopped: what is done is kept, unless the parameters differ or --fresh stands there.
"""
PHASE_EXAMPLES = """\
examples:
  %%milo site.load                the body is the phase: what it binds is its result, `site["load"].result.df`
  %%milo site.parse --after load  the body sees what `load` bound, and the notebook's names
  %%milo site.render --after parse assets --retry 3 --timeout 60

Such a cell only defines; `%milo run site` starts. A cell that runs again replaces its phase, and
`del site` forgets the pipeline with all its cells. Options of the pipeline stand in a cell %%milo site.
"""
LATER = ("backend",)
"""Options that come with a later version."""
LATER_SAYS = "{0} comes with a later version."
OF_PIPELINES = "{0} belongs to the pipeline: %%milo NAME {0}."
TO_RESUME = "{0} belongs to the cell: %%milo NAME {0}. To go on in a session: %milo resume NAME."
OF_PHASES = "{0} belongs to a phase: @phase({1}=...) in the body, or %%milo NAME.PHASE {0}."


class Option:
    """An option that several words have."""

    def __init__(self, *flags: str, **how: Any) -> None:
        """Take what ``add_argument`` takes."""
        self.flags = flags
        self._how = how

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Have a parser know it."""
        parser.add_argument(*self.flags, **self._how)


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError where argparse would end the program.

    Attributes:
        elsewhere: Options that belong somewhere else, with the sentence that says where.
        help_on: What ``%milo help`` tells more about it with.
    """

    elsewhere: Mapping[str, str] = MappingProxyType({})
    help_on = ""

    def error(self, message: str) -> NoReturn:
        """Raise the message as one line, with the way to the help."""
        where = f"%milo help {self.help_on}".rstrip()
        raise UsageError(f"{message[:1].upper()}{message[1:]}. Help: {where}" if message else f"See: {where}")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Raise instead of ending the program."""
        raise UsageError(message or f"ended with {status}")

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Return the options that `words` give.

        Raises:
            UsageError: For an unknown option or a wrong value.
        """
        found, left = self.parse_known_args(list(words))
        if left:
            self._refuse(left[0])
        return found

    def read_names(self, words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
        """Return the options that `words` give, and the other words, wherever they stand.

        Raises:
            UsageError: For an unknown option or a wrong value.
        """
        found, left = self.parse_known_args(list(words))
        for word in left:
            if word.startswith("-"):
                self._refuse(word)
        return found, left

    def _refuse(self, word: str) -> NoReturn:
        if not word.startswith("-"):
            usage = " ".join(self.format_usage().removeprefix("usage: ").split())
            raise UsageError(f"'{word}' is one word too many. Usage: {usage}")
        name = word.partition("=")[0]
        if name.strip("-") in LATER:
            raise UsageError(LATER_SAYS.format(name))
        if name in self.elsewhere:
            raise UsageError(self.elsewhere[name].format(name, name.strip("-").replace("-", "_")))
        known = self.option_names
        raise UsageError(f"There is no option {name}.{suggest(name, known)} Options: {', '.join(known)}.")

    @property
    def all_options(self) -> list[str]:
        """All spellings of all options."""
        return [o for action in self._actions for o in action.option_strings]

    def wants_value(self, option: str) -> bool:
        """Tell whether a value stands behind an option."""
        return any(option in action.option_strings and action.nargs is None for action in self._actions)

    @property
    def option_names(self) -> list[str]:
        """The long names of all options."""
        return [o for action in self._actions for o in action.option_strings if o.startswith("--") or o == "-p"]


def positive(text: str) -> int:
    """Return a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"it must be a whole number from 1, got {text!r}")
    return int(text)


def whole(text: str) -> int:
    """Return a whole number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"it must be a whole number from 0, got {text!r}")
    return int(text)


def seconds(text: str) -> float:
    """Return a number of seconds, more than 0."""
    number = amount(text)
    if not number:
        raise argparse.ArgumentTypeError(f"it must be seconds, more than 0, got {text!r}")
    return number


def amount(text: str) -> float:
    """Return a number from 0."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not is_amount(number):
        raise argparse.ArgumentTypeError(f"it must be a number from 0, got {text!r}")
    return number


PARAM = Option(
    "-p", "--param", action="append", default=[], dest="params", metavar="NAME[=VALUE]",
    help="a parameter for the phases; without a value the notebook's variable of that name",
)  # fmt: skip
MAX_WORKERS = Option("--max-workers", type=positive, metavar="N", help="most phases that run at once")
WORK_DIR = Option("--work-dir", metavar="DIR", help=f"where sessions are kept ({DEFAULT_WORK_DIR})")
FAIL_FAST = Option("--fail-fast", action=argparse.BooleanOptionalAction, help="a failure also cancels what runs")
FRESH = Option("--fresh", action="store_true", help="start anew, even if the last session was not finished")
CACHE = Option(
    "--cache", action=argparse.BooleanOptionalAction, default=None,
    help="read and write the cache, for the phases that are cached",
)  # fmt: skip
REFRESH = Option("--refresh", action=argparse.BooleanOptionalAction, help="write the cache and do not read it")
PAUSE = Option("--pause", action=argparse.BooleanOptionalAction, help="stop at reviews, if a person is there")
STALE = Option(
    "--stale", choices=("ask", "rerun", "reuse"), metavar="WAY",
    help="saved phases whose code or parameters changed since: rerun them, reuse their results, or ask a person",
)  # fmt: skip
SESSION = Option("--session", metavar="ID", help="the session, or the beginning of its id; %%milo runs lists them")
RESUME = Option(
    "--resume", nargs="?", const=True, default=None, metavar="SESSION",
    help="go on in this session, or in the latest unfinished one",
)  # fmt: skip
WAIT = Option(
    "--wait", action=argparse.BooleanOptionalAction, default=None,
    help="wait for the end and print a summary; the default where nobody sees the view",
)  # fmt: skip
HELP = Option("--help", "-h", action="store_true", help="show this")


def add_options(parser: Parser, options: Iterable[Option]) -> list[str]:
    """Have a parser know options, and return all that it knows."""
    for option in options:
        option.add_to(parser)
    return parser.all_options


def make_cell_parser() -> Parser:
    """Return the parser of the line behind ``%%milo NAME``."""
    parser = _make_parser(
        "NAME", "Run the phases that the cell defines, in the background, behind a live view.", CELL_EXAMPLES
    )
    parser.elsewhere = dict.fromkeys(_phase_options(_make_parser()), OF_PHASES)
    parser.help_on = "cell"
    _cell_options(parser)
    return parser


def make_phase_parser() -> Parser:
    """Return the parser of the line behind ``%%milo NAME.PHASE``."""
    parser = _make_parser(
        "NAME.PHASE",
        "Define the phase PHASE of the pipeline NAME; the cell's body is what it does.",
        PHASE_EXAMPLES,
    )
    parser.elsewhere = dict.fromkeys(_cell_options(_make_parser()), OF_PIPELINES)
    parser.help_on = "phase"
    _phase_options(parser)
    return parser


def options_of_cells() -> dict[str, str]:
    """Return the options of both kinds of cells, with the sentence that says where each belongs."""
    of_phases = dict.fromkeys(_phase_options(_make_parser()), OF_PHASES)
    of_pipelines = dict.fromkeys(_cell_options(_make_parser()), OF_PIPELINES)
    return of_phases | of_pipelines | dict.fromkeys(RESUME.flags, TO_RESUME)


def _make_parser(name: str = "", description: str = "", epilog: str = "") -> Parser:
    return Parser(
        usage=f"%%%%milo {name} [options]",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )


def _cell_options(parser: Parser) -> list[str]:
    """Add what a whole pipeline can be told, and return the options."""
    add = parser.add_argument
    add("name", metavar="NAME", nargs="?", help="name of the pipeline, and of the variable that holds its executor")
    add("--parallel", action="store_true", help="phases that do not say otherwise may run beside each other")
    add("--define", action="store_true", help="only define the pipeline, start nothing")
    own = (MAX_WORKERS, WORK_DIR, PARAM, WAIT, FRESH, RESUME, STALE, FAIL_FAST, CACHE, REFRESH, PAUSE, HELP)
    return add_options(parser, own)


def _phase_options(parser: Parser) -> list[str]:
    """Add what a single phase can be told, and return the options."""
    add = parser.add_argument
    add("name", metavar="NAME.PHASE", help="name of the pipeline, and of the phase")
    add("--after", nargs="+", action="extend", default=[], metavar="PHASE",
        help="phases that come before; what they bound is there in the body")  # fmt: skip
    add("--retry", type=positive, metavar="N", help="tries after the first one, if it fails")
    add("--timeout", type=seconds, metavar="S", help="seconds until it is stopped and counts as failed")
    add("--on-fail", choices=ON_FAIL, help="what happens when it fails (stop)")
    add("--parallel", action="store_true", help="it may run beside others")
    add("--weight", type=amount, default=1, metavar="W", help="its share of the progress (1)")
    add("--description", metavar="TEXT", help="for people; the body's docstring, if not given")
    return add_options(parser, (HELP,))


def split_name(name: str) -> tuple[str, str]:
    """Return the two names in ``NAME.PHASE``.

    Raises:
        UsageError: If they are none.
    """
    pipeline, _, phase = normal(name).partition(".")
    check_name(pipeline)
    if not phase:
        raise UsageError(f"'{name}' names no phase. Write %%milo {pipeline}.PHASE, or %%milo {pipeline}.")
    if phase in RESERVED:
        raise UsageError(f"No phase can be named '{phase}': in a phase that name has a meaning of its own.")
    if not phase.isidentifier() or keyword.iskeyword(phase):
        raise UsageError(f"'{phase}' cannot be the name of a phase: letters, digits and _ make one.{_likely(phase)}")
    return pipeline, phase


def check_name(name: str) -> str:
    """Return a name that a variable can have.

    Raises:
        UsageError: If it is none.
    """
    name = normal(name)
    if "." in name and all(part.isidentifier() for part in name.split(".")):
        raise UsageError(f"The name of a phase comes first: %%milo {name}, then its options.")
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"'{name}' cannot be the name of a variable: letters, digits and _ make one.{_likely(name)}")
    if hasattr(builtins, name):
        raise UsageError(f"'{name}' is one of Python's own names, which the executor would hide. Choose another.")
    if name == "phase":
        raise UsageError("'phase' is what makes the functions of a cell phases. Choose another name.")
    return name


def _likely(name: str) -> str:
    """Return the name that was meant, as a question; empty if there is none."""
    likely = "".join(c if c.isalnum() else "_" for c in name).strip("_")
    return f" Did you mean '{likely}'?" if likely.isidentifier() and not keyword.iskeyword(likely) else ""
