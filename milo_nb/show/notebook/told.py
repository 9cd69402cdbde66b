"""What the views of one session have been told, and what differs from it now.

Phases are compared by identity, 64 at a time: of 2,000 phases only those are looked at that have changed. A message
holds at most about 1,000 lines and 256 KB; what finds no room is told next time, and of the lines only the last ones:
the browser asks for others when somebody looks at them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from milo_nb.show.notebook.beside import SessionBeside
from milo_nb.state.model import ENDED
from milo_nb.state.table import LEAF, Table
from milo_nb.state.wire import phase_changes, to_lines, to_pipeline, to_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from milo_nb.execute.session import Session
    from milo_nb.state.model import PhaseStatus, PipelineState

MAX_LINES = 1_000
MAX_LINE_BYTES = 120_000
MAX_PHASE_BYTES = 60_000
"""Room for lines and for changes of phases in one message: 256 KB with the 64 phases of one leaf on top."""
MAX_TRAIT_BYTES = 256_000
TRAITS_S = 1.0
_PHASE_BYTES = 300  # what a phase costs in a snapshot at the very least
_TIME = frozenset({"elapsed", "eta"})
_UNSHOWN = object()


class Told:
    """What has been told of one session, and the messages that tell the rest. Used by one thread."""

    def __init__(self, session: Session) -> None:
        """Begin with nothing told."""
        self._session = session
        self._state: PipelineState | None = None
        self._leaves: list[tuple[PhaseStatus, ...]] = []
        self._pipeline: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
        self._outputs: dict[int, tuple[int, int]] = {}
        self._beside = SessionBeside(session)
        self._usual = self._beside.outlook.usual

    @property
    def is_behind(self) -> bool:
        """Whether the state has changed since, or what a phase has displayed.

        What else there is to tell changes with the state, or can wait for the next heartbeat.
        """
        is_known = self._usual is self._beside.outlook.usual
        return self._state is not self._session.state or not is_known or self._outputs != outputs_of(self._session)

    def call(self, wake: Callable[[], None]) -> None:
        """Have `wake` called when a display changes that is known: that changes no state."""
        for book in tuple(self._session.outputs.values()):
            book.on_change = wake

    @property
    def has_ended(self) -> bool:
        """Whether the session has."""
        state = self._session.state
        return state.status in ENDED and bool(state.stopped_at)

    def clock(self) -> float:
        """Return the time of the session's clock."""
        return self._session.store.loop.clock.now()

    def snapshot(self, seq: int) -> dict[str, Any]:
        """Return the message with the state as it is now, which counts as told."""
        session = self._session
        state, at = session.state, self.clock()
        self._counts = {name: len(book) for name, book in tuple(session.books.items())}
        counts = {session.graph.index[name]: count for name, count in self._counts.items()}
        self._state, self._leaves = state, list(leaves_of(state.phases))
        beside = self._beside.now()
        self._usual = beside.usual
        self._pipeline = to_pipeline(state, at, interactive=True, beside=beside)
        self._outputs = outputs = outputs_of(session)
        whole = to_snapshot(
            state, session.graph, now=at, seq=seq, interactive=True, log_counts=counts, outputs=outputs, beside=beside
        )
        return {"type": "snapshot", "seq": seq, "state": whole}

    def delta(self, seq: int) -> dict[str, Any] | None:
        """Return the message with what differs, which counts as told; None if nothing does."""
        state, at = self._session.state, self.clock()
        self._state = state
        logs, counts = self._new_lines()
        fields: dict[int, dict[str, Any]] = {i: {"log_count": count} for i, count in counts.items()}
        shown, self._outputs = self._outputs, outputs_of(self._session)
        for i, outputs in self._outputs.items():
            if outputs != shown.get(i):
                fields.setdefault(i, {})["outputs"] = list(outputs)
        beside = self._beside.now()
        if beside.usual is not self._usual:
            self._usual = beside.usual
            for name, seconds in beside.usual.items():
                if name in self._session.graph.index:
                    fields.setdefault(self._session.graph.index[name], {})["usual"] = seconds
        phases = self._changed_phases(leaves_of(state.phases), fields, keeps=beside.keeps)
        after = to_pipeline(state, at, interactive=True, beside=beside)
        pipeline = {name: value for name, value in after.items() if value != self._pipeline.get(name)}
        if pipeline.keys() <= _TIME and not phases and not logs:
            return None  # time alone is no news: the browser counts it itself
        self._pipeline = after
        return {"type": "delta", "seq": seq, "now": at, "pipeline": pipeline, "phases": phases, "logs": logs}

    def _changed_phases(
        self, leaves: tuple[tuple[PhaseStatus, ...], ...], more: dict[int, dict[str, Any]], *, keeps: bool
    ) -> list[list[Any]]:
        """Return what is new of each phase, with ``more``, which the state does not know."""
        changed: dict[int, dict[str, Any]] = {}
        told, room, declared = self._leaves, MAX_PHASE_BYTES, self._session.graph.phases
        for k, leaf in enumerate(leaves):
            if leaf is told[k]:
                continue
            if room <= 0:
                self._state = None
                break
            for offset, (was, is_) in enumerate(zip(told[k], leaf, strict=True)):
                if was is not is_:
                    i = k * LEAF + offset
                    count = self._counts.get(is_.name, 0)
                    fields = phase_changes(was, is_, count, keeps=keeps and declared[i].checkpoint)
                    if fields:
                        changed[i] = fields
                        room -= 40 + 20 * len(fields) + len(is_.error) + len(is_.message) + 100 * len(is_.history)
            told[k] = leaf
        for i, fields in more.items():
            changed.setdefault(i, {}).update(fields)
        return [[i, changed[i]] for i in sorted(changed)]

    def _new_lines(self) -> tuple[list[dict[str, Any]], dict[int, int]]:
        """Return the new lines by phase, and how many there are now by position."""
        session = self._session
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


