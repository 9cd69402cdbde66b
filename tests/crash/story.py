"""A session over many processes, most of which are killed, watched from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from milo_nb.execute.attached import attach
from milo_nb.execute.taking_up import latest_unfinished
from milo_nb.persist.journal import read
from milo_nb.persist.lock import owner
from milo_nb.persist.replay import current_snapshot, replay
from milo_nb.persist.rundir import RunDir, sessions
from milo_nb.persist.snapshot import read_snapshot
from milo_nb.state.model import DONE
from tests.crash import driver
from tests.strategies import DEADLINE_S

PROGRAM = Path(driver.__file__)


class Life(NamedTuple):
    """What one process came to.

    Attributes:
        pid: Its process id.
        killed: It was killed.
        told: What it said in the end; None if it was killed.
    """

    pid: int
    killed: bool
    told: dict[str, Any] | None


class Story:
    """One session of the driver's pipeline."""

    def __init__(self, root: Path, seed: int) -> None:
        root.mkdir(parents=True)
        self.root, self.seed = root, seed
        self.plot = driver.make_plot(seed)
        self.results = driver.expected(self.plot)
        self.saved: dict[str, int] = {}
        self.ever_saved: set[tuple[str, int]] = set()
        self.kills = 0

    # ------------------------------------------------------------------ one life after the other

    def live(self, kill_after_s: float | None = None, **env: str) -> Life:
        """Run one process, and check what it did by its own account."""
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(self.root), str(self.seed)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(PROGRAM.parents[2]), **env},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "began\n", process.communicate()[1]
        try:
            out, err = process.communicate(timeout=DEADLINE_S if kill_after_s is None else kill_after_s)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            assert kill_after_s is not None, f"it hangs: {err}\n{self.trace()}"
        assert process.returncode in (0, -signal.SIGKILL), f"seed {self.seed}: {err}"
        killed = process.returncode != 0
        self.kills += killed
        life = Life(process.pid, killed, None if killed else json.loads(out))
        self.check_starts(life)
        self.look()
        return life

    def finish(self) -> None:
        """Run until it is completed, and check how it ends."""
        if not self.is_completed():
            life = self.live()
            assert life.told is not None
            assert life.told["digest"] == driver.digest(self.results)
            assert life.told["notice"] == ""
            assert life.told["state"] == driver.bare(replay(read(self.run().journal)))
            assert read_snapshot(self.run().snapshot) == current_snapshot(self.run())
            folders = (self.run().results, self.run().outputs)
            left = [p.name for folder in folders for p in folder.iterdir() if p.name.startswith(".")]
            assert left == []
        self.check_end()

    # ------------------------------------------------------------------ what is on disk

    def trace(self) -> list[list[Any]]:
        """Return what the processes did by their own account."""
        path = self.root / "trace"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def run(self) -> RunDir:
        """Return the session's directory."""
        (run,) = [run for run in sessions(self.root / "work", driver.NAME) if run.journal.exists()]
        return run

    def is_begun(self) -> bool:
        """Tell whether there is a session."""
        return any(run.journal.exists() for run in sessions(self.root / "work", driver.NAME))

    def is_completed(self) -> bool:
        """Tell whether the journal says that it is completed."""
        return self.is_begun() and replay(read(self.run().journal)).status == "completed"

    # ------------------------------------------------------------------ checks

    def check_starts(self, life: Life) -> None:
        """No attempt that was saved starts again, and no phase that was, unless it was asked to run again."""
        free: set[str] = set()
        for pid, mark, *facts in self.trace():
            if pid != life.pid:
                continue
            if mark == "again":
                free |= self.below(facts[0])
            elif mark == "start":
                name, attempt = facts
                assert (name, attempt) not in self.ever_saved, f"seed {self.seed}: {name} {attempt}"
                assert name in free or name not in self.saved, f"seed {self.seed}: {name} {attempt}"

    def below(self, name: str) -> set[str]:
        """Return a phase and all that is built on it."""
        found = {name}
        for spec in self.plot.specs:  # in an order in which dependencies come first
            if found.intersection(spec.before):
                found.add(spec.name)
        return found

    def look(self) -> None:
        """Note what is saved by now, and look at the session as anybody may."""
        if not self.is_begun():
            return
        run = self.run()
        journalled = read(run.journal)
        assert not journalled.damage or journalled.is_torn
        assert owner(run) is None
        state = replay(journalled)
        self.saved = {p.name: p.attempt for p in state.phases if p.status in DONE and p.saved}
        self.ever_saved |= set(self.saved.items())
        if state.status != "completed":
            assert latest_unfinished(self.root / "work", driver.NAME) == run
        seen = attach(run.session_id, self.root / "work")
        try:
            assert {p.name: p.attempt for p in seen.store.state.phases if p.status in DONE and p.saved} == self.saved
            for name in self.saved:
                assert seen.results[name] == self.results[name], name
            for name, book in seen.session.outputs.items():
                for shown in book:  # of each attempt one, as it was at some time
                    assert str(shown.data["text/plain"]).startswith(f"{name} "), shown
        finally:
            seen.close()

    def check_end(self) -> None:
        """All is there, saved and right, also for another process."""
        assert self.is_completed()
        seen = attach(None, self.root / "work")
        try:
            assert {name: seen.results[name] for name in seen.results} == self.results
            statuses = {p.name: p.status for p in seen.store.state.phases}
            shown = {name: [o.data["text/plain"] for o in book] for name, book in seen.session.outputs.items()}
        finally:
            seen.close()
        kinds = {s.name: s.kind for s in self.plot.specs}
        for name, texts in shown.items():
            assert len(texts) == len(set(texts)), name
        assert statuses == {n: "skipped" if kind == "broken" else "completed" for n, kind in kinds.items()}
