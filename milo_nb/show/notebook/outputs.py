"""What the browser is given of a phase's displays: a list that names the form to show of each, and that form in pieces.

The rules: the richest form that can be shown without running anything; text is cut, and says so; what is not shown
has a note; a piece fits a message. Looks at values of `milo_nb.capture.outputs` and changes none.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from milo_nb.state.wire import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milo_nb.capture.outputs import KeptOutput, Output, OutputBook

PIECE_BYTES: Final = 190_000
MAX_TEXT_CHARS: Final = 200_000
MAX_PHASE_BYTES: Final = 100_000_000
"""Most that a browser is to hold of one phase; of more, the last displays are shown."""
PLAIN: Final = "text/plain"
JSON: Final = "application/json"
_IMAGE: Final = 10_000_000
_MARKUP: Final = 2_000_000
"""A browser's page stands still while it takes more than this apart."""
FORMS: Final = {
    "image/png": _IMAGE,
    "image/jpeg": _IMAGE,
    "image/webp": _IMAGE,
    "image/gif": _IMAGE,
    "image/svg+xml": _MARKUP,
    "text/html": _MARKUP,
    JSON: 0,
    "text/latex": 0,
    "text/markdown": 0,
    PLAIN: 0,
}
"""What the browser can show, the best first, and how large it may be; 0: it is cut."""
_NEVER: Final = "application/javascript"
_MOST_NAMED: Final = 5
_WIDEST: Final = 10_000
_LEFT_OUT: Final = re.compile(r"^\[.+ left out\]$", re.MULTILINE)  # as capture says it
_ACTIVE: Final = re.compile(r"<(script|iframe|object|embed|link)\b", re.IGNORECASE)


def to_list(book: OutputBook | None) -> dict[str, Any]:
    """Return what a phase has displayed, as the browser lists it."""
    if book is None:
        return {"revision": 0, "dropped": 0, "items": []}
    revision = book.revision  # before the entries: who comes between is seen as a change
    items, room = [], MAX_PHASE_BYTES
    for entry in reversed(book.entries):
        item = _to_item(entry)
        room -= item["size"]
        if room < 0:
            later = f"[{item['mime']} of {item['size'] / 1e6:.1f} MB is not shown: later displays are large]"
            item |= {"mime": "", "size": 0, "note": " ".join(filter(None, [later, item["note"]]))}
        items.append(item)
    return {"revision": revision, "dropped": book.dropped, "items": items[::-1]}


def to_piece(book: OutputBook | None, ref: str, version: int, start: int) -> bytes | None:
    """Return the next bytes of a display's form; None if this version of it is gone or has no more."""
    for entry in book.entries if book is not None else ():
        if _to_ref(entry) == ref and entry.revision == version:
            return _to_bytes(entry.output, choose(entry.output))[start : start + PIECE_BYTES] or None
    return None


def choose(output: Output) -> str:
    """Return the MIME type of the form to show, "" if there is none."""
    for mime, most in FORMS.items():
        value = output.data.get(mime)
        is_kind = isinstance(value, str) if most != _IMAGE else isinstance(value, bytes)
        if value and is_kind and not (most and len(value) > most):
            return mime
    return ""


def _to_ref(entry: KeptOutput) -> str:
    return entry.reference.rpartition(".")[2]


def _to_item(entry: KeptOutput) -> dict[str, Any]:
    output = entry.output
    mime = choose(output)
    sizes = output.metadata.get(mime)
    width = sizes.get("width") if isinstance(sizes, dict) else None
    plain = output.data.get(PLAIN, "")
    return {
        "ref": _to_ref(entry),
        "version": entry.revision,
        "mime": PLAIN if mime and not FORMS[mime] else mime,
        "size": len(_to_bytes(output, mime)),
        "width": width if type(width) is int and 0 < width < _WIDEST else 0,
        "alt": _line(str(plain[:400]), 150),
        "note": _line(" ".join(_notes(output, mime)), 400),
    }


def _line(text: str, most: int) -> str:
    """Return text on one line, without what takes many bytes to write down."""
    return clip(" ".join("".join(c if c.isprintable() else " " for c in text).split()), most)


def _notes(output: Output, mime: str) -> Iterator[str]:
    """Yield what a person is to know of the forms that are not shown."""
    plain = output.data.get(PLAIN)
    if mime != PLAIN and isinstance(plain, str):
        yield from _LEFT_OUT.findall(plain[-2_000:])
    for other, most in FORMS.items():
        value = output.data.get(other, "")
        if most and len(value) > most:
            yield f"[{other} of {len(value) / 1e6:.1f} MB is too large to be shown here]"
    others = [other for other in output.data if other not in FORMS and (mime in ("", PLAIN) or other == _NEVER)]
    if others:
        more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
        yield f"[not shown here: {', '.join(clip(other, 80) for other in others[:_MOST_NAMED])}{more}]"
    if mime == "text/markdown":
        yield "[markdown source]"
    if mime == "text/html" and _ACTIVE.search(str(output.data[mime])):
        yield "[scripts do not run here, and nothing is loaded from elsewhere]"


def _to_bytes(output: Output, mime: str) -> bytes:
    value = output.data[mime] if mime else b""
    if isinstance(value, bytes):
        return value
    if not FORMS[mime]:
        value = clip(_indent(value) if mime == JSON else value, MAX_TEXT_CHARS)
    return value.encode("utf-8", "replace")


@lru_cache(maxsize=32)
def _indent(text: str) -> str:
    """Return JSON over lines; as it is where it is none, or long."""
    if len(text) > MAX_TEXT_CHARS:
        return text
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
