"""The report for a view's download button: made when it is asked for, then handed out in pieces."""

from __future__ import annotations

import threading
from collections import OrderedDict
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from milo_nb.errors import MiloError
from milo_nb.show.notebook.asked import MAX_PIECE_BYTES, count_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milo_nb.execute.executor import PipelineExecutor
    from milo_nb.show.notebook.asked import Tell

MOST_KEPT = 2
"""Reports that are being downloaded of one executor: in two tabs, say."""
_numbers = count(1)
_lock = threading.Lock()
_kept: WeakKeyDictionary[PipelineExecutor, OrderedDict[int, bytes]] = WeakKeyDictionary()


def answer_report(executor: PipelineExecutor, args: Mapping[str, Any], tell: Tell) -> None:
    """Answer ``report {start, made}``: the bytes of the report from ``start`` on, in ``{name, size, start, made}``.

    From 0 on it is a new one, whatever ``made`` is; from elsewhere on it is the one whose number ``made`` is.

    Raises:
        MiloError: If that is not kept any more.
    """
    start = count_of({"start": 0, **args}, "start")
    made = count_of({"made": 0, **args}, "made")
    if not start:
        made = _make(executor)
    with _lock:
        content = _kept.get(executor, OrderedDict()).get(made)
        if content is not None and start + MAX_PIECE_BYTES >= len(content):
            del _kept[executor][made]
    if content is None:
        raise MiloError("Newer reports have been made meanwhile. Download it again.")
    from milo_nb.show.report.file import name_report  # noqa: PLC0415 - as below

    body = {"name": name_report(executor.pipeline.name), "size": len(content), "start": start, "made": made}
    tell(body, content[start : start + MAX_PIECE_BYTES])


def _make(executor: PipelineExecutor) -> int:
    """Make a report and keep it until it has been handed out; return its number."""
    from milo_nb.show.report.page import to_page  # noqa: PLC0415 - reports are seldom asked for

    content = to_page(executor.session).encode("utf-8", "replace")
    with _lock:
        kept = _kept.setdefault(executor, OrderedDict())
        made = next(_numbers)
        kept[made] = content
        while len(kept) > MOST_KEPT:
            kept.popitem(last=False)
    return made
