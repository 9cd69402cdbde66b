"""What the views of one executor are told, and when. Reads no clock: every call says what time it is.

The rules: until a view has said hello only traits change. Then numbered deltas go out, never more than `MAX_UNACKED`
ahead of the acknowledgements; who stays silent for `SILENT_S` gets nothing but heartbeats until he is heard again, and
then a snapshot. The end of a session is told until it is acknowledged, at first every `SILENT_S`, then ever more
seldom. A view that is silent for `GIVE_UP_S` has gone; one that was not asked anything for `PROBE_S` is asked.

Silence mostly means that a cell is running: where only the widget's own comm leads to the kernel, what views say waits
until the cell has ended. They must hear the heart beat until then.

`tick` belongs to one thread; `heard`, `answer` and `follow` may be called from any.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

from milo_nb.show.notebook.told import ShownTraits, Told
from milo_nb.state.wire_browser import Ack, Bye, Hello, Sync

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from milo_nb.execute.session import Session
    from milo_nb.state.wire_browser import Message

GAP_S = 1 / 24
"""What lies between two deltas on average. Who was quiet may tell `BURST` of them sooner: what changes now and then, if
20 times a second, is told at once, and only a flood waits."""
BURST = 2
TRAITS_GAPS = 8
"""Between two changes of traits are as many gaps."""
SETTLE_S = 0.004
"""A change is told so much later: what happens with it, as the start of the next phase, belongs into the same delta."""
HEARTBEAT_S = 2.0
SILENT_S = 2.0
PROBE_S = 60.0
GIVE_UP_S = 600.0
MOST_AGAIN_S = 60.0
"""The end of a session is told again after twice as long each time, up to this."""
MAX_UNACKED = 4
MOST_VIEWS = 100


class Port(Protocol):
    """Where a feed speaks to: a widget, or a fake."""

    def send(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        """Send a message to all views, with binary parts."""

    def show_traits(self, traits: Mapping[str, Any]) -> None:
        """Set traits."""


class Feed:
    """Tells the views of one executor what has changed.

    Attributes:
        session: What is told of; see `follow`.
        views: Ids of the views that are there.
        seq: Number of the last delta or snapshot.
        wake: Has `tick` called soon; what changes no state calls it.
        share: Called with the time when something is told; returns the gap that the other feeds of the kernel leave.
    """

    def __init__(self, port: Port, session: Session) -> None:
        """Begin with no views, and show all traits."""
        self._port = port
        self.session = session
        self.wake: Callable[[], None] = lambda: None
        self.share: Callable[[float], float] = lambda now: GAP_S  # noqa: ARG005 - replaced where there are others
        self.views: set[str] = set()
        self.seq = 0
        self._inbox: deque[Message] = deque()
        self._outbox: deque[dict[str, Any]] = deque()
        self._acked = 0
        self._heard_at = 0.0
        self._sent_at = self._free_at = -inf
        self._paid_until = -inf
        self._gap_s = GAP_S
        self._now = self._traits_at = -inf
        self._silent_since: float | None = None
        self._beat_at = -inf
        self._again_s = SILENT_S
        self._wants_snapshot = True
        self._stalled = False
        self._gave_up = False
        self._turn_to(session)
        self._traits.follow(-inf, self.seq)

    def follow(self, session: Session) -> None:
        """Tell of this session from the next `tick` on."""
        self.session = session

    def heard(self, message: Message) -> None:
        """Take a message of a view; it is looked at in the next `tick`."""
        self._inbox.append(message)

    def answer(self, content: dict[str, Any]) -> None:
        """Have a message sent with the next `tick`, which answers a view; its ``data``, if any, as a binary part."""
        self._outbox.append(content)

    def tick(self, now: float) -> float | None:
        """Send what is due.

        Returns:
            When the next call is due at the latest; None if nothing is to come unless something happens.
        """
        self._now = now
        if self.session is not self._told_of:
            self._turn_to(self.session)
        while self._inbox:
            self._take(self._inbox.popleft(), now)
        while self._outbox:
            answer = dict(self._outbox.popleft())
            buffers = [answer.pop("data")] if "data" in answer else []
            self._port.send(answer, *([buffers] if buffers else []))
        if now >= self._traits_due:
            self._traits.follow(now, self.seq)
        if self.views:
            self._look_for_silence(now)
        if self.views:
            self._told.call(self.wake)  # before it is looked at: what changes from now on calls
            self._publish(now)
            if now - self._beat_at >= HEARTBEAT_S:
                self._beat_at = now
                self._port.send({"type": "heartbeat", "now": self._told.clock(), "seq": self.seq})
        return self._due(now)

    def _turn_to(self, session: Session) -> None:
        self._told_of = session
        self._told = Told(session)
        self._traits = ShownTraits(session, self._show_traits)
        self._wants_snapshot = True

    # ------------------------------------------------------------------ what views say

    def _take(self, message: Message, now: float) -> None:
        self._heard_at = now
        self._again_s = SILENT_S
        if type(message) is Bye:
            self.views.discard(message.view)
            return
        if self._stalled or self._gave_up:
            self._wants_snapshot = True
        if self._gave_up:
            self.views.add("")  # somebody who had been given up; his hello, if any, is on its way
        self._stalled = self._gave_up = False
        if type(message) is Hello:
            self.views.discard("")
            if len(self.views) >= MOST_VIEWS:  # nobody has so many; who says hello so often is not to fill the memory
                self.views.clear()
            self.views.add(message.view)
            self._wants_snapshot = True
        elif type(message) is Sync:
            self._wants_snapshot = True
        elif type(message) is Ack:
            self._acked = max(self._acked, min(message.seq, self.seq))
            if self._acked == self.seq:
                self._silent_since = None

    def _look_for_silence(self, now: float) -> None:
        if self._silent_since is None:
            if now - self._heard_at >= PROBE_S:
                self._wants_snapshot = True  # must be acknowledged, if anybody is there
            return
        silent_s = now - max(self._silent_since, self._heard_at)
        if silent_s >= GIVE_UP_S:
            self.views.clear()
            self._gave_up = True
            self._silent_since = None
        elif silent_s >= SILENT_S:
            self._stalled = True

    # ------------------------------------------------------------------ what views are told

    def _publish(self, now: float) -> None:
        if self._stalled:
            if self._told.has_ended and now - self._sent_at >= self._again_s:
                self._again_s = min(2 * self._again_s, MOST_AGAIN_S)
                self._send_snapshot(now)
            return
        if now < self._free_at:
            return
        if self._wants_snapshot:
            self._send_snapshot(now)
        elif self.seq - self._acked < MAX_UNACKED:
            delta = self._told.delta(self.seq + 1)
            if delta is not None:
                self._send(delta, now)

    def _send_snapshot(self, now: float) -> None:
        self._wants_snapshot = False
        self._send(self._told.snapshot(self.seq + 1), now)

    def _send(self, numbered: dict[str, Any], now: float) -> None:
        self.seq = numbered["seq"]
        self._sent_at = now
        self._gap_s = max(GAP_S, self.share(now))
        self._paid_until = max(self._paid_until, now) + self._gap_s
        self._free_at = max(now + SETTLE_S, self._paid_until - BURST * self._gap_s)
        if self._silent_since is None:
            self._silent_since = now
        self._port.send(numbered)

    def _show_traits(self, traits: Mapping[str, Any]) -> None:
        self._traits_at = self._now
        if self._now > -inf:  # the first ones belong to the widget
            self._gap_s = max(GAP_S, self.share(self._now))
        self._port.show_traits(traits)

    @property
    def _traits_due(self) -> float:
        return self._traits_at + TRAITS_GAPS * self._gap_s

    def _due(self, now: float) -> float | None:
        """Return when something is to be done, if nothing happens until then."""
        traits = self._traits.due
        if traits is not None and now < self._traits_due:
            traits = self._traits_due
        if not self.views:
            return traits
        due = self._beat_at + HEARTBEAT_S
        has_news = self._told.is_behind and self.seq - self._acked < MAX_UNACKED
        if not self._stalled and (self._wants_snapshot or has_news):
            due = min(due, max(self._free_at, now))
        return due if traits is None else min(due, traits)
