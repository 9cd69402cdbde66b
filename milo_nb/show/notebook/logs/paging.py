"""Answers what views ask of a log line by line: a page, certain lines, the line of a time, the text to download."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from milo_nb.errors import SearchError, WireError, in_words
from milo_nb.show.notebook.asked import MAX_PIECE_BYTES, count_of, counts_of
from milo_nb.show.notebook.beside import SHORT
from milo_nb.show.notebook.logs.download import file_name, to_download, to_merged_download
from milo_nb.show.notebook.logs.shelf import log_of
from milo_nb.show.notebook.logs.source import find_time
from milo_nb.state.wire import to_line, weigh
from milo_nb.state.wire_browser import MAX_PAGE_LINES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from milo_nb.execute.executor import PipelineExecutor
    from milo_nb.show.notebook.asked import Tell
    from milo_nb.show.notebook.logs.source import Shown

MAX_BYTES: Final = 190_000
MOST_NUMBERS: Final = 500
MOST_RANGES: Final = 50
_NEAR: Final = 64
"""Lines that are no further apart are read in one go."""


def answer_page(executor: PipelineExecutor, args: Mapping[str, Any], tell: Tell) -> None:
    """Tell the kept lines among some, as many of them as fit into a message."""
    start, count = count_of(args, "start"), count_of(args, "count", MAX_PAGE_LINES)
    log, _, _ = log_of(executor, args)
    rows = log.rows(start, count)
    kept = log.kept
    if not rows and log.lost and start < log.total and count:
        raise SearchError(log.lost)
    tell(
        {
            "start": start,
            "total": log.total,
            "first": kept[-1].start if kept else 0,
            "kept": [[one.start, one.stop] for one in kept[-MOST_RANGES:]],
            "rows": to_rows(rows),
        }
    )


def answer_lines(executor: PipelineExecutor, args: Mapping[str, Any], tell: Tell) -> None:
    """Tell certain lines: those that are kept, as many of them as fit into a message; of a single one all of its text."""
    numbers = sorted(set(counts_of(args, "numbers", MOST_NUMBERS)))
    log, _, _ = log_of(executor, args)
    rows: list[Shown] = []
    while numbers:
        near = 1
        while near < len(numbers) and numbers[near] - numbers[near - 1] <= _NEAR:
            near += 1
        wanted, numbers = set(numbers[:near]), numbers[near:]
        start = min(wanted)
        rows += [row for row in log.rows(start, max(wanted) + 1 - start) if row.number in wanted]
    whole = rows[0].text.encode("utf-8", "replace")[:MAX_PIECE_BYTES] if len(rows) == 1 else None
    tell({"rows": to_rows(rows)}, whole)


def answer_when(executor: PipelineExecutor, args: Mapping[str, Any], tell: Tell) -> None:
    """Tell the first line that was written at a time or later; the last one if all were written before."""
    at = args.get("at")
    if not isinstance(at, (int, float)) or isinstance(at, bool):
        raise WireError("args.at", "expected a number")
    log, _, _ = log_of(executor, args)
    tell({"line": find_time(log, float(at))})


def answer_text(executor: PipelineExecutor, args: Mapping[str, Any], tell: Tell) -> None:
    """Tell the text of a log in pieces: as it was when the first one was asked for."""
    start = count_of(args, "start")
    log, shelf, i = log_of(executor, args)
    if shelf.download is None or shelf.download[0] != i or start == 0:
        if shelf.download is not None:
            shelf.download[1].close()
        session = executor.session
        short = str(session.id)[:SHORT]
        try:
            if i < len(shelf.names):
                name = file_name(executor.pipeline.name, shelf.names[i] or "other", short)
                shelf.download = i, to_download(log, name)
            else:
                name = file_name(executor.pipeline.name, "all", short)
                shelf.download = i, to_merged_download(log, shelf.names, name)
        except OSError as error:
            raise SearchError(f"The text cannot be put together: {in_words(error)}.") from error
    download = shelf.download[1]
    size, data = download.size, download.read(start, MAX_PIECE_BYTES)
    if start + len(data) >= size:
        download.close()
        shelf.download = None
    tell({"start": start, "size": size, "name": download.name}, data)


def to_rows(rows: Iterable[Shown]) -> list[list[Any]]:
    """Return the first rows that fit into a message, at least one, as they are told."""
    told: list[list[Any]] = []
    room = MAX_BYTES
    for number, timestamp, stream, level, text, phase in rows:
        line = to_line(timestamp, stream, level, text)
        room -= weigh(line[3])
        if room < 0 and told:
            break
        told.append([number, *line, phase])
    return told
