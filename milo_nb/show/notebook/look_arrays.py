"""What pandas and numpy values look like. Works on what it is given and imports nothing but what is loaded already."""

from __future__ import annotations

import sys
from typing import Any

from milo_nb.show.notebook.brief import MAX_BRIEF, brief, own_repr, own_text
from milo_nb.state.wire import clip

MOST_COLUMNS = 24
HEAD_COLUMNS = 18
MOST_CORNER = 12
MOST_FIGURED = 5_000_000
"""Elements of an array up to which all of them count in min, max and mean; of larger ones a part does."""
_UNITS = ("bytes", "KB", "MB", "GB", "TB")


def bytes_text(count: float) -> str:
    """Return a number of bytes as people read it."""
    unit = 0
    while count >= 1000 and unit < len(_UNITS) - 1:  # noqa: PLR2004 - SI
        count, unit = count / 1000, unit + 1
    return f"{count:,.0f} {_UNITS[unit]}" if unit == 0 or count >= 100 else f"{count:.3g} {_UNITS[unit]}"  # noqa: PLR2004


# ---------------------------------------------------------------------- pandas


def frame_facts(frame: Any) -> list[tuple[str, str]]:
    """Return memory and index of a frame."""
    memory = int(frame.memory_usage(index=True).sum())
    has_objects = any(str(kind) == "object" for kind in frame.dtypes)
    size = f"{bytes_text(memory)}{' and what its objects take' if has_objects else ''}"
    return [("Memory", size), ("Index", _index_text(frame.index))]


def series_facts(series: Any) -> list[tuple[str, str]]:
    """Return dtype, memory and index of a series."""
    memory = bytes_text(int(series.memory_usage(index=True)))
    return [("dtype", str(series.dtype)), ("Memory", memory), ("Index", _index_text(series.index))]


def _index_text(index: Any) -> str:
    names = ", ".join(own_text(name, MAX_BRIEF) for name in index.names if name is not None)
    return clip(f"{type(index).__name__}{f' ({names})' if names else ''}", 200)


def frame_table(frame: Any, head: int, tail: int, most: int) -> dict[str, Any]:
    """Return the first and last rows and columns of a frame, as the fields of a table."""
    rows, columns = frame.shape
    kept = list(range(columns))
    if columns > MOST_COLUMNS:
        kept = [*kept[:HEAD_COLUMNS], *kept[HEAD_COLUMNS - MOST_COLUMNS :]]
    part, gap = _ends(frame, head, tail, most)
    part = part.iloc[:, kept]
    names = [_label(part.columns[c]) for c in range(len(kept))]
    kinds = [str(kind) for kind in part.dtypes]
    cells = [[cell(value) for value in part.iloc[:, c].tolist()] for c in range(len(kept))]
    if columns > MOST_COLUMNS:
        names.insert(HEAD_COLUMNS, "…")
        kinds.insert(HEAD_COLUMNS, "")
        cells.insert(HEAD_COLUMNS, ["…"] * len(part))
    index, index_names = _index_columns(part.index)
    notes = [f"{len(part):,} of {rows:,} rows"] if len(part) < rows else []
    notes += [f"{len(kept):,} of {columns:,} columns"] if len(kept) < columns else []
    return {
        "columns": [*index_names, *names],
        "kinds": [*[""] * len(index), *kinds],
        "rows": [list(row) for row in zip(*index, *cells, strict=True)],
        "index": len(index),
        "gap": gap,
        "note": ", ".join(notes),
    }


def series_table(series: Any, head: int, tail: int, most: int) -> dict[str, Any]:
    """Return the first and last values of a series, as the fields of a table."""
    part, gap = _ends(series, head, tail, most)
    index, index_names = _index_columns(part.index)
    rows = zip(*index, [cell(value) for value in part.tolist()], strict=True)
    return {
        "columns": [*index_names, "" if series.name is None else _label(series.name)],
        "kinds": [*[""] * len(index), str(series.dtype)],
        "rows": [list(row) for row in rows],
        "index": len(index),
        "gap": gap,
        "note": f"{len(part):,} of {len(series):,} values" if len(part) < len(series) else "",
    }


def _ends(value: Any, head: int, tail: int, most: int) -> tuple[Any, int]:
    """Return the first and last rows, and before which of them others are left out."""
    count = len(value)
    if count <= most:
        return value, -1
    return value.iloc[[*range(head), *range(count - tail, count)]], head


def _index_columns(index: Any) -> tuple[list[list[str]], list[str]]:
    levels = [index.get_level_values(k) for k in range(min(index.nlevels, 4))]
    names = ["" if level.name is None else _label(level.name) for level in levels]
    return [[cell(value) for value in level.tolist()] for level in levels], names


