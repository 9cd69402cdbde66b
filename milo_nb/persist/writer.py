"""What one round of the recorder does: all that has come is made to last, in the one order that loses nothing."""

from __future__ import annotations

import logging
from collections import deque
from errno import errorcode
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from milo_nb.errors import frames_of, name_of_type
from milo_nb.persist.journal import GAP, JOURNALLED, Entry
from milo_nb.persist.snapshot import write_snapshot
from milo_nb.state import actions as a
from milo_nb.state.actions import Action, make_action

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from milo_nb.persist.journal import Journal
    from milo_nb.persist.results import ResultFiles, Staged

LOG: Final = logging.getLogger("milo_nb")
SNAPSHOT_S: Final = 0.2
"""Between two snapshots, unless the session as a whole changed."""
SNAPSHOT_SHARE: Final = 20
"""A snapshot that took long is not made again before this many times as long."""
MOST_PENDING: Final = 200_000
"""Entries that are kept while the disk refuses them; with more, all are dropped and the journal says how many."""
MOST_UNKEPT_BYTES: Final = 64_000_000
"""Of results that are kept in memory while the disk refuses them."""
_TURNS: Final = frozenset(
    {
        a.PIPELINE_START, a.PIPELINE_COMPLETE, a.PIPELINE_FAILED, a.PIPELINE_PAUSED, a.PIPELINE_RESUMED,
        a.PIPELINE_CANCELLED, a.PHASE_REVIEW,
    }
)  # fmt: skip
_UNSYNCED: Final = frozenset({a.PHASE_START, a.PHASE_RETRY})
"""What costs nothing if a power cut loses it."""
_FREQUENT: Final = frozenset({a.PHASE_START, a.PHASE_COMPLETE})
_WITH_RESULT: Final = frozenset({a.PHASE_COMPLETE, a.PHASE_SKIPPED})
TAKEN: Final = JOURNALLED - {a.PHASE_SAVED}


class Heard(NamedTuple):
    """Whom a writer tells and asks; see :class:`Recorder`."""

    saved: Callable[[list[dict[str, Any]]], None]
    trouble: Callable[[str], None]
    recovery: Callable[[], None] | None = None
    snapshot: Callable[[], Mapping[str, Any]] | None = None
    enrich: Callable[[Action], Mapping[str, Any] | None] | None = None


