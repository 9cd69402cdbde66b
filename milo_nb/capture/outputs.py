"""What phases display, as values: pure, no clock, thread or disk but one lock.

The rules: an output holds copies, never live objects; what is too large, or needs a live kernel, is replaced by a
line of text that says so; an update takes the place of what it updates; the last outputs of a phase are kept.
"""

from __future__ import annotations

import binascii
import json
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MAX_FORM_BYTES: Final = 10_000_000
"""Most bytes of one form (one MIME type) of a display."""
MAX_DISPLAY_BYTES: Final = 50_000_000
"""Most bytes of a display in all its forms."""
MAX_OUTPUTS: Final = 100
"""Most outputs that are kept of a phase."""
PLAIN: Final = "text/plain"
WIDGET: Final = "application/vnd.jupyter.widget-view+json"


class Output(NamedTuple):
    """One display of a phase, or one call to clear them."""

    data: dict[str, str | bytes]
    """By MIME type: images and PDF as bytes, JSON as its text, all else as text."""
    metadata: dict[str, Any] = {}  # noqa: RUF012 - never changed
    display_id: str | None = None
    update: bool = False
    """Whether it takes the place of earlier ones of its ``display_id``."""
    clear: bool = False
    """Whether it shows nothing, but clears what the attempt has shown."""
    wait: bool = False
    """Whether clearing waits for the next display."""


def make_output(
    data: Mapping[str, Any],
    metadata: Mapping[str, Any] | None = None,
    display_id: str | None = None,
    *,
    update: bool = False,
) -> Output:
    """Return what is kept of a MIME bundle."""
    kept = {str(mime): _to_value(str(mime), value) for mime, value in data.items()}
    notes = [*_replace_widget(kept), *_leave_out(kept)]
    if notes:
        kept[PLAIN] = "\n".join([*_plain(kept), *notes])
    return Output(kept, dict(metadata or {}), display_id, update)


def _to_value(mime: str, value: Any) -> str | bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, str):
        return _decode(value) if _is_binary(mime) else value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return str(value)


def _is_binary(mime: str) -> bool:
    return (mime.startswith("image/") and not mime.endswith("+xml")) or mime == "application/pdf"


def _decode(text: str) -> str | bytes:
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError:
        return text


def _plain(kept: dict[str, str | bytes]) -> list[str]:
    text = kept.get(PLAIN, "")
    return [text] if text and isinstance(text, str) else []


def _replace_widget(kept: dict[str, str | bytes]) -> list[str]:
    if WIDGET not in kept:
        return []
    del kept[WIDGET]
    name = "".join(_plain(kept)).partition("(")[0].strip()
    kept.pop(PLAIN, None)
    what = name if name.isidentifier() else "A widget"
    note = (
        f"[{what} is not shown here: a widget lives in the output of a cell, and a phase has none. "
        "Return it from the phase and show it in a cell of its own from the phase's result.]"
    )
    return [note]


def _leave_out(kept: dict[str, str | bytes]) -> list[str]:
    """Drop what is too large, the largest first, and return a line about each."""
    sizes = {mime: _size(value) for mime, value in kept.items()}
    notes: list[str] = []
    for mime, size in sorted(sizes.items(), key=lambda item: -item[1]):
        if size > MAX_FORM_BYTES or sum(sizes[other] for other in kept) > MAX_DISPLAY_BYTES:
            del kept[mime]
            notes.append(f"[{mime} of {round(size / 1e6)} MB left out]")
    return notes


def _size(value: str | bytes) -> int:
    if isinstance(value, bytes) or value.isascii():
        return len(value)
    return len(value.encode(errors="replace"))


class KeptOutput(NamedTuple):
    """An output with its place in the session."""

    reference: str
    """``phase.attempt/number``, as ``parse.2/3``: the third display of the second attempt."""
    attempt: int
    output: Output
    late: bool
    """Whether it came after the attempt's end."""
    revision: int = 0
    """The book's revision when it was added or last changed."""


class OutputBook:
    """What one phase has displayed over its attempts, the last ones. Any thread may add and read.

    Attributes:
        revision: Grows with each change; what has been read stays true while it is the same.
        dropped: How many outputs had to go because there were too many.
        on_change: Called after each change, on the thread that displays; for one who shows them.
    """

    __slots__ = ("_clears", "_entries", "_lock", "_most", "_name", "_numbers", "dropped", "on_change", "revision")

    def __init__(self, name: str, most: int = MAX_OUTPUTS) -> None:
        """Keep the last ``most`` outputs of the phase ``name``."""
        self._name = name
        self._most = most
        self._lock = threading.Lock()
        self._entries: list[KeptOutput] = []
        self._numbers: dict[int, int] = {}  # the last one given, by attempt: one that was given up may still display
        self._clears: int | None = None
        self.revision = 0
        self.dropped = 0
        self.on_change: Callable[[], None] | None = None

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._entries)

    def __iter__(self) -> Iterator[Output]:
        """Go through the outputs, the oldest first."""
        return (entry.output for entry in self.entries)

    @property
    def entries(self) -> tuple[KeptOutput, ...]:
        """All that are kept, the oldest first."""
        return tuple(self._entries)

    def find(self, reference: str) -> Output | None:
        """Return what a reference stands for, None if it is not kept."""
        return next((entry.output for entry in self.entries if entry.reference == reference), None)

    def add(self, output: Output, attempt: int, late: bool = False) -> str | None:  # noqa: FBT001, FBT002 - as a sink tells
        """Take what an attempt has displayed; return the reference of a new output, None if there is none.

        Like a cell: an update changes all outputs of its ``display_id``, a display clears if a clear has waited for it.
        Attempts do not touch each other's. An update of something that was not displayed here is a new output.
        """
        with self._lock:
            reference = self._take(output, attempt, late=late)
        if self.on_change is not None:
            self.on_change()
        return reference

    def _take(self, output: Output, attempt: int, *, late: bool) -> str | None:
        self.revision += 1
        if output.clear:
            self._clears = attempt if output.wait else None
            if not output.wait:
                self._clear(attempt)
            return None
        if output.update and self._replace(output, attempt):
            return None
        if self._clears is not None:
            self._clear(self._clears)
            self._clears = None
        self._replace(output, attempt)
        return self._append(output, attempt, late=late)

    def _clear(self, attempt: int) -> None:
        self._entries = [entry for entry in self._entries if entry.attempt != attempt]

    def _replace(self, output: Output, attempt: int) -> bool:
        if output.display_id is None:
            return False
        is_found = False
        for i, entry in enumerate(self._entries):
            if entry.attempt == attempt and entry.output.display_id == output.display_id:
                self._entries[i] = entry._replace(output=output._replace(update=False), revision=self.revision)
                is_found = True
        return is_found

    def _append(self, output: Output, attempt: int, *, late: bool) -> str:
        number = self._numbers[attempt] = self._numbers.get(attempt, 0) + 1
        reference = f"{self._name}.{attempt}/{number}"
        self._entries.append(KeptOutput(reference, attempt, output._replace(update=False), late, self.revision))
        if len(self._entries) > self._most:
            del self._entries[0]
            self.dropped += 1
        return reference
