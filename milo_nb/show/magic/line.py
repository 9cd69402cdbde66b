"""``%milo WORD NAME [PHASE...]``: commands for pipelines, the same ones that the view's buttons give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.errors import UsageError, available, suggest
from milo_nb.show.magic.asked import Asked, say
from milo_nb.show.magic.options import make_cell_parser, make_phase_parser
from milo_nb.show.magic.reading import expand, split
from milo_nb.show.magic.words import WORDS, make_parser, usage_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milo_nb.show.magic.cell import Cells

_USAGES = (
    ("%%milo NAME [options]", "a cell: its @phase functions are the pipeline NAME; more: %milo help cell"),
    ("%%milo NAME.PHASE [options]", "a cell: its body is a phase of NAME; it only defines; more: %milo help phase"),
)
_HELP = ("help", "--help", "-h")
_CELLS = {"cell": make_cell_parser, "phase": make_phase_parser}
_EXAMPLES = ("retry site render", "rerun site parse --dry-run", "run site -p limit=10", "logs site parse -n 50")


class Line:
    """Carries out ``%milo``."""

    def __init__(self, cells: Cells, variables: dict[str, Any]) -> None:
        """Serve the pipelines of `cells`, in a notebook with these variables."""
        self._cells = cells
        self._variables = variables

    def run(self, line: str, local: Mapping[str, Any] | None = None) -> None:
        """Carry out one line.

        Args:
            line: What stands behind ``%milo``.
            local: Variables of the function that the line stands in, if it does.

        Raises:
            MiloError: If it is wrong, or does not fit the state; one line for people.
        """
        words = expand(split(line), {**self._variables, **(local or {})})
        word = words[0] if words else "help"
        if word in _HELP:
            say(help_text(*words[1:2]))
            return
        if word not in WORDS:
            self._refuse(word)
        options, names = make_parser(word).read_names(words[1:])
        if options.help:
            say(help_text(word))
            return
        self._check_count(word, len(names))
        WORDS[word].act(Asked(word, tuple(names), options, self._cells, self._variables))

    def _refuse(self, word: str) -> None:
        words = ", ".join((*WORDS, "help"))
        if self._cells.find(word) is not None:
            raise UsageError(f"First what to do, then the name: %milo status {word}. Words: {words}.")
        raise UsageError(f"%milo knows no '{word}'.{suggest(word, (*WORDS, 'help'))} Words: {words}.")

    def _check_count(self, word: str, count: int) -> None:
        least, most = WORDS[word].takes
        if count < least and not count:
            there = available("pipelines", "", self._cells.names())
            raise UsageError(f"Which pipeline? Usage: {usage_of(word)}. {there}")
        if count < least:
            raise UsageError(f"Which phase? Usage: {usage_of(word)}.")
        if most is not None and count > most:
            raise UsageError(f"Too many words. Usage: {usage_of(word)}.")


def help_text(word: str = "") -> str:
    """Return the help on a word of ``%milo``, on the cells, or on all there is.

    Raises:
        UsageError: If there is no such word.
    """
    word = word.lstrip("%").removeprefix("milo")
    if word in _CELLS:
        return _CELLS[word]().format_help()
    if word in WORDS:
        return make_parser(word).format_help()
    if word:
        known = (*WORDS, *_CELLS)
        raise UsageError(f"%milo knows no '{word}'.{suggest(word, known)} Words: {', '.join(known)}.")
    rows = [*_USAGES, *((usage_of(w), row.says) for w, row in WORDS.items())]
    rows.append(("%milo help [WORD]", "this, or more on one of the words"))
    wide = max(len(usage) for usage, _ in rows)
    lines = [f"{usage:<{wide}}  {says}" for usage, says in rows]
    return "\n".join((*lines, "", "examples:", *(f"  %milo {example}" for example in _EXAMPLES)))
