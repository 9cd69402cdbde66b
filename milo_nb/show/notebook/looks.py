"""What a value looks like to a person who has not seen it yet: its type, its size, its beginning and its end.

It calls what people's classes define, so it runs under a time limit (see `previews`): what is known is noted at once,
so that whoever gives up has it. Imports none of the libraries whose values it knows: who has no such value pays nothing.
"""

from __future__ import annotations

import itertools
import stat
import sys
import time
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from milo_nb.errors import name_of_type
from milo_nb.show.notebook import look_arrays, look_pictures
from milo_nb.show.notebook.brief import MAX_PREVIEW, Printer, brief, own_repr, type_of
from milo_nb.state.wire import clip
from milo_nb.values.exports import Exports

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_ROWS = 30
HEAD_ROWS = 20
TAIL_ROWS = 5
MOST_NAMES = 200
HEX_BYTES = 256
TEXT_BYTES = 4_000
_PICTURES = ((b"\x89PNG\r\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


@dataclass(slots=True)
class Table:
    """Rows of text.

    Attributes:
        columns: Their names.
        kinds: What each holds, as its dtype; "" where nothing is to be said.
        rows: The rows that are shown.
        index: How many columns at the left name the row.
        gap: Before which of the rows others are left out; -1 for none.
        note: What is not shown.
        opens: Whether a row stands for a value that can be looked at by itself.
    """

    columns: list[str]
    rows: list[list[str]]
    kinds: list[str] = field(default_factory=list)
    index: int = 0
    gap: int = -1
    note: str = ""
    opens: bool = False


@dataclass(slots=True)
class Look:
    """What there is to see of a value.

    Attributes:
        type: Its class.
        size: How large it is, in the words of its kind.
        facts: What else is to be said, label and text.
        preview: The value, or its beginning, as text.
        why: Why there is no more to see, in words.
        table: The value as rows.
        image: The value as a picture.
        mime: What kind of picture that is.
    """

    type: str = ""
    size: str = ""
    facts: list[tuple[str, str]] = field(default_factory=list)
    preview: str = ""
    why: str = ""
    table: Table | None = None
    image: bytes = b""
    mime: str = ""


def look_at(value: object, look: Look) -> None:
    """Note in `look` what there is to see of a value."""
    look.type = clip(type_of(value), 200)
    _look_of(value)(value, look)
    look.preview = clip(look.preview, MAX_PREVIEW)


def step_into(value: Any, k: int) -> tuple[str, Any]:
    """Return name and value of what stands in row `k` of a value's table.

    Raises:
        LookupError: If there is no such row.
    """
    kind = type(value)
    if issubclass(kind, (dict, Exports)):
        is_dict = issubclass(kind, dict)
        for key, item in itertools.islice(value.items() if is_dict else vars(value).items(), k, k + 1):
            return (brief(key) if is_dict else str(key)), item
        raise LookupError(k)
    if issubclass(kind, (list, tuple)):
        return str(k), value[k]
    name = _attributes(value)[k]
    return name, vars(value)[name]


def _look_of(value: object) -> Callable[[Any, Look], None]:
    kind = type(value)
    for module, name, looks in _LIBRARIES:
        there = getattr(sys.modules.get(module), name, None)
        if isinstance(there, type) and issubclass(kind, there):
            return looks
    for known, looks in _KINDS:
        if issubclass(kind, known):
            return looks
    return _object


# ---------------------------------------------------------------------- plain values


def _plain(value: object, look: Look) -> None:
    look.preview = brief(value, MAX_PREVIEW)


def _text(value: str, look: Look) -> None:
    lines = value.count("\n") + 1
    look.size = f"{_many(len(value), 'character')}{f', {lines:,} lines' if lines > 1 else ''}"
    look.preview = str.__str__(value[: MAX_PREVIEW + 1])


def _bytes(value: bytes | bytearray | memoryview, look: Look) -> None:
    head = bytes(value[:HEX_BYTES])
    count = value.nbytes if isinstance(value, memoryview) else len(value)
    look.size = _many(count, "byte")
    mime = next((mime for begin, mime in _PICTURES if head.startswith(begin)), "")
    if mime and count <= look_pictures.MAX_IMAGE_BYTES:
        look.image, look.mime = bytes(value), mime
    look.preview = _hex(head) + (f"\n… {_many(count - HEX_BYTES, 'more byte')}" if count > HEX_BYTES else "")


def _hex(data: bytes) -> str:
    lines = []
    for at in range(0, len(data), 16):
        part = data[at : at + 16]
        text = "".join(chr(b) if 32 <= b < 127 else "." for b in part)  # noqa: PLR2004 - what ASCII can print
        lines.append(f"{at:06x}  {part.hex(' '):<47}  {text}")
    return "\n".join(lines)


def _path(value: PurePath, look: Look) -> None:
    look.preview = str(value)
    try:
        found = value.stat()  # type: ignore[attr-defined]  # a pure path of another system has none
    except (OSError, ValueError, AttributeError):
        look.facts.append(("On disk", "there is nothing at this path now"))
        return
    changed = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found.st_mtime))
    look.facts.append(("Changed", changed))
    if stat.S_ISDIR(found.st_mode):
        names = sorted(itertools.islice((p.name for p in value.iterdir()), MOST_NAMES))  # type: ignore[attr-defined]
        look.size = (
            f"folder of {'more than ' if len(names) == MOST_NAMES else ''}{_many(len(names), 'entry', 'entries')}"
        )
        look.table = Table(["Name"], [[clip(name, 200)] for name in names[:MOST_ROWS]], note=_of(MOST_ROWS, len(names)))
    elif stat.S_ISREG(found.st_mode):
        look.size = _many(found.st_size, "byte")
        _file(value, found.st_size, look)


