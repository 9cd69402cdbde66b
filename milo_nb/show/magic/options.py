"""Reading what stands behind ``%%milo`` and ``%milo``: one wrong word gives one line with a suggestion."""

from __future__ import annotations

import argparse
import ast
import keyword
import shlex
from typing import TYPE_CHECKING, Any, NoReturn

from milo_nb.errors import UsageError, suggest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CELL_EXAMPLES = """\
examples:
  %%milo site                     define, start and show; `site` is the executor then
  %%milo site --parallel -p limit=10
  %%milo site --define            only define; start it with: %milo run site
  %%milo site --wait              wait for the end, as programs that run notebooks do
"""
LATER = {
    "resume": "0.3",
    "no-cache": "0.3",
    "refresh": "0.3",
    "stale": "0.3",
    "backend": "0.4",
    "after": "0.2",
    "retry": "0.2",
    "timeout": "0.2",
}
"""Options that come with a later version."""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError where argparse would end the program."""

    def error(self, message: str) -> NoReturn:
        """Raise the message as one line, with the way to the help."""
        raise UsageError(f"{message[:1].upper()}{message[1:]}. Help: %milo help" if message else "See: %milo help")

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

    def _refuse(self, word: str) -> NoReturn:
        if not word.startswith("-"):
            raise UsageError(
                f"'{word}' is one word too many. Usage: {self.format_usage().removeprefix('usage: ').strip()}"
            )
        name = word.partition("=")[0]
        if name.strip("-") in LATER:
            raise UsageError(f"{name} comes with milo_nb {LATER[name.strip('-')]}.")
        known = self.option_names
        raise UsageError(f"There is no option {name}.{suggest(name, known)} Options: {', '.join(known)}.")

    @property
    def option_names(self) -> list[str]:
        """The long names of all options."""
        return [o for action in self._actions for o in action.option_strings if o.startswith("--") or o == "-p"]


def split(line: str) -> list[str]:
    """Return the words of a line, as a shell would.

    Raises:
        UsageError: If a quotation mark is left open.
    """
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"Cannot read {line!r}: {str(error).lower()}.") from None


def positive(text: str) -> int:
    """Return a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"it must be a whole number from 1, got {text!r}")
    return int(text)


def make_cell_parser() -> Parser:
    """Return the parser of the line behind ``%%milo``."""
    parser = Parser(
        prog="%%milo",
        description="Run the phases that the cell defines, in the background, behind a live view.",
        epilog=CELL_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("name", metavar="NAME", nargs="?", help="name of the pipeline, and of the variable that holds its executor")
    add("--parallel", action="store_true", help="phases that do not say otherwise may run beside each other")
    add("--max-workers", type=positive, metavar="N", help="most phases that run at once")
    add("--work-dir", metavar="DIR", default=".milo", help="where the phases' own files go (.milo)")
    add("-p", "--param", action="append", default=[], dest="params", metavar="NAME[=VALUE]",
        help="a parameter for the phases; without a value the notebook's variable of that name")  # fmt: skip
    add("--define", action="store_true", help="only define the pipeline, start nothing")
    add("--wait", action=argparse.BooleanOptionalAction, default=None,
        help="wait for the end and print a summary; the default where nobody sees the view")  # fmt: skip
    add("--fresh", action="store_true", help="start anew, even if the last session was not finished")
    add("--fail-fast", action="store_true", help="a failure also cancels what runs")
    add("--help", "-h", action="store_true", help="show this")
    return parser


def check_name(name: str) -> str:
    """Return a name that a variable can have.

    Raises:
        UsageError: If it is none.
    """
    if "." in name and all(part.isidentifier() for part in name.split(".")):
        raise UsageError(
            f"Cells for a single phase, as %%milo {name}, come with milo_nb 0.2. Use @phase in a %%milo cell."
        )
    if not name.isidentifier() or keyword.iskeyword(name):
        likely = "".join(c if c.isalnum() else "_" for c in name).strip("_")
        hint = f" Did you mean '{likely}'?" if likely.isidentifier() and not keyword.iskeyword(likely) else ""
        raise UsageError(f"'{name}' cannot be the name of a variable: letters, digits and _ make one.{hint}")
    return name


def read_params(given: Sequence[str], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that ``-p`` gives: ``name=value`` as Python reads it, else as text; ``name`` the variable.

    Raises:
        UsageError: For a wrong name, or a variable that is not there.
    """
    params: dict[str, Any] = {}
    for text in given:
        name, has_value, value = text.partition("=")
        name = name.strip()
        if not name.isidentifier() or keyword.iskeyword(name):
            raise UsageError(f"-p {text}: '{name}' cannot be a parameter's name. Write -p name=value, or -p name.")
        if has_value:
            params[name] = _value(value)
        elif name in variables:
            params[name] = variables[name]
        else:
            known = suggest(name, [v for v in variables if not v.startswith("_")])
            raise UsageError(f"-p {name}: the notebook has no variable '{name}'.{known} Give a value: -p {name}=...")
    return params


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
