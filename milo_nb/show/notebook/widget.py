"""The widget: a reactive widget among others, which shows one executor. Its trait values come from the publisher."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import anywidget
import ipywidgets
import traitlets as t

from milo_nb.errors import WireError
from milo_nb.show.notebook import interactive, lanes
from milo_nb.show.notebook.bundle import read_bundle
from milo_nb.show.notebook.errands import Desk
from milo_nb.show.notebook.feed import SETTLE_S, Feed
from milo_nb.show.notebook.publisher import PUBLISHER, Publisher
from milo_nb.state.wire_browser import Hello, Request, parse_message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from milo_nb.execute.executor import PipelineExecutor

LOG = logging.getLogger("milo_nb")
SETTABLE = frozenset({"selected_phase", "expanded", "auto_follow", "layout", "tooltip", "tabbable"})
_widgets: WeakKeyDictionary[PipelineExecutor, PipelineWidget] = WeakKeyDictionary()


class PipelineWidget(anywidget.AnyWidget):
    """A live view of an executor; every display of it is one more view on the same.

    ``status``, ``progress``, ``current_phase`` and ``elapsed`` can be observed and linked; ``selected_phase``,
    ``expanded`` and ``auto_follow`` can be set as well. Set here, all views follow; in the browser each view has its own
    choice, and the traits have what was chosen last.

    Attributes:
        executor: What it shows.
    """

    _is_open = False
    _own_layout: Any = None
    _esm = t.Unicode().tag(sync=True)
    _css = t.Unicode().tag(sync=True)
    pipeline = t.Unicode(read_only=True).tag(sync=True)
    status = t.Unicode("pending", read_only=True).tag(sync=True)
    progress = t.Float(0.0, read_only=True).tag(sync=True)
    current_phase = t.Unicode(read_only=True).tag(sync=True)
    elapsed = t.Float(0.0, read_only=True).tag(sync=True)
    snapshot = t.Dict(default_value=None, allow_none=True, read_only=True).tag(sync=True)
    comm_id_ = t.Unicode(read_only=True).tag(sync=True)
    # What a view chooses is its own: without the echo, other pages follow the notebook only, and not each other.
    selected_phase = t.Int(0, min=0).tag(sync=True, echo_update=False)
    expanded = t.Bool(False).tag(sync=True, echo_update=False)
    auto_follow = t.Bool(True).tag(sync=True, echo_update=False)

    def __init__(self, executor: PipelineExecutor, *, publisher: Publisher = PUBLISHER, **traits: Any) -> None:
        """Make a view of `executor`; prefer `of`, which makes one for each.

        Raises:
            MiloError: If the browser's part has not been built.
        """
        self._own_layout = None if "layout" in traits else ipywidgets.Layout(width="100%")
        traits.setdefault("layout", self._own_layout)
        super().__init__(_esm=read_bundle("widget.js"), _css=read_bundle("widget.css"), **traits)
        self.executor = executor
        self._publisher = publisher
        self._desk: Desk = Desk(executor, self._answer)
        self._feed = Feed(self, executor.session)
        self._feed.wake = lambda: publisher.wake(self._feed)
        self._feed.share = lambda now: publisher.share(self._feed, now)
        self._still: dict[str, str] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self.set_trait("pipeline", executor.pipeline.name)
        self._open_lanes()
        self.on_msg(_take)
        executor.sessions.append(self._follow)
        self._follow()
        publisher.add(self._feed)
        self._is_open = True

    @classmethod
    def of(cls, executor: PipelineExecutor) -> PipelineWidget:
        """Return the one widget of an executor, made if there is none yet."""
        widget = _widgets.get(executor)
        if widget is None or widget.comm is None:
            widget = _widgets[executor] = cls(executor)
        return widget

    @classmethod
    def close_of(cls, executor: PipelineExecutor) -> None:
        """Close the widget of an executor, if there is one."""
        widget = _widgets.get(executor)
        if widget is not None:
            widget.close()

    @classmethod
    def show_still(cls, executor: PipelineExecutor, bundle: dict[str, str]) -> None:
        """Have pages keep this still beside the views of an executor. Any thread.

        They do so by themselves until they are loaded again: then display_ids are lost, and this is what is left.
        """
        widget = _widgets.get(executor)
        if widget is not None:
            widget.keep_still(bundle)

    def close(self) -> None:
        """Take the view away; the executor goes on. Threads, listeners and the comm of the view are gone then."""
        if self._is_open:  # also called by the garbage collector, on what was never quite made
            self._is_open = False
            self._publisher.remove(self._feed)
            self._unsubscribe()
            self.executor.sessions.remove(self._follow)
            if _widgets.get(self.executor) is self:
                del _widgets[self.executor]
            lanes.close_control_lane(self.comm_id_)
        super().close()
        if self._own_layout is not None:  # a widget with a comm of its own, which nobody else closes
            self._own_layout.close()

    # ------------------------------------------------------------------ what the feed needs

    def show_traits(self, traits: Mapping[str, Any]) -> None:
        """Set traits that only the publisher sets, in one message."""
        with self.hold_sync():
            for name, value in traits.items():
                self.set_trait(name, value)

    def keep_still(self, bundle: dict[str, str]) -> None:
        """Have pages keep this still beside the views. Any thread."""
        self._still = bundle
        self._answer({"type": "still", "bundle": bundle})

    # ------------------------------------------------------------------ inside

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what a browser set; what only the publisher sets is passed over."""
        super().set_state({name: value for name, value in sync_data.items() if name in SETTABLE})

    def take(self, content: object) -> None:
        """Take a message of a browser: note it and return. Any thread."""
        try:
            message = parse_message(content)
        except WireError as wrong:
            LOG.warning("a message of a view was not understood: %s", wrong)
            id_ = content.get("id") if isinstance(content, dict) else None
            if isinstance(id_, str):
                self._answer({"type": "reply", "id": id_, "ok": False, "message": str(wrong)})
            return
        if isinstance(message, Request):
            self._desk.take(message)
        if isinstance(message, Hello):
            interactive.note_hello()
            if self._still is not None:  # who comes back has a page that knows no display_ids
                self._answer({"type": "still", "bundle": self._still})
        self._feed.heard(message)
        self._publisher.wake(self._feed)

    def _answer(self, content: dict[str, Any]) -> None:
        self._feed.answer(content)
        self._publisher.wake(self._feed)

    def _follow(self) -> None:
        """Follow the executor's current session."""
        self._unsubscribe()
        session = self.executor.session
        self._feed.follow(session)
        self._unsubscribe = session.store.subscribe(lambda: self._publisher.wake(self._feed, SETTLE_S))
        self._publisher.wake(self._feed)

    def _open_lanes(self) -> None:
        comm = self.comm
        comm_id = str(getattr(comm, "comm_id", "") or "")
        lanes.free_comm(comm)
        lanes.open_control_lane(interactive.find_kernel(), comm_id)
        self.set_trait("comm_id_", comm_id)

    def __repr__(self) -> str:
        """Say what it shows; without ids and states, so that two runs read the same."""
        return f"<pipeline {self.pipeline}>"


def _take(widget: PipelineWidget, content: object, buffers: object) -> None:  # noqa: ARG001 - as ipywidgets calls it
    widget.take(content)