def _file(value: Any, size: int, look: Look) -> None:
    with value.open("rb") as file:
        head = file.read(look_pictures.MAX_IMAGE_BYTES)
    mime = next((mime for begin, mime in _PICTURES if head.startswith(begin)), "")
    if mime and size == len(head):
        look.image, look.mime = head, mime
        return
    try:
        text = head[:TEXT_BYTES].decode("utf-8", "strict" if size <= TEXT_BYTES else "ignore")
    except UnicodeDecodeError:
        return
    if "\0" not in text:
        look.preview += f"\n\n{text}{'…' if size > TEXT_BYTES else ''}"


# ---------------------------------------------------------------------- containers and objects


def _container(value: Any, look: Look) -> None:
    look.size = _many(len(value), "item")
    if isinstance(value, dict):
        look.table = _rows("Key", value.items(), len(value), brief)
    elif isinstance(value, (list, tuple)) and any(map(_is_deep, itertools.islice(value, MOST_ROWS))):
        look.table = _rows("Item", enumerate(value), len(value), str)
    else:
        look.preview = Printer().text(value)


def _is_deep(value: object) -> bool:
    """Tell whether a value is worth a look of its own."""
    kind = type(value)
    return not issubclass(kind, (str, bytes, int, float, complex, type(None), PurePath))


def _rows(first: str, items: Any, count: int, name: Callable[[Any], str]) -> Table:
    rows = [[name(key), name_of_type(item), brief(item)] for key, item in itertools.islice(items, MOST_ROWS)]
    return Table([first, "Type", "Value"], rows, index=1, note=_of(len(rows), count), opens=True)


def _exports(value: Exports, look: Look) -> None:
    look.type, look.size = "Exports", _many(len(value), "name")
    names = vars(value)
    look.table = _rows("Name", names.items(), len(names), str)
    look.table.opens = True


def _object(value: object, look: Look) -> None:
    try:
        look.size = _many(len(value), "item")  # type: ignore[arg-type]
    except BaseException:  # noqa: BLE001 - most things have no length, and a person's `__len__` may raise anything
        look.size = ""
    names = _attributes(value)
    if names:
        own = vars(value)
        rows = [[name, name_of_type(own[name]), brief(own[name])] for name in names[:MOST_ROWS]]
        look.table = Table(["Attribute", "Type", "Value"], rows, index=1, note=_of(len(rows), len(names)), opens=True)
    look.preview = own_repr(value, MAX_PREVIEW)


def _attributes(value: object) -> list[str]:
    """Return the names of an object's own data; modules, classes and functions have other things to show."""
    if isinstance(value, type) or callable(getattr(type(value), "__get__", None)):
        return []
    own = getattr(value, "__dict__", None) if name_of_type(value) != "module" else None
    return [name for name in own if type(name) is str and not name.startswith("__")] if type(own) is dict else []


# ---------------------------------------------------------------------- libraries


def _frame(value: Any, look: Look) -> None:
    rows, columns = value.shape
    look.size = f"{_many(rows, 'row')} × {_many(columns, 'column')}"  # noqa: RUF001 - as people write it
    look.facts += look_arrays.frame_facts(value)
    look.table = Table(**look_arrays.frame_table(value, HEAD_ROWS, TAIL_ROWS, MOST_ROWS))


def _series(value: Any, look: Look) -> None:
    look.size = _many(len(value), "value")
    look.facts += look_arrays.series_facts(value)
    look.table = Table(**look_arrays.series_table(value, HEAD_ROWS, TAIL_ROWS, MOST_ROWS))


def _array(value: Any, look: Look) -> None:
    look.size = look_arrays.shape_of(value)
    look.facts += look_arrays.array_facts(value)
    if value.ndim == 2 and value.size and value.dtype.names is None:  # noqa: PLR2004 - rows and columns
        look.table = Table(**look_arrays.array_table(value))
    else:
        look.preview = look_arrays.corner(value)
    look.facts += look_arrays.array_figures(value)


def _figure(value: Any, look: Look) -> None:
    figure = getattr(value, "figure", None) or value
    width, height = figure.get_size_inches()
    look.size = f"{width:g} × {height:g} inches"  # noqa: RUF001 - as people write it
    look.facts.append(("Axes", str(len(figure.axes))))
    look.image, look.mime = look_pictures.of_figure(figure), "image/png"


def _picture(value: Any, look: Look) -> None:
    width, height = value.size
    look.size = f"{width:,} × {height:,} pixels"  # noqa: RUF001 - as people write it
    look.facts.append(("Mode", str(value.mode)))
    look.image, look.mime = look_pictures.of_image(value), "image/png"


def _many(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def _of(shown: int, count: int) -> str:
    return f"{shown:,} of {count:,}" if shown < count else ""


_LIBRARIES: tuple[tuple[str, str, Callable[[Any, Look], None]], ...] = (
    ("pandas", "DataFrame", _frame),
    ("pandas", "Series", _series),
    ("numpy", "ndarray", _array),
    ("matplotlib.figure", "Figure", _figure),
    ("matplotlib.axes", "Axes", _figure),
    ("PIL.Image", "Image", _picture),
)
_KINDS: tuple[tuple[Any, Callable[[Any, Look], None]], ...] = (
    (str, _text),
    ((bytes, bytearray, memoryview), _bytes),
    ((bool, int, float, complex, type(None)), _plain),
    (Exports, _exports),
    (PurePath, _path),
    ((dict, list, tuple, set, frozenset), _container),
)