class ShownTraits:
    """The traits that follow one session: news at once, figures once a second. Used by one thread."""

    def __init__(self, session: Session, show: Callable[[Mapping[str, Any]], None]) -> None:
        """Show by `show`, which sets traits."""
        self._session = session
        self._beside = SessionBeside(session)
        self._show = show
        self._shown: dict[str, Any] = {}
        self._shown_at = 0.0
        self._state: PipelineState | None = None

    @property
    def due(self) -> float | None:
        """When the rest is to be shown; None if all is."""
        return None if self._state is self._session.state else self._shown_at + TRAITS_S

    def follow(self, now: float, seq: int) -> None:
        """Show what has changed.

        Args:
            now: The caller's time, in seconds.
            seq: Number of the last message, for the snapshot.
        """
        session = self._session
        state, at = session.state, session.store.loop.clock.now()
        if state is self._state:
            return
        told = to_pipeline(state, at, interactive=True)  # the traits are of the state alone
        traits = {name: told[name] for name in ("status", "progress", "current_phase")}
        if not self._shown or now - self._shown_at >= TRAITS_S or traits["status"] != self._shown["status"]:
            traits["elapsed"] = told["elapsed"]
            traits["snapshot"] = self._small_snapshot(state, at, seq)
            self._shown_at, self._state = now, state
        changed = {name: value for name, value in traits.items() if value != self._shown.get(name, _UNSHOWN)}
        if changed:
            self._shown.update(changed)
            self._show(changed)

    def _small_snapshot(self, state: PipelineState, at: float, seq: int) -> dict[str, Any] | None:
        """Return the whole state, or None if it is too large for a trait."""
        if len(state.phases) * _PHASE_BYTES > MAX_TRAIT_BYTES:
            return None
        outputs = outputs_of(self._session)
        beside = self._beside.now()
        snapshot = to_snapshot(
            state, self._session.graph, now=at, seq=seq, interactive=True, outputs=outputs, beside=beside
        )
        return snapshot if len(json.dumps(snapshot)) <= MAX_TRAIT_BYTES else None


def outputs_of(session: Session) -> dict[int, tuple[int, int]]:
    """Return what phases have displayed, by position: the revision, and how many displays there are."""
    books = tuple(session.outputs.items())
    return {session.graph.index[name]: (book.revision, len(book)) for name, book in books}


def leaves_of(phases: Any) -> tuple[tuple[PhaseStatus, ...], ...]:
    """Return the leaves of a table, or of the table that some other sequence of phases would make."""
    return phases.leaves if type(phases) is Table else Table(phases).leaves
