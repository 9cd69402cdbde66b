"""Random pipelines and random things that happen to them, and the sessions that tests drive by hand."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.execute.session import Session
from milo_nb.state.commands import Command
from milo_nb.testing import FakeClock, HandBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import Self

    from milo_nb.state.model import PhaseStatus, PipelineState
    from milo_nb.state.plan import Plan

DEADLINE_S = 60.0
"""Longest wait for what must come from another thread."""


def nothing() -> None:
    """Do nothing."""


def give(value: Any = 1) -> Callable[[], Any]:
    """Return a handler that returns `value`."""
    return lambda: value


def boom() -> None:
    """Fail."""
    raise ValueError("boom")


class Gate:
    """A handler that waits until the test opens it."""

    def __init__(self, value: Any = None) -> None:
        self.began, self.open, self.value = threading.Event(), threading.Event(), value

    def __call__(self) -> Any:
        self.began.set()
        assert self.open.wait(DEADLINE_S)
        return self.value


POLICIES = st.sampled_from(
    [
        PhasePolicy(),
        PhasePolicy("continue"),
        PhasePolicy("skip"),
        PhasePolicy("retry", 1, 5.0),
        PhasePolicy("retry", 2, 2.0, "exponential"),
    ]
)


@st.composite
def phase_lists(draw: st.DrawFn, most: int = 9, policies: st.SearchStrategy[PhasePolicy] = POLICIES) -> list[Phase]:
    """Phases whose dependencies make no circle, in an order of declaration that says nothing."""
    count = draw(st.integers(1, most))
    names = draw(st.permutations([f"p{i}" for i in range(count)]))
    phases = []
    for i, name in enumerate(names):
        before = draw(st.lists(st.sampled_from(names[:i]), unique=True, max_size=3)) if i else []
        weight = draw(st.integers(0, 3))
        review = draw(st.integers(0, 5)) == 0
        phases.append(
            Phase(
                name,
                nothing,
                "",
                before,
                parallel=draw(st.booleans()),
                weight=weight,
                policy=draw(policies),
                review=review,
            )
        )
    return draw(st.permutations(phases))


class Hand:
    """A real session on a backend whose phases end when the test says so. All of it happens in the test's thread."""

    def __init__(self, phases: Iterable[Phase], *, slots: int = 4, fail_fast: bool = False, **options: Any) -> None:
        self.clock = FakeClock()
        self.backend = HandBackend()
        self.graph = PhaseGraph(list(phases))
        self.session = Session(
            "hand",
            self.graph,
            options.pop("params", {}),
            max_workers=slots,
            backend=self.backend,
            clock=self.clock,
            fail_fast=fail_fast,
            capture_output=False,
            is_attended=options.pop("is_attended", lambda: True),
            **options,
        )
        self.actions: list[str] = []

    def start(self) -> Hand:
        self.session.start()
        return self

    def close(self) -> None:
        """Let whatever runs stop, then close the session."""
        self.session.close()
        while self.backend.running:
            for name in list(self.backend.running):
                self.backend.cancelled(name)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def state(self) -> PipelineState:
        return self.session.state

    @property
    def running(self) -> set[str]:
        return set(self.backend.running)

    def phase(self, name: str) -> PhaseStatus:
        return self.state.phases[self.graph.index[name]]

    def status(self, name: str) -> str:
        return self.phase(name).status

    def statuses(self) -> dict[str, str]:
        return {p.name: p.status for p in self.state.phases}

    def command(self, word: Any, *phases: str, **options: Any) -> Plan:
        return self.session.command(Command(word, phases, **options))

    def plan(self, word: Any, *phases: str, **options: Any) -> Plan:
        return self.session.plan(Command(word, phases, **options))

    def finish(self, *names: str) -> None:
        for name in names:
            self.agrees()
            attempt = self.backend.running[name].call.attempt
            self.backend.finish(name, f"result of {name}")
            now = self.phase(name)
            assert now.status == "completed" or now.attempt > attempt, f"{name} was completed, but is {now.status}"

    def fail(self, name: str, error: BaseException | None = None) -> None:
        self.agrees()
        self.backend.fail(name, error)

    def agrees(self) -> None:
        """State says of each phase that runs that it does, and at which attempt; and of no other."""
        said = {p.name: p.attempt for p in self.state.phases if p.status == "running"}
        assert said == {name: handle.call.attempt for name, handle in self.backend.running.items()}
        assert set(self.state.running) == set(said)
        assert self.state.current_phase == (self.state.running[-1] if said else "")

    def finish_all(self, most: int = 1000) -> list[str]:
        """Finish whatever runs, and what starts then, until nothing is left; return the names in order."""
        finished: list[str] = []
        while len(finished) < most:
            if not self.backend.running:
                if not self.clock.timers or self.session.ended.is_set():
                    return finished
                self.clock.advance(40.0)
                continue
            name = next(iter(self.backend.running))
            finished.append(name)
            self.finish(name)
        raise AssertionError(f"no end after {most} phases: {self.statuses()}")


class Watch:
    """Notes what happens, so that a test can wait until something has."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self._changed = threading.Condition()

    def note(self, what: Any = None) -> None:
        with self._changed:
            self.seen.append(what)
            self._changed.notify_all()

    def __call__(self, what: Any = None) -> None:
        self.note(what)

    def until(self, holds: Callable[[list[Any]], Any]) -> list[Any]:
        """Wait until `holds(seen)`, and return what was seen."""
        with self._changed:
            assert self._changed.wait_for(lambda: holds(self.seen), DEADLINE_S), f"never came; seen: {self.seen}"
            return list(self.seen)


def wait_until(holds: Callable[[], Any]) -> None:
    """Wait until `holds()`; for what has no event of its own."""
    never = threading.Event()
    for _ in range(int(DEADLINE_S * 200)):
        if holds():
            return
        never.wait(0.005)
    raise AssertionError("it never came about")


_listening: list[tuple[str, list[str]]] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _listening and isinstance(arguments[0], (str, os.PathLike)):
        path = os.fspath(arguments[0])
        for folder, files in tuple(_listening):
            if str(path).startswith(folder):
                files.append(str(path))


sys.addaudithook(_hear)  # for good: nothing takes one away


@contextmanager
def opened(folder: Path) -> Iterator[list[str]]:
    """Note which files in a folder are opened: what is quick however much there is opens few."""
    files: list[str] = []
    heard = (str(folder), files)
    _listening.append(heard)
    try:
        yield files
    finally:
        _listening.remove(heard)