def _label(name: object) -> str:
    return clip(
        " / ".join(own_text(part, MAX_BRIEF) for part in name) if type(name) is tuple else own_text(name, MAX_BRIEF),
        MAX_BRIEF,
    )


def cell(value: object) -> str:
    """Return what stands in a cell of a table."""
    kind = type(value)
    if kind is float:
        return f"{value:.6g}" if value == value else "NaN"  # noqa: PLR0124 - only NaN is not itself
    if issubclass(kind, str):
        return clip(str.__str__(value[:MAX_BRIEF]), MAX_BRIEF)  # type: ignore[index]
    if value is None or kind in (int, bool) or kind in (list, tuple, dict, set):
        return brief(value)
    return own_text(value, MAX_BRIEF)


# ---------------------------------------------------------------------- numpy


def shape_of(array: Any) -> str:
    """Return the shape of an array."""
    return " × ".join(f"{n:,}" for n in array.shape) or "scalar"  # noqa: RUF001 - as people write it


def array_facts(array: Any) -> list[tuple[str, str]]:
    """Return dtype and memory of an array."""
    return [("dtype", clip(str(array.dtype), 200)), ("Memory", bytes_text(int(array.nbytes)))]


def corner(array: Any) -> str:
    """Return the corners of an array as text."""
    numpy: Any = sys.modules["numpy"]
    if array.dtype.kind in "OUSV" and array.size > 1000:  # noqa: PLR2004 - long texts: the first ones will do
        array = array.reshape(-1)[:20]
    edge = 10 if array.ndim == 1 else 2
    own = {"object": lambda value: own_repr(value, MAX_BRIEF)} if array.dtype.kind == "O" else None
    return str(numpy.array2string(array, threshold=100, edgeitems=edge, precision=6, max_line_width=76, formatter=own))


def array_table(array: Any) -> dict[str, Any]:
    """Return the corners of an array of two dimensions, as the fields of a table."""
    rows, columns = (_corner(count) for count in array.shape)
    part = array[[at for at in rows if at >= 0]][:, [at for at in columns if at >= 0]]
    cells = iter([cell(value) for value in line] for line in part.tolist())
    filler = columns.index(-1) if -1 in columns else len(columns)
    shown = []
    for at in rows:
        if at < 0:
            continue
        line = next(cells)
        shown.append([str(at), *line[:filler], *(["…"] if -1 in columns else []), *line[filler:]])
    counts = [len([at for at in axis if at >= 0]) for axis in (rows, columns)]
    cut = [
        f"{n:,} of {of:,} {what}"
        for n, of, what in zip(counts, array.shape, ("rows", "columns"), strict=True)
        if n < of
    ]
    return {
        "columns": ["", *("…" if at < 0 else str(at) for at in columns)],
        "kinds": ["", *("" if at < 0 else clip(str(array.dtype), 40) for at in columns)],
        "rows": shown,
        "index": 1,
        "gap": rows.index(-1) if -1 in rows else -1,
        "note": ", ".join(cut),
    }


def _corner(count: int) -> list[int]:
    """Return the first and last positions along an axis, with -1 for those between."""
    return list(range(count)) if count <= MOST_CORNER else [*range(MOST_CORNER - 2), -1, count - 2, count - 1]


def array_figures(array: Any) -> list[tuple[str, str]]:
    """Return the least, the largest and the mean number of an array; of a very large one, of a part of it."""
    kind = array.dtype.kind
    if not array.size or kind not in "biufmM":
        return []
    step = -(-array.size // MOST_FIGURED)
    part = array.reshape(-1)[::step] if step > 1 else array
    about = f"of each {step:,}th element" if step > 1 else ""
    found: list[tuple[str, str]] = []
    if kind == "b":
        found.append(("True", f"{int(part.sum()):,} of {part.size:,}"))
    elif kind in "mM":
        found += [("Min", str(part.min())), ("Max", str(part.max()))]
    else:
        found += _numbers(part, kind)
    return [(label, f"{text} ({about})" if about else text) for label, text in found]


def _numbers(part: Any, kind: str) -> list[tuple[str, str]]:
    numpy: Any = sys.modules["numpy"]
    if kind == "f":
        missing = int(numpy.isnan(part).sum())
        if missing == part.size:
            return [("NaN", "all")]
        rest = part[~numpy.isnan(part)] if missing else part
        with numpy.errstate(all="ignore"):
            mean = float(rest.mean(dtype=float))
        found = [("Min", f"{rest.min():.6g}"), ("Max", f"{rest.max():.6g}"), ("Mean", f"{mean:.6g}")]
        return [*found, ("NaN", f"{missing:,}")] if missing else found
    return [("Min", f"{part.min():,}"), ("Max", f"{part.max():,}"), ("Mean", f"{float(part.mean()):.6g}")]
