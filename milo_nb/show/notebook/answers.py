"""The words that views may ask: who answers each, and on which thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from milo_nb.show.notebook.bundle import answer_part
from milo_nb.show.notebook.plans import answer_preview
from milo_nb.show.notebook.substitutes import answer_values

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
    "values": Word(answer_values, "own"),
}
