"""Who keeps stills up to date: a second output beside the views of an executor, changed in place until the end.

A still is published like any display and changed by its display_id: at most once a second, only if it would look
different, and at once when the session ends. Changes go out on the publisher's thread, straight to the kernel's socket
with the header of the cell that shows it: the publisher of displays would ask which phase or cell runs now.
A cell that was run again or cleared no longer knows the display_id; front ends pass such changes over.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from weakref import WeakKeyDictionary, finalize, ref

from milo_nb.execute.result import outcome_of
from milo_nb.show.notebook.publisher import PUBLISHER, Publisher
from milo_nb.show.notebook.still import clean, to_bundle
from milo_nb.state.model import ENDED

if TYPE_CHECKING:
    from collections.abc import Callable

    from milo_nb.execute.executor import PipelineExecutor
    from milo_nb.execute.session import Session

GAP_S = 1.0
LAST_LOOKS = 5
"""How often one that was closed still looks for the end: the store of a session that was closed tells nobody."""
MOST_LINES = 20
_stills: WeakKeyDictionary[PipelineExecutor, Still] = WeakKeyDictionary()
_last: WeakKeyDictionary[PipelineExecutor, dict[str, str]] = WeakKeyDictionary()


class Spot:
    """A display that can be changed from any thread, in whatever cells show it."""

    def __init__(self) -> None:
        """Begin with no cell that shows it."""
        self._id = uuid4().hex
        self._send: Callable[[dict[str, Any]], None] | None = None

    def show(self, publisher: Any, bundle: dict[str, str]) -> None:
        """Show it in the cell that runs.

        Args:
            publisher: The kernel's publisher of displays.
            bundle: What is shown, by mime type.
        """
        publisher.publish(dict(bundle), transient={"display_id": self._id})
        session, socket = getattr(publisher, "session", None), getattr(publisher, "pub_socket", None)
        if session is None or socket is None:
            return  # `%%capture` keeps displays: changes to them concern nobody
        route = {"parent": publisher.parent_header, "ident": getattr(publisher, "topic", None)}
        self._send = lambda content: session.send(socket, "update_display_data", content, **route)

    def change(self, bundle: dict[str, str]) -> None:
        """Show this instead. Any thread."""
        if self._send is not None:
            self._send({"data": bundle, "metadata": {}, "transient": {"display_id": self._id}})


class Still:
    """Keeps the still of one executor up to date, whichever session it is in; does not keep the executor."""

    def __init__(
        self,
        executor: PipelineExecutor,
        spot: Spot,
        publisher: Publisher = PUBLISHER,
        also: Callable[[PipelineExecutor, dict[str, str]], None] | None = None,
    ) -> None:
        """Begin to follow `executor`; nothing is shown before `show`. Changes are also told to `also`."""
        self._also = also or (lambda executor, bundle: None)  # noqa: ARG005 - the same face
        self._executor = ref(executor)
        self._session = executor.session
        self._spot = spot
        self._publisher = publisher
        self._lock = threading.Lock()
        self._shown: dict[str, str] = {}
        self._due = 0.0
        self._looks: int | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._gone = finalize(executor, self._fade)
        self._gone.atexit = False
        executor.sessions.append(self._follow)
        publisher.add(self)
        self._follow()

    def show(self, publisher: Any) -> None:
        """Show it in the cell that runs."""
        with self._lock:
            self._shown = _draw(self._session)
            self._spot.show(publisher, self._shown)
        self._publisher.wake(self)  # for what has happened meanwhile

    def tick(self, now: float) -> float | None:
        """Show what is new, if it is time; return when it will be. The publisher's thread."""
        ended = _is_over(self._session)
        if now < self._due and not ended:
            return self._due
        if self._refresh():
            self._due = now + GAP_S
        if self._looks is None:
            return None
        self._looks -= 1
        if ended or self._looks <= 0:
            self._leave()
            return None
        return now + GAP_S

    def close(self) -> None:
        """Show how it ends and follow it no more; a session that is being cancelled has some seconds for that."""
        self._refresh()
        if _is_over(self._session):
            self._leave()
        else:
            self._fade()

    def _fade(self) -> None:
        """Have the publisher's thread look a last few times. Also called by the garbage collector, so it does no more."""
        self._looks = LAST_LOOKS
        self._publisher.wake(self)

    def _leave(self) -> None:
        self._gone.detach()
        self._publisher.remove(self)
        self._unsubscribe()
        executor = self._executor()
        if executor is not None:
            with contextlib.suppress(ValueError):  # somebody else was here at the same time
                executor.sessions.remove(self._follow)

    def _refresh(self) -> bool:
        with self._lock:
            bundle = _draw(self._session)
            if not self._shown or bundle == self._shown:
                return False
            self._shown = bundle
            self._spot.change(bundle)
        executor = self._executor()
        if executor is not None:
            self._also(executor, bundle)
        return True

    def _follow(self) -> None:
        self._unsubscribe()
        executor = self._executor()
        if executor is not None:
            self._session = executor.session
            self._unsubscribe = self._session.store.subscribe(lambda: self._publisher.wake(self))
            self._publisher.wake(self)


def show_still(executor: PipelineExecutor, publisher: Any) -> None:
    """Show the still of an executor in the cell that runs, and keep it up to date in all cells that show it."""
    still = _stills.get(executor)
    if still is None:
        from milo_nb.show.notebook.widget import PipelineWidget  # noqa: PLC0415 - ipywidgets takes a while to import

        still = _stills[executor] = Still(executor, Spot(), also=PipelineWidget.show_still)
    still.show(publisher)


def close_still(executor: PipelineExecutor) -> None:
    """Let the still of an executor be as it is, if there is one."""
    still = _stills.pop(executor, None)
    if still is not None:
        still.close()


def take_last_still(executor: PipelineExecutor) -> dict[str, str]:
    """Return the still of an executor that has ended; nothing if it runs, or the same has been returned before."""
    session = executor.session
    if not _is_over(session):
        return {}
    bundle = _draw(session)
    if _last.get(executor) == bundle:
        return {}
    _last[executor] = bundle
    return bundle


def _draw(session: Session) -> dict[str, str]:
    bundle = to_bundle(session.state, session.graph)
    return {**bundle, "text/plain": to_summary(session)} if _is_over(session) else bundle


def to_summary(session: Session) -> str:
    """Return how a session ended as text: what programs that run notebooks print of it."""
    head, *lines = outcome_of(session).summary.split("\n  [")
    kept = [f"  [{clean(line)}" for line in lines[:MOST_LINES]]
    more = [f"  and {len(lines) - MOST_LINES:,} more lines"] if len(lines) > MOST_LINES else []
    return "\n".join([clean(head), *kept, *more])


def _is_over(session: Session) -> bool:
    state = session.state
    return state.status in ENDED and bool(state.stopped_at)
