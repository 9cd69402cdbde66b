"""The words that views may ask: who answers each, and on which thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from milo_nb.show.notebook.bundle import answer_part
from milo_nb.show.notebook.logs.paging import answer_lines, answer_page, answer_text, answer_when
from milo_nb.show.notebook.logs.searching import answer_search
from milo_nb.show.notebook.plans import answer_preview
from milo_nb.show.notebook.previews import answer_result
from milo_nb.show.notebook.reporting import answer_report
from milo_nb.show.notebook.sources import answer_source
from milo_nb.show.notebook.substitutes import answer_values
from milo_nb.show.notebook.watching import answer_now

if TYPE_CHECKING:
    from milo_nb.show.notebook.asked import Answerer

Lane = Literal["quick", "slow", "own"]


class Word(NamedTuple):
    """Who answers a word.

    Attributes:
        answerer: The function.
        lane: ``quick`` is shared with the commands and must take no time; ``slow`` may call a person's code; a word with
            its ``own`` thread may take as long as it likes.
    """

    answerer: Answerer
    lane: Lane


WORDS: dict[str, Word] = {
    "part": Word(answer_part, "quick"),
    "preview": Word(answer_preview, "own"),
    "report": Word(answer_report, "own"),
    "values": Word(answer_values, "own"),
    "result": Word(answer_result, "own"),
    "source": Word(answer_source, "slow"),
    "now": Word(answer_now, "own"),
    "search": Word(answer_search, "own"),
    "lines": Word(answer_lines, "own"),
    "page": Word(answer_page, "own"),
    "when": Word(answer_when, "own"),
    "text": Word(answer_text, "own"),
}