class Writer:
    """Writes what is in its queue; one thread at a time has it do so.

    Attributes:
        queue: Batches of actions and entries, in the order in which they came.
        staged: Results that wait for their phase to be completed, by name and attempt.
        substitutes: Values that wait for their phase to be skipped; the attempt may be completed before that.
        is_due: The snapshot is older than the journal.
        next_snapshot: When one may be written, on the monotonic clock.
        missed: How many actions are on no disk for good.
    """

    def __init__(self, journal: Journal, results: ResultFiles, path: Path, heard: Heard) -> None:
        """Make a writer that has written nothing; `path` is the snapshot's."""
        self.journal = journal
        self.results = results
        self.queue: deque[list[Action] | Entry] = deque()
        self.staged: dict[tuple[str, int], Staged] = {}
        self.substitutes: dict[tuple[str, int], Staged] = {}
        self.is_due = heard.snapshot is not None  # an earlier owner may have left it so
        self.next_snapshot = 0.0
        self.missed = 0
        self._path = path
        self._heard = heard
        self._unwritten: list[Action | Entry] = []  # refused by the disk
        self._unkept: list[Staged] = []
        self._told: set[str] = set()
        self._told_for_good: set[str] = set()  # of results that are lost to the disk, whatever comes
        self._is_unsynced = False
        self._is_newer = False  # results were told of after the snapshot was made
        self._time = 0.0  # of the latest action

    @property
    def is_behind(self) -> bool:
        """Whether something that came is not on disk."""
        return bool(self._unwritten or self._unkept or self.queue)

    def round(self, *, is_last: bool) -> None:
        """Write what has come; all that can be, if nobody will ask again."""
        entries = self._drain()
        if entries and self._heard.snapshot is not None:
            self.is_due = True
        if (entries or is_last) and not self._commit(entries, is_last=is_last):
            self.is_due = False  # until something new comes, and with it the next try
            return
        began = monotonic()
        if self.is_due and (is_last or began >= self.next_snapshot or any(e.type in _TURNS for e in entries)):
            self._is_newer = False
            snapshot = self._make_snapshot()
            more = self._drain()  # all that the snapshot has seen
            if more and not self._commit(more, is_last=is_last):
                self.is_due = False
                return
            if snapshot is None:
                self.is_due = False
                return
            self._write_snapshot(snapshot, began)
            if self._is_newer:  # what was told just now is not in the snapshot yet
                self.is_due = True
                if is_last:
                    self.round(is_last=True)

    def _drain(self) -> list[Action | Entry]:
        queue, enrich = self.queue, self._heard.enrich
        entries: list[Action | Entry] = []
        for _ in range(len(queue)):
            batch = queue.popleft()
            if isinstance(batch, Entry):
                entries.append(batch)
                continue
            self._time = batch[-1].timestamp if batch else self._time
            for action in batch:
                kind = action.type
                if kind in TAKEN:
                    facts = _facts(enrich, action) if enrich is not None and kind not in _FREQUENT else None
                    entries.append(Entry(kind, action, {"extra": facts}) if facts else action)
        return entries

    def _commit(self, entries: list[Action | Entry], *, is_last: bool) -> bool:
        """Make entries last, with the results that belong to them; tell whether the journal misses nothing."""
        entries = self._unwritten + self._keep(entries)
        journal = self.journal
        mark = journal.mark
        try:
            journal.append_entries(entries)
            self._is_unsynced = self._is_unsynced or bool(entries)
            if self._is_unsynced and (is_last or any(entry.type not in _UNSYNCED for entry in entries)):
                journal.sync()
                self._is_unsynced = False
        except OSError as e:
            journal.rewind(mark)
            self._unwritten = self._bounded(entries)
            self.trouble(e)
            return False
        self._unwritten = []
        if saved := _saved_in(entries):
            self._tell(self._heard.saved, saved)
            self._is_newer = self._heard.snapshot is not None
        if self._told and not self._unkept:
            self._told.clear()
            if not self._told_for_good and self._heard.recovery is not None:
                self._tell(self._heard.recovery)
        return True

    def _keep(self, entries: list[Action | Entry]) -> list[Action | Entry]:
        """Keep the results of the phases that completed; return the entries with the records of them."""
        staged, waiting = self.staged, self._unkept
        if not staged and not waiting and not self.substitutes:
            return entries
        _give_up_replaced(self.results, waiting, entries)
        late = len(waiting)
        places: list[int] = []
        for place, entry in enumerate(entries):
            made = staged if entry.type == a.PHASE_COMPLETE else self.substitutes
            if entry.type in _WITH_RESULT and (one := made.pop(_attempt_of(entry), None)) is not None:
                waiting.append(one)
                places.append(place)
        if not waiting:
            return entries
        self._unkept = []
        try:
            records: list[dict[str, Any] | None] = list(self.results.keep(waiting))
        except OSError:
            records = [self._keep_one(one) for one in waiting]
        for place, record in zip(places, records[late:], strict=True):
            if record is not None:
                entry = entries[place]
                action, facts = (entry, {}) if isinstance(entry, Action) else (entry.action, entry.facts)
                entries[place] = Entry(entry.type, action, {**facts, "saved": record})
        for one, record in zip(waiting[:late], records[:late], strict=True):
            if record is not None:
                payload = {"name": one.phase, "attempt": one.attempt, **record}
                entries.append(make_action(a.PHASE_SAVED, payload, self._time))
        return entries

    def _keep_one(self, one: Staged) -> dict[str, Any] | None:
        """Keep one result of several that could not be kept together."""
        try:
            return self.results.keep([one])[0]
        except FileNotFoundError as e:  # what was written is gone, and so is the result
            self.trouble(e, for_good=True)
        except OSError as e:
            self.trouble(e)
            self._unkept.append(one)
            self._bound_unkept()
        return None

    def _bound_unkept(self) -> None:
        size = sum(len(one.content) for one in self._unkept)
        while size > MOST_UNKEPT_BYTES:
            size -= len(self._unkept[0].content)
            self.results.drop(self._unkept.pop(0))

    def _bounded(self, entries: list[Action | Entry]) -> list[Action | Entry]:
        """Return what to try again: the entries, or that there were too many."""
        if len(entries) <= MOST_PENDING:
            return entries
        missed = sum(e.facts["missed"] if isinstance(e, Entry) and e.type == GAP else 1 for e in entries)
        self.missed = missed
        return [Entry(GAP, None, {"missed": missed})]

    # ------------------------------------------------------------------ the snapshot, and telling

    def _make_snapshot(self) -> Mapping[str, Any] | None:
        try:
            return self._heard.snapshot() if self._heard.snapshot is not None else None
        except Exception:
            LOG.exception("no snapshot could be made")
            return None

    def _write_snapshot(self, snapshot: Mapping[str, Any], began: float) -> None:
        try:
            write_snapshot(self._path, {**snapshot, "journal_bytes": self.journal.mark[0]})
        except OSError as e:
            self.trouble(e)
        self.is_due = False
        now = monotonic()
        self.next_snapshot = now + max(SNAPSHOT_S, SNAPSHOT_SHARE * (now - began))

    def trouble(self, error: OSError, *, for_good: bool = False) -> None:
        """Say why something could not be written, unless that was said."""
        kind = errorcode.get(error.errno or 0, type(error).__name__)
        told = self._told_for_good if for_good else self._told
        is_new = kind not in self._told and kind not in self._told_for_good
        told.add(kind)
        if is_new:
            where = f" ({error.filename})" if error.filename else ""
            self._tell(self._heard.trouble, f"{error.strerror or error}{where}")

    def _tell(self, listener: Callable[..., None], *facts: Any) -> None:
        try:
            listener(*facts)
        except Exception:
            LOG.exception("who was to be told of what is on disk failed")


