"""Reading the line of a magic: its words, and the parameters among them, with values as Python writes them."""

from __future__ import annotations

import keyword
import unicodedata
from typing import TYPE_CHECKING, Any

from milo_nb.errors import UsageError, suggest
from milo_nb.show.literal import read_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

IPYTHONS_OWN = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})
"""Names in every notebook that are no variables of the person's."""
_QUOTES = "'\""
_BRACKETS = {"[": "]", "(": ")", "{": "}"}


def split(line: str) -> list[str]:
    """Return the words of a line; quotation marks and brackets hold a word together, ``#`` begins a comment.

    Raises:
        UsageError: If a quotation mark or a bracket is left open.
    """
    line = line.rstrip().removesuffix(";")  # with which people keep a cell quiet
    words: list[str] = []
    at = 0
    while True:
        while line[at : at + 1].isspace():
            at += 1
        if at == len(line) or line[at] == "#":
            return words
        end = _end_of_word(line, at)
        words.append(_unquoted(line[at:end]))
        at = end


def _end_of_word(line: str, start: int) -> int:
    at, closes = start, ""
    while at < len(line) and (closes or not line[at].isspace()):
        begins = bool(closes) or at == start or line[at - 1] == "="  # elsewhere they are letters: don't, f(x)
        if line[at] in _QUOTES and begins:
            at = _end_of_quotation(line, at)
            continue
        if line[at] in _BRACKETS and begins:
            closes = _BRACKETS[line[at]] + closes
        elif closes and line[at] == closes[0]:
            closes = closes[1:]
        at += 1
    if closes:
        raise UsageError(f"Cannot read {line!r}: no closing {closes[0]}")
    return at


def _end_of_quotation(line: str, start: int) -> int:
    at = start + 1
    while at < len(line):
        if line[at] == line[start]:
            return at + 1
        at += 1 + (line[at] == "\\")
    raise UsageError(f"Cannot read {line!r}: no closing quotation")


def _unquoted(word: str) -> str:
    """Return a word without the quotation marks around it, or around the value of its ``--option=``."""
    option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    if len(value) > 1 and value[0] in _QUOTES and _end_of_quotation(value, 0) == len(value):
        value = value[1:-1].replace(f"\\{value[0]}", value[0])
    return f"{option}{equals}{value}"


def expand(words: Sequence[str], variables: Mapping[str, Any]) -> list[str]:
    """Return the words with ``{name}`` and ``$name`` replaced, as IPython does it, but for those that are Python's own."""
    from IPython.utils.text import DollarFormatter  # noqa: PLC0415 - not before there is something to replace

    found = []
    for word in words:
        shown = word
        if ("{" in word or "$" in word) and isinstance(read_value(word.partition("=")[2]), str):
            try:
                shown = DollarFormatter().vformat(word, (), dict(variables))
            except Exception:  # noqa: BLE001 - whatever the expression in it raises: then it is text
                shown = word
        found.append(shown)
    return found


def read_params(given: Sequence[str], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that ``-p`` gives: ``name=value`` as Python reads it, else as text; ``name`` the variable.

    Raises:
        UsageError: For a wrong name, one that is given twice, or a variable that is not there.
    """
    params: dict[str, Any] = {}
    for text in given:
        written, has_value, value = text.partition("=")
        name = normal(written.strip())
        if not name.isidentifier() or keyword.iskeyword(name):
            raise UsageError(f"-p {text}: '{name}' cannot be a parameter's name. Write -p name=value, or -p name.")
        if name in params:
            raise UsageError(f"-p {name} is given twice. Leave one of them out.")
        if has_value:
            params[name] = read_value(value)
        elif name in variables:
            params[name] = variables[name]
        else:
            known = suggest(name, own_variables(variables))
            raise UsageError(f"-p {name}: the notebook has no variable '{name}'.{known} Give a value: -p {name}=...")
    return params


def own_variables(variables: Mapping[str, Any]) -> list[str]:
    """Return the names of the person's own variables."""
    return [name for name in variables if not name.startswith("_") and name not in IPYTHONS_OWN]


def normal(name: str) -> str:
    """Return a name as Python itself spells it, so that the notebook's code finds it."""
    return unicodedata.normalize("NFKC", name)
