"""A process that runs a real pipeline and is killed: ``python driver.py ROOT SEED``.

What the pipeline is follows from the seed alone: its phases, what they return, which fail first, which one nobody can run
and is skipped with a value, after which one a person approves, what is run again. Each process takes up the session that
an earlier one left. Every start of a phase goes into ``ROOT/trace`` by itself, so that the test need not believe the
journal. In the end it prints what came out, and the state that it had.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from milo_nb.capture.outputs import Output
from milo_nb.capture.shown import CURRENT_SINK
from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.errors import InvalidStateError, NothingToResumeError
from milo_nb.execute.executor import PipelineExecutor, register_attendance
from milo_nb.persist.mailbox import post, wait_answer
from milo_nb.persist.rundir import find
from milo_nb.pipeline import Pipeline
from milo_nb.state.table import Table

NAME = "Überleben / 2"
DEADLINE_S = 40.0
SUBSTITUTE = {"made": ["up", 1.5, None]}
KINDS = ("number", "plain", "text", "packed", "large", "object", "file", "flaky")


class Made(NamedTuple):
    """A result that JSON has no form for."""

    text: str


class Spec(NamedTuple):
    """One phase of the pipeline."""

    name: str
    kind: str
    before: tuple[str, ...]
    parallel: bool
    review: bool = False


class Plot(NamedTuple):
    """What is to happen, by a seed."""

    specs: tuple[Spec, ...]
    again: str
    pauses: bool
    pace: float


def make_plot(seed: int) -> Plot:
    """Return what a seed stands for."""
    chance = random.Random(seed)
    names = [f"p{i}" if chance.random() < 0.7 else f"Phase {i}/../é" for i in range(chance.randint(4, 8))]
    broken, review = chance.randrange(1, len(names)), chance.randrange(len(names) * 2)
    specs = []
    for i, name in enumerate(names):
        before = tuple(sorted(chance.sample(names[:i], min(i, chance.randint(0, 3)))))
        kind = "broken" if i == broken else chance.choice(KINDS) if i else "large"
        specs.append(Spec(name, kind, before, chance.random() < 0.6, i == review and kind != "broken"))
    again = next(s.name for s in specs if s.kind != "broken")
    return Plot(
        tuple(specs), again if chance.random() < 0.5 else "", chance.random() < 0.4, chance.choice([0.0, 0.01, 0.03])
    )


def make_result(spec: Spec, inputs: dict[str, Any]) -> Any:
    """Return the result of a phase, which all of its inputs are in."""
    seed = hashlib.sha256(repr([spec.name, sorted(inputs.items())]).encode()).hexdigest()
    if spec.kind == "number":
        return int(seed[:12], 16)
    if spec.kind in ("plain", "flaky"):
        return {"seed": seed, "list": [1, 2.5, None, True, "ü"]}
    if spec.kind == "object":
        return Made(seed)
    if spec.kind in ("packed", "large"):
        return (seed * 5_000).encode()[: 3_000 if spec.kind == "packed" else 200_000]
    return seed


def expected(plot: Plot) -> dict[str, Any]:
    """Return the results that an undisturbed run would have."""
    results: dict[str, Any] = {}
    for spec in plot.specs:
        inputs = {name: results[name] for name in spec.before}
        results[spec.name] = SUBSTITUTE if spec.kind == "broken" else make_result(spec, inputs)
    return results


def digest(results: dict[str, Any]) -> str:
    """Return what stands for results in a line of text."""
    return hashlib.sha256(repr(sorted(results.items())).encode()).hexdigest()


def bare(state: Any) -> str:
    """Return a state as text, without what has files of its own: lines, displays, progress."""
    phases = [replace(p, logs=(), log_count=0, outputs=(), message="", fraction=0.0) for p in state.phases]
    return repr(replace(state, phases=Table(phases)))


class Trace:
    """Lines that are there however the process ends."""

    def __init__(self, root: Path) -> None:
        self._fd = os.open(root / "trace", os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self.path = root / "trace"

    def __milo_hash__(self) -> str:
        """Whatever it is, it is no part of the code of a phase."""
        return "trace"

    def write(self, *words: Any) -> None:
        os.write(self._fd, (json.dumps([os.getpid(), *words]) + "\n").encode())

    def has(self, *words: Any) -> bool:
        return any(json.loads(line)[1:] == list(words) for line in self.path.read_text().splitlines())


def show(text: str, *, update: bool) -> None:
    """Display something as a notebook would, and change it in place."""
    sink = CURRENT_SINK.get()
    assert sink is not None
    sink.output(Output({"text/plain": text}, display_id="bar", update=update))


def make_handler(spec: Spec, trace: Trace, pace: float) -> Any:
    """Return the handler of a phase."""

    def handler(context: dict[str, Any], ctx: Any) -> Any:
        trace.write("start", spec.name, ctx.attempt)
        print(f"{spec.name} runs")
        for step in range(3):
            show(f"{spec.name} {ctx.attempt} {step}", update=step > 0)
        ctx.sleep(pace)
        if spec.kind == "broken":
            raise ValueError("nobody can run this")
        if spec.kind == "flaky" and ctx.attempt % 2:
            raise OSError("not the first time")
        value = make_result(spec, context)
        if spec.kind == "file":
            (ctx.work_dir / "raw" / value[:16]).write_text(value * 100)
        return value

    return handler


def make_pipeline(plot: Plot, trace: Trace) -> Pipeline:
    """Return the pipeline of a plot."""
    phases = [
        Phase(
            spec.name,
            make_handler(spec, trace, plot.pace),
            depends_on=spec.before,
            parallel=spec.parallel,
            review=spec.review,
            policy=PhasePolicy("retry", 1, 0.01) if spec.kind == "flaky" else PhasePolicy(),
        )
        for spec in plot.specs
    ]
    return Pipeline(NAME, *phases)


class Drive:
    """One process's share of a session."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.plot = make_plot(seed)
        self.trace = Trace(root)
        self.changed = threading.Event()
        self.pauses = self.plot.pauses

    def make(self, **options: Any) -> PipelineExecutor:
        pipeline = make_pipeline(self.plot, self.trace)
        executor = PipelineExecutor(pipeline, work_dir=self.root / "work", max_workers=3, **options)
        self.listen(executor)
        return executor

    def listen(self, executor: PipelineExecutor) -> None:
        executor.store.subscribe(lambda *_: self.changed.set())

    def go(self) -> PipelineExecutor:
        """Take up the session, or begin it; do what is to be done until it is completed."""
        try:
            executor = self.make(resume=True).start()
        except NothingToResumeError:
            executor = self.make().start()
        self.listen(executor)
        self.trace.write("session", str(executor.session_id))
        ends = time.monotonic() + DEADLINE_S
        while self.step(executor):
            self.changed.wait(0.02)
            self.changed.clear()
            assert time.monotonic() < ends, f"it stands still: {executor.store.state}"
        return executor

    def step(self, executor: PipelineExecutor) -> bool:
        """Do what is to be done now; tell whether there will be more."""
        state = executor.store.state
        try:
            if state.waiting_for:
                self.ask(executor, state.waiting_for)
            elif self.pauses and state.status == "running" and state.progress > 0.3:
                self.pauses = False
                executor.pause()
            elif state.status == "paused" and not state.waiting_for:
                executor.resume()
            elif state.status in ("failed", "cancelled") and executor.session.ended.is_set():
                self.mend(executor)
            return state.status != "completed" or not executor.session.ended.is_set()
        except InvalidStateError:  # it went on meanwhile
            return True

    def ask(self, executor: PipelineExecutor, name: str) -> None:
        run_dir = find(self.root / "work", str(executor.session_id))
        answer = wait_answer(run_dir, post(run_dir, {"word": "approve", "phases": [name], "by": "driver"}), DEADLINE_S)
        assert answer is not None, "the mailbox is dead"

    def mend(self, executor: PipelineExecutor) -> None:
        broken = next(s.name for s in self.plot.specs if s.kind == "broken")
        again = self.plot.again
        known = {p.name: p for p in executor.store.state.phases}
        if again and known[again].status == "completed" and not self.trace.has("again", again):
            self.trace.write("again", again)
            executor.rerun(again)
        elif known[broken].status in ("failed", "cancelled"):
            executor.skip(broken, value=SUBSTITUTE)
        else:
            executor.resume()


def main(root: Path, seed: int) -> None:
    """Be killed, or come to the end."""
    register_attendance(lambda: True)
    print("began", flush=True)
    drive = Drive(root, seed)
    executor = drive.go()
    results = dict(executor.results)
    executor.session.disk.keeper.recorder.flush(DEADLINE_S)
    executor.close()
    told = {"digest": digest(results), "state": bare(executor.store.state), "notice": executor.store.state.notice}
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
