"""What the views of one executor are told, and when. Reads no clock: every call says what time it is.

The rules: until a view has said hello only traits change. Then numbered deltas go out, never more than `MAX_UNACKED`
ahead of the acknowledgements; who stays silent for `SILENT_S` gets nothing but heartbeats until he is heard again, and
then a snapshot. The end of a session is told until it is acknowledged. A view that is silent for `GIVE_UP_S` has gone.

All methods but `heard` belong to one thread; `heard` may be called from any.
"""

from __future__ import annotations

import json
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

from milo_nb.state.model import ENDED
from milo_nb.state.table import LEAF, Table
from milo_nb.state.wire import Ack, Bye, Hello, Sync, phase_changes, to_lines, to_pipeline, to_snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milo_nb.execute.session import Session
    from milo_nb.state.model import PhaseStatus, PipelineState
    from milo_nb.state.wire import Message

GAP_S = 1 / 16
HEARTBEAT_S = 2.0
SILENT_S = 2.0
PROBE_S = 60.0
GIVE_UP_S = 10.0
TRAITS_S = 1.0
MAX_UNACKED = 4
MAX_LINES = 1_000
MAX_LINE_BYTES = 120_000
MAX_PHASE_BYTES = 60_000
"""Room for lines and for changes of phases in one message: 256 KB with the 64 phases of one leaf on top."""
MAX_TRAIT_BYTES = 256_000
_PHASE_BYTES = 300  # what a phase costs in a snapshot at the very least
_ONCE_A_SECOND = frozenset({"elapsed"})


class Port(Protocol):
    """Where a feed speaks to: a widget, or a fake."""

    def send(self, content: dict[str, Any]) -> None:
        """Send a message to all views."""

    def show_traits(self, traits: Mapping[str, Any]) -> None:
        """Set traits."""