def let_go_of(results: ResultFiles, waiting: dict[tuple[str, int], Staged], *keys: tuple[str, int]) -> None:
    """Let go of values that were written and are not to be kept, if they are there."""
    for key in keys:
        if (staged := waiting.pop(key, None)) is not None:
            results.drop(staged)


def _give_up_replaced(results: ResultFiles, waiting: list[Staged], entries: list[Action | Entry]) -> None:
    """Let go of what waits and does not count any more: it must not come after what does."""
    replaced = {_attempt_of(entry) for entry in entries if entry.type == a.PHASE_SKIPPED}
    for one in [one for one in waiting if (one.phase, one.attempt) in replaced]:
        waiting.remove(one)
        results.drop(one)


def _attempt_of(entry: Action | Entry) -> tuple[Any, Any]:
    action = entry if isinstance(entry, Action) else entry.action
    payload = action.payload if action is not None else None
    return (payload.get("name"), payload.get("attempt")) if isinstance(payload, dict) else (payload, None)


def _saved_in(entries: list[Action | Entry]) -> list[dict[str, Any]]:
    """Return the payloads of ``@@PHASE_SAVED`` that entries stand for."""
    saved = []
    for entry in entries:
        if isinstance(entry, Action):
            if entry.type == a.PHASE_SAVED:
                saved.append(entry.payload)
        elif "saved" in entry.facts:
            name, attempt = _attempt_of(entry)
            saved.append({"name": name, "attempt": attempt, **entry.facts["saved"]})
    return saved


def _facts(enrich: Callable[[Action], Mapping[str, Any] | None], action: Action) -> Mapping[str, Any] | None:
    """Return what is noted beside an action; if that fails, the action is written without: nothing else may be lost."""
    try:
        return enrich(action)
    except BaseException as wrong:  # noqa: BLE001 - it looks at a person's exception
        told = (action.type, name_of_type(wrong), frames_of(wrong))  # its words might take for ever
        LOG.error("nothing can be noted beside %s: %s\n%s", *told)  # noqa: TRY400 - as above
        return None
