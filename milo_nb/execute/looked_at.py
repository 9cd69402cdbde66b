"""A session on disk as it is looked at, past or running: its state is rebuilt from the journal, and no code is run.

What its owner writes while it lives is followed. Commands go to the owner by its mailbox.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from milo_nb.errors import InvalidStateError
from milo_nb.execute.attaching import definitions
from milo_nb.execute.books import DiskBook, last_logs, readers
from milo_nb.execute.displays import SeenDisplays
from milo_nb.execute.earlier import EARLIER_RESULT
from milo_nb.execute.mail import EARLIER
from milo_nb.execute.results import Results
from milo_nb.execute.taking_up import (
    ContinuedClock,
    last_sign,
    recorded_errors,
    saved_records,
    session_uuid,
    settled,
    time_now,
)
from milo_nb.persist.displays import DisplayFiles
from milo_nb.persist.journal import read
from milo_nb.persist.lock import owner
from milo_nb.persist.mailbox import post, wait_answer
from milo_nb.persist.replay import latest_fail_fast, latest_graph, replay
from milo_nb.persist.results import ResultFiles
from milo_nb.state import actions as a
from milo_nb.state.actions import Action
from milo_nb.state.commands import Command
from milo_nb.state.model import ENDED
from milo_nb.state.plan import Evidence, Plan, plan
from milo_nb.state.reducer import PipelineReducer
from milo_nb.store.clock import SYSTEM_CLOCK
from milo_nb.store.loop import recall
from milo_nb.store.store import Store
from milo_nb.values.trust import signing_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.errors import PhaseError
    from milo_nb.persist.journal import Journalled
    from milo_nb.persist.rundir import RunDir
    from milo_nb.state.model import PipelineState

LOG = logging.getLogger("milo_nb")
POLL_S = 0.25
MOST_TRIES = 10
"""How often the journal of a session whose owner is gone is tried to be read to its end."""
ANSWER_S = 10.0
_OPTIONS = ("downstream", "replace", "only", "stale")


class AttachedSession:
    """A session on disk as its journal tells of it; follows a living owner. Never runs anything.

    Attributes:
        id: Its UUID.
        name: Name of its pipeline.
        graph: Its phases as they were declared, without code.
        store: Its state, kept up with the journal.
        results: Loaded and verified when asked for.
        errors: Phase name to what its latest failed attempt left in the journal.
        books: All lines of the phases that have any.
        outputs: What the phases displayed, read from disk when somebody looks.
        ended: Set while it has ended, or has no owner.
        started_wall: When it started, in seconds since the epoch; 0 if it has not.
    """

    def __init__(self, run_dir: RunDir) -> None:
        """Read a session.

        Raises:
            WorkDirError: If its journal cannot be read.
            SchemaError: If a newer version wrote it.
            OSError: If it has none, or may not be read.
        """
        journalled = read(run_dir.journal)
        self.run_dir = run_dir
        self.id = session_uuid(run_dir)
        self.name = str(journalled.header["pipeline"])
        self.graph = latest_graph(journalled)
        self.params: dict[str, Any] = {}
        self._displays = SeenDisplays(DisplayFiles(run_dir, signing_key), self.graph.names)
        self.outputs = self._displays.books
        self.errors: dict[str, PhaseError] = {}
        self.results = Results()
        self.ended = threading.Event()
        self._readers = readers(run_dir.logs, (*self.graph.names, ""))
        books = {name: DiskBook(reader) for name, reader in self._readers.items()}
        self._unattributed = books.pop("", None)
        self.books = books
        tails = {name: last_logs(self._readers[name], _max_logs(self.graph, name)) for name in books}
        self._clock = ContinuedClock(SYSTEM_CLOCK, time_now(journalled))
        reducer = PipelineReducer(self.name, self.graph, fail_fast=latest_fail_fast(journalled))
        state = replay(journalled, self.graph, tails, self._displays.references())
        self.store = Store(reducer, state, clock=self._clock, max_workers=1, name=f"milo-{self.name}-attached")
        self.started_wall = self.state.started_at + journalled.wall_offset if self.state.started_at else 0.0
        self._seen = 0
        self._size = -1
        self._stop = threading.Event()
        self._take_note(journalled)
        if self.is_owned:
            threading.Thread(target=self._follow, name=f"milo-{self.name}-attached", daemon=True).start()

    # ------------------------------------------------------------------ what is known

    @property
    def state(self) -> PipelineState:
        """The state as far as it was read."""
        return self.store.state  # type: ignore[no-any-return]

    @property
    def is_owned(self) -> bool:
        """Whether a living process runs it."""
        try:
            return owner(self.run_dir) is not None
        except OSError:
            return False

    def is_running(self) -> bool:
        """Tell whether it has started and not ended."""
        return not self.ended.is_set()

    def now(self) -> float:
        """Return seconds on the session's clock."""
        return self._clock.now()

    def plan(self, command: Command) -> Plan:
        """Return what a command would do, as far as can be told from here."""
        refused = self.locked
        return (
            Plan(command, refused=refused) if refused else plan(command, self.graph, self.state, Evidence(self.now()))
        )

    @property
    def locked(self) -> str:
        """Why nobody can carry out commands, and the way out; "" if its owner can, or this kernel with what it defines."""
        if self.is_owned:
            return ""
        defined = definitions()
        return no_owner(self) if defined is None else defined.why_not(self)

    def command(self, command: Command) -> Plan:
        """Ask the owner to carry out a command, and wait for its answer.

        Raises:
            InvalidStateError: If it refuses, does not answer, or is not there any more.
        """
        if not self.is_owned:
            raise InvalidStateError(no_owner(self))
        if command.value is not None and command.value is not EARLIER_RESULT:
            raise InvalidStateError("A value cannot be sent to another kernel. Skip without one, or where it is.")
        made = self.plan(command)
        options = {name: getattr(command, name) for name in _OPTIONS if getattr(command, name) != getattr(_PLAIN, name)}
        if command.value is not None:
            options["value"] = EARLIER
        asked = {"word": command.word, "phases": list(command.phases), "by": command.by, "options": _to_json(options)}
        answer = wait_answer(self.run_dir, post(self.run_dir, asked), ANSWER_S, cancelled=lambda: not self.is_owned)
        if answer is None:
            raise InvalidStateError(f"The owner of session {self.id} has not answered within {ANSWER_S:g} s.")
        if not answer.ok:
            raise InvalidStateError(answer.message)
        return made

    def book(self, name: str) -> DiskBook | None:
        """Return all lines of a phase, if it has any; the empty name is what belongs to no phase."""
        return self.books.get(name) if name else self._unattributed

    def describe_result(self, name: str) -> str:
        """Say what is on disk of a result, without loading it: loading runs code."""
        record = self.results.record(name)
        if record is None:
            return "not saved"
        return f"saved, {record.get('size', 0):,} bytes; `%milo pull {self.name} {name}` brings it here"

    def close(self) -> None:
        """Look no longer."""
        self._stop.set()
        self.store.shutdown()

    def finish(self) -> None:
        """Nothing is to be let go of."""

    # ------------------------------------------------------------------ following

    def _take_note(self, journalled: Journalled) -> None:
        """Take in what is new in the journal."""
        new = journalled.actions[self._seen :]
        if self._seen:  # what was there at first is in the state already
            recall(self.store.loop, new)
        self._journalled = journalled
        self._seen = len(journalled.actions)
        self.results.renew(saved_records(journalled, self.state))
        self.results.back_with(self._load)
        self.errors.update(recorded_errors(journalled, self.state))
        if not self.is_owned:
            self._settle()
        elif self.state.status in ENDED and self.state.stopped_at:
            self.ended.set()
        else:
            self.ended.clear()

    def _settle(self) -> None:
        """Say what its owner could not say any more."""
        state = self.state
        recall(self.store.loop, settled(state, last_sign(self._journalled, self.run_dir, state)))
        self.ended.set()

    def _load(self, record: Mapping[str, Any]) -> Any:
        return ResultFiles(self.run_dir, signing_key()).load(record)

    def _follow(self) -> None:
        pause, tries = POLL_S, 0
        while not self._stop.wait(pause):
            began = time.monotonic()
            owned = self.is_owned
            try:
                size = self.run_dir.journal.stat().st_size
                if size != self._size or not owned:
                    self._take_note(read(self.run_dir.journal))
                    self._size = size
                self._follow_logs()
                for name in self._displays.refresh():
                    self.store.loop.dispatch(Action(a.PHASE_OUTPUT, {"name": name}))
                tries = 0
            except Exception as e:
                LOG.debug("session %s cannot be followed now", self.id, exc_info=e)
                tries += 1
            if not owned and not 0 < tries < MOST_TRIES and not self.is_owned:
                self._settle()  # also if there is nothing to read any more: nobody should wait for that
                return
            pause = max(POLL_S, 10 * (time.monotonic() - began))

    def _follow_logs(self) -> None:
        for name, reader in readers(self.run_dir.logs, (*self.graph.names, "") - self._readers.keys()).items():
            self._readers[name] = reader
            if name:
                self.books[name] = DiskBook(reader)
            else:
                self._unattributed = DiskBook(reader)
            self._tell_lines(name, 0, reader)
        for name, reader in self._readers.items():
            before = len(reader)
            reader.refresh()
            self._tell_lines(name, before, reader)

    def _tell_lines(self, name: str, before: int, reader: Any) -> None:
        count = len(reader) - before
        if count > 0 and name:
            lines, _ = last_logs(reader, min(_max_logs(self.graph, name), count))
            self.store.loop.dispatch(Action(a.PHASE_LOGS, {"name": name, "lines": lines, "count": count}))


def _max_logs(graph: PhaseGraph, name: str) -> int:
    return graph.phases[graph.index[name]].max_logs


_PLAIN = Command("start")


def _to_json(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}


def no_owner(session: AttachedSession) -> str:
    """Say why a session on disk takes no commands, and the way out."""
    return (
        f"Session {session.id} has no kernel any more: it can be looked at, not steered. Define '{session.name}' here "
        f"and resume it: executor.resume('{session.id}'), or in a notebook %milo resume {session.name} {session.id}."
    )