class Feed:
    """Tells the views of one executor what has changed.

    Attributes:
        session: What is told of; see `follow`.
        views: Ids of the views that are there.
        seq: Number of the last delta or snapshot.
    """

    def __init__(self, port: Port, session: Session) -> None:
        """Begin with no views."""
        self._port = port
        self.views: set[str] = set()
        self.seq = 0
        self._inbox: deque[Message] = deque()
        self._outbox: deque[dict[str, Any]] = deque()
        self._acked = 0
        self._heard_at = 0.0
        self._sent_at = -inf
        self._silent_since = 0.0
        self._beat_at = -inf
        self._shown_at = -inf
        self._shown: dict[str, Any] = {}
        self._wants_snapshot = False
        self._stalled = False
        self._gave_up = False
        self.follow(session)

    def follow(self, session: Session) -> None:
        """Tell of this session from now on."""
        self.session = session
        self._told: PipelineState | None = None
        self._leaves: list[tuple[PhaseStatus, ...]] = []
        self._pipeline: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
        self._wants_snapshot = True
        self._snapshot_of: PipelineState | None = None

    def show_now(self) -> None:
        """Set all traits before anybody is told of them."""
        self._show_traits(0.0)

    def heard(self, message: Message) -> None:
        """Take a message of a view; it is looked at in the next `tick`."""
        self._inbox.append(message)

    def answer(self, content: dict[str, Any]) -> None:
        """Have a message sent that answers one view; any thread."""
        self._outbox.append(content)

    def tick(self, now: float) -> float | None:
        """Send what is due.

        Returns:
            When the next call is due at the latest; None if nothing is to come unless something happens.
        """
        while self._inbox:
            self._take(self._inbox.popleft(), now)
        while self._outbox:
            self._port.send(self._outbox.popleft())
        self._show_traits(now)
        if not self.views:
            return self._shown_at + TRAITS_S if self._behind_in_traits() else None
        self._look_for_silence(now)
        if not self.views:
            return None
        self._publish(now)
        if now - self._beat_at >= HEARTBEAT_S:
            self._beat_at = now
            self._port.send({"type": "heartbeat", "now": self._clock(), "seq": self.seq})
        return self._due(now)

    # ------------------------------------------------------------------ what views say

    def _take(self, message: Message, now: float) -> None:
        self._heard_at = now
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
            self.views.add(message.view)
            self._wants_snapshot = True
        elif type(message) is Sync:
            self._wants_snapshot = True
        elif type(message) is Ack:
            self._acked = max(self._acked, min(message.seq, self.seq))
            if self._acked == self.seq:
                self._silent_since = 0.0

    def _look_for_silence(self, now: float) -> None:
        if not self._silent_since:
            if now - self._heard_at >= PROBE_S:
                self._wants_snapshot = True  # must be acknowledged, if anybody is there
            return
        since = max(self._silent_since, self._heard_at)
        if now - since >= GIVE_UP_S:
            self.views.clear()
            self._gave_up = True
            self._silent_since = 0.0
        elif now - since >= SILENT_S:
            self._stalled = True

    # ------------------------------------------------------------------ what views are told

    def _publish(self, now: float) -> None:
        if self._stalled:
            if self._has_ended() and now - self._sent_at >= SILENT_S:
                self._send_snapshot(now)
            return
        if now - self._sent_at < GAP_S:
            return
        if self._wants_snapshot:
            self._send_snapshot(now)
        elif self.seq - self._acked < MAX_UNACKED:
            self._send_delta(now)

    def _send_snapshot(self, now: float) -> None:
        self._wants_snapshot = False
        self._number(now)
        self._port.send({"type": "snapshot", "seq": self.seq, "state": self._make_snapshot()})

    def _make_snapshot(self) -> dict[str, Any]:
        """Return the state as it is now, which counts as told."""
        session = self.session
        state, at = session.state, self._clock()
        self._counts = {name: len(book) for name, book in tuple(session.books.items())}
        index = session.graph.index
        counts = {index[name]: count for name, count in self._counts.items()}
        self._told, self._leaves = state, list(_leaves(state.phases))
        self._pipeline = to_pipeline(state, at, interactive=True)
        return to_snapshot(state, session.graph, now=at, seq=self.seq, interactive=True, log_counts=counts)

    def _send_delta(self, now: float) -> None:
        session = self.session
        state, at = session.state, self._clock()
        logs, counts = self._new_lines()
        self._told = state
        phases = self._changed_phases(_leaves(state.phases), counts)
        after = to_pipeline(state, at, interactive=True)
        pipeline = {name: value for name, value in after.items() if value != self._pipeline.get(name)}
        if set(pipeline) <= _ONCE_A_SECOND and not phases and not logs:
            return  # time alone is no news: the browser counts it itself
        self._pipeline = after
        self._number(now)
        delta = {"type": "delta", "seq": self.seq, "now": at, "pipeline": pipeline, "phases": phases, "logs": logs}
        self._port.send(delta)

    def _number(self, now: float) -> None:
        self.seq += 1
        self._sent_at = now
        self._silent_since = self._silent_since or now

    def _changed_phases(self, leaves: tuple[tuple[PhaseStatus, ...], ...], counts: dict[int, int]) -> list[list[Any]]:
        """Return the fields that differ from what was told, by position; what finds no room is told next time."""
        changed: dict[int, dict[str, Any]] = {}
        told, room = self._leaves, MAX_PHASE_BYTES
        for k, leaf in enumerate(leaves):
            if leaf is told[k]:
                continue
            if room <= 0:
                self._told = None
                break
            for offset, (was, is_) in enumerate(zip(told[k], leaf, strict=True)):
                if was is not is_:
                    fields = phase_changes(was, is_, self._counts.get(is_.name, 0))
                    if fields:
                        changed[k * LEAF + offset] = fields
                        room -= 40 + 20 * len(fields) + len(is_.error) + len(is_.message) + 100 * len(is_.history)
            told[k] = leaf
        for i, count in counts.items():
            changed.setdefault(i, {})["log_count"] = count
        return [[i, changed[i]] for i in sorted(changed)]

    def _new_lines(self) -> tuple[list[dict[str, Any]], dict[int, int]]:
        """Return the new lines, and how many there are now; of more than fit one message the last ones."""
        session = self.session
        grown = []
        for name, book in tuple(session.books.items()):
            told, total = self._counts.get(name, 0), len(book)
            if total > told:
                grown.append((name, book, told, total))
        logs: list[dict[str, Any]] = []
        counts: dict[int, int] = {}
        for name, book, told, total in grown:
            i = session.graph.index[name]
            start = max(told, total - max(MAX_LINES // len(grown), 1))
            rows = book.page(start, total - start)
            lines = to_lines(reversed(rows), MAX_LINE_BYTES // len(grown))
            lines.reverse()
            if lines:
                logs.append({"phase": i, "start": total - len(lines), "lines": lines})
            self._counts[name] = counts[i] = total
        return logs, counts

    def _due(self, now: float) -> float:
        """Return when something is to be done, if nothing happens until then."""
        due = self._beat_at + HEARTBEAT_S
        if self._wants_snapshot or (self._is_behind() and self.seq - self._acked < MAX_UNACKED):
            due = min(due, max(self._sent_at + GAP_S, now))
        if self._behind_in_traits():
            due = min(due, self._shown_at + TRAITS_S)
        return due

    def _is_behind(self) -> bool:
        return not self._stalled and self._told is not self.session.state

    def _has_ended(self) -> bool:
        state = self.session.state
        return state.status in ENDED and bool(state.stopped_at)

    def _clock(self) -> float:
        return self.session.store.loop.clock.now()

    # ------------------------------------------------------------------ traits

    def _show_traits(self, now: float) -> None:
        state = self.session.state
        if state is self._snapshot_of:
            return
        told = to_pipeline(state, self._clock(), interactive=True)
        traits = {name: told[name] for name in ("status", "progress", "current_phase")}
        is_turn = now - self._shown_at >= TRAITS_S or traits["status"] != self._shown.get("status")
        if is_turn:
            traits["elapsed"] = told["elapsed"]
            traits["snapshot"] = self._small_snapshot(told)
            self._shown_at, self._snapshot_of = now, state
        changed = {name: value for name, value in traits.items() if value != self._shown.get(name, _UNSHOWN)}
        if changed:
            self._shown.update(changed)
            self._port.show_traits(changed)

    def _behind_in_traits(self) -> bool:
        return self.session.state is not self._snapshot_of

    def _small_snapshot(self, pipeline: dict[str, Any]) -> dict[str, Any] | None:
        """Return the whole state, or None if it is too large for a trait."""
        session = self.session
        state = session.state
        if len(state.phases) * _PHASE_BYTES > MAX_TRAIT_BYTES:
            return None
        snapshot = to_snapshot(state, session.graph, now=self._clock(), seq=self.seq, interactive=True)
        snapshot["status"] = pipeline["status"]
        return snapshot if len(json.dumps(snapshot)) <= MAX_TRAIT_BYTES else None


_UNSHOWN = object()


def _leaves(phases: Any) -> tuple[tuple[PhaseStatus, ...], ...]:
    return phases.leaves if type(phases) is Table else Table(phases).leaves
