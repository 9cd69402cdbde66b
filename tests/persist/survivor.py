"""A session without an executor, for processes that are killed: ``python survivor.py ROOT SESSION [COUNT]``.

Runs phases one after the other, each on the results of all before it, and takes up whatever an earlier process left. Every
start and end of a phase goes into ``ROOT/trace`` by itself, so that the test need not believe the journal. Prints what
came out, and what was refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from pathlib import Path

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase
from milo_nb.errors import ResultRefusedError, UnknownSessionError
from milo_nb.persist.declared import declared_to_json
from milo_nb.persist.displays import Display, DisplayFiles, Place
from milo_nb.persist.journal import Journal, make_header
from milo_nb.persist.lock import SessionLock
from milo_nb.persist.recorder import Recorder
from milo_nb.persist.replay import replay
from milo_nb.persist.results import ResultFiles
from milo_nb.persist.rundir import RunDir, find
from milo_nb.persist.snapshot import to_snapshot
from milo_nb.state import actions as a
from milo_nb.state.actions import INIT, Action
from milo_nb.state.reducer import PipelineReducer
from milo_nb.values.trust import signing_key

NAMES = [f"p{i}" for i in range(6)]
SIZES = [10, 5_000, 100_000, 0, 300_000, 40]
"""Bytes of the results: in the journal, in a pack, in files of their own."""
GRAPH = PhaseGraph([Phase(n, print, depends_on=NAMES[i - 1 : i] if i else []) for i, n in enumerate(NAMES)])


def make_result(i, before):
    """Return the result of a phase: text or bytes that depend on all results before it."""
    seed = hashlib.sha256(repr([i, before]).encode()).hexdigest()
    return seed[: SIZES[i]] if SIZES[i] <= 64 else (seed * (SIZES[i] // 64 + 1)).encode()[: SIZES[i]]


class Survivor:
    """One process's share of a session."""

    def __init__(self, root: Path, session: str, pace: float = 0.0) -> None:
        self.root, self.pace = root, pace
        self.trace = os.open(root / "trace", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.refused: list[str] = []
        self.trouble: list[str] = []
        try:
            self.run = find(root, session)
        except UnknownSessionError:
            self.run = RunDir.make(root, "survivor", session, time.time())
        self.lock = SessionLock(self.run)
        self.lock.acquire()
        now = time.time(), time.monotonic()
        self.records = {}
        self.reduce = PipelineReducer("survivor", GRAPH)
        if self.run.journal.exists():
            journal = Journal.open(self.run.journal)
            journal.own(*now)
            self.state = replay(journal.journalled, GRAPH)
            for action in journal.journalled.actions:
                if action.type == a.PHASE_SAVED:
                    self.records[action.payload["name"]] = action.payload
        else:
            header = make_header("survivor", session, declared_to_json(GRAPH), wall=now[0], clock=now[1])
            journal = Journal.create(self.run.journal, header)
            self.state = self.reduce(None, Action(INIT))
        self.results = ResultFiles(self.run, signing_key())
        self.results.sweep()
        self.displays = DisplayFiles(self.run, signing_key)
        self.displays.sweep()
        self.guard = threading.Lock()
        self.recorder = Recorder(
            self.run,
            journal,
            self.results,
            on_saved=lambda payloads: None,
            on_trouble=self.trouble.append,
            snapshot=self.snapshot,
        )

    def snapshot(self):
        with self.guard:
            return to_snapshot(self.state)

    def tell(self, kind, payload=None):
        batch = [Action(kind, payload, time.monotonic())]
        with self.guard:
            self.state = self.reduce.batch(self.state, batch)
            self.recorder.take(batch)

    def write(self, mark):
        os.write(self.trace, f"{mark} {os.getpid()}\n".encode())

    def go(self) -> str:
        """Run what is not saved; return a digest of all results."""
        if self.state.status == "pending":
            self.tell(a.PIPELINE_START, {"session_id": self.run.session_id})
        values: list[object] = []
        for i, name in enumerate(NAMES):
            phase = self.state.phases[i]
            if phase.status == "completed" and phase.saved:
                try:
                    values.append(self.results.load(self.records[name]))
                    continue
                except ResultRefusedError as e:
                    self.refused.append(f"{name}: {e.reason}")
            attempt = phase.attempt + (phase.status != "pending")
            self.tell(a.PHASE_START, {"name": name, "attempt": attempt})
            self.write(f"start {name}")
            if self.pace:
                threading.Event().wait(self.pace)
            self.displays.write(name, Place(attempt, 1), Display({"text/plain": name}))
            value = make_result(i, values)
            values.append(value)
            self.recorder.stage(name, attempt, value)
            self.write(f"end {name}")
            self.tell(a.PHASE_COMPLETE, {"name": name, "attempt": attempt, "result": f"{name}.{attempt}"})
        if self.state.status != "completed":
            self.tell(a.PIPELINE_COMPLETE)
        self.recorder.close()
        self.lock.release()
        return hashlib.sha256(repr(values).encode()).hexdigest()


if __name__ == "__main__":
    survivor = Survivor(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 0.0)
    print(json.dumps({"digest": survivor.go(), "refused": survivor.refused, "trouble": survivor.trouble}))
