"""The sagas: what a session does next, as effects. They decide and never act.

``pipeline_saga`` runs a pipeline to its end. With ``commands`` on it also obeys the commands delivered to its task, and
``session_saga`` keeps it obeying after the end. No state that matters lives in a generator: after each command the
frontier is made anew from State.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from milo_nb.errors import PhaseCancelled, describe
from milo_nb.state import actions as a
from milo_nb.state.actions import Action, make_action
from milo_nb.state.commands import Commanded, SlotFreed
from milo_nb.state.effects import Call, Cancel, Delay, Joined, Put, Saga, Select, Wait, make_fork, make_put
from milo_nb.state.frontier import Frontier

if TYPE_CHECKING:
    from collections.abc import Callable

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.state.model import PipelineState

_WAIT = Wait()


class AttemptStillRuns(PhaseCancelled):
    """A cancelled attempt whose code would not stop: it is given up and keeps its slot until it ends."""


@dataclass(frozen=True, slots=True)
class Script:
    """What the sagas of a pipeline go by.

    Attributes:
        graph: The phases.
        call: Makes the Call for the phase at a position and an attempt.
        keep: Takes the value of the phase at a position, for those that depend on it.
        reference: Makes what PHASE_COMPLETE says of a value: the value itself, or a reference to it.
        slots: Most phases that may run at once.
        fail_fast: A failure also cancels what runs.
        commands: Commands may come at any time.
        start: Payload of PIPELINE_START.
    """

    graph: PhaseGraph
    call: Callable[[int, int], Call]
    keep: Callable[[int, Any], None]
    reference: Callable[[int, int, Any], Any]
    slots: int
    fail_fast: bool = False
    commands: bool = False
    start: Any = None


class Ended(NamedTuple):
    """How an attempt ended: ``done``, ``failed``, ``cancelled`` or ``again`` (in ``delay_s`` seconds)."""

    phase: int
    how: str
    delay_s: float = 0.0
    still_runs: bool = False


class Due(NamedTuple):
    """The delay before a phase's next try is over."""

    phase: int


@dataclass(slots=True)
class _Drive:
    """What one drive of the pipeline keeps at hand; all of it can be made anew from State and the tasks alive."""

    frontier: Frontier
    attempts: dict[int, int] = field(default_factory=dict)  # positions whose attempt is not the first
    bases: dict[int, int] = field(default_factory=dict)  # attempt that the latest command began with
    tasks: dict[int, Any] = field(default_factory=dict)  # what runs or waits, by position
    skipping: dict[int, Commanded] = field(default_factory=dict)  # to be skipped as soon as they have stopped
    paused: bool = False
    cancelling: bool = False
    halted: bool = False


def pipeline_saga(script: Script) -> Saga:
    """Run a pipeline from its start to its end."""
    yield Put(Action(a.PIPELINE_START, script.start))
    drive = _Drive(Frontier(script.graph))
    if script.commands:  # a phase may have been skipped before the start
        yield from _take_stock(script, drive)
    yield from _run(script, drive)


def session_saga(script: Script, *, started: bool = False) -> Saga:
    """Run a pipeline and go on obeying commands after its end, for as long as its task lives."""
    drive = _Drive(Frontier(script.graph))
    if not started:
        yield Put(Action(a.PIPELINE_START, script.start))
    yield from _take_stock(script, drive)
    if not started:
        yield from _run(script, drive)
    while True:
        events = yield _WAIT
        yield from _hear(script, drive, events)
        state = yield Select()
        if state.status not in ("completed", "failed", "cancelled") or not state.stopped_at:
            yield from _run(script, drive)


def _run(script: Script, drive: _Drive) -> Saga:
    """Start what may start and hear what happens, until nothing more will."""
    frontier, graph, slots = drive.frontier, script.graph, script.slots
    tasks, attempts = drive.tasks, drive.attempts
    inline = not script.commands
    while True:
        while not (drive.halted or drive.paused or drive.cancelling):
            i = frontier.take(slots)
            if i is None:
                break
            if inline and not graph.parallel[i]:
                yield from _alone(script, drive, i)
            else:
                saga = attempt_saga(script, i, attempts.get(i, 1), drive.bases.get(i, 1))
                tasks[i] = yield make_fork(saga)
        if not tasks:
            stays = yield from _rest(script, drive)
            if not stays:
                return
        events = yield _WAIT
        for event in events:
            # The one that every phase brings is written out here.
            ended = event.value if type(event) is Joined else None
            if type(ended) is Ended and ended.how == "done" and not ended.still_runs and not drive.skipping:
                frontier.done(ended.phase)
                del tasks[ended.phase]
            else:
                yield from _hear(script, drive, (event,))
                frontier = drive.frontier


def _alone(script: Script, drive: _Drive, i: int) -> Saga:
    """Run an exclusive phase within this saga, its retries included."""
    while True:
        ended = yield from attempt_saga(script, i, drive.attempts.get(i, 1), 1)
        if ended.how != "again":
            break
        drive.attempts[i] = drive.attempts.get(i, 1) + 1
        yield Delay(ended.delay_s)
    yield from _ended(script, drive, ended)


def attempt_saga(script: Script, i: int, attempt: int, base: int) -> Saga:
    """Make one attempt of the phase at position `i`; `base` is the attempt that the latest command began with."""
    name = script.graph.names[i]
    yield make_put(make_action(a.PHASE_START, {"name": name, "attempt": attempt}))
    try:
        value = yield script.call(i, attempt)
    except PhaseCancelled as stopped:
        yield Put(Action(a.PHASE_CANCELLED, {"name": name, "attempt": attempt, "error": str(stopped)}))
        return Ended(i, "cancelled", still_runs=isinstance(stopped, AttemptStillRuns))
    except GeneratorExit:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a phase raises becomes an action
        return (yield from _failed(script, i, attempt, base, error))
    script.keep(i, value)
    result = script.reference(i, attempt, value)
    yield make_put(make_action(a.PHASE_COMPLETE, {"name": name, "result": result, "attempt": attempt}))
    return Ended(i, "done")


def _failed(script: Script, i: int, attempt: int, base: int, error: BaseException) -> Saga:
    """Say what the failure of an attempt means by the phase's policy."""
    policy, name = script.graph.phases[i].policy, script.graph.names[i]
    cause = getattr(error, "cause", None) or error  # an executor's errors come wrapped; the policy judges what was raised
    said = {"name": name, "error": describe(cause), "attempt": attempt}
    still_runs = bool(getattr(error, "still_runs", False))
    tries = attempt - base + 1
    if policy.wants_retry(tries, cause):
        delay_s = policy.delay_s(tries)
        reason = f"tries again in {delay_s:g} s"
        yield Put(Action(a.PHASE_RETRY, {**said, "attempt": attempt + 1, "delay": delay_s, "reason": reason}))
        return Ended(i, "again", delay_s, still_runs)
    if policy.on_fail == "skip":
        script.keep(i, None)
        yield Put(Action(a.PHASE_SKIPPED, {**said, "reason": "failed, and its policy is to skip"}))
        return Ended(i, "done", still_runs=still_runs)
    yield Put(Action(a.PHASE_FAILED, said))
    return Ended(i, "failed", still_runs=still_runs)


def _delay(i: int, delay_s: float) -> Saga:
    yield Delay(delay_s)
    return Due(i)


def _hear(script: Script, drive: _Drive, events: Any) -> Saga:  # noqa: ANN401 - a list of events
    """Take in what has happened: attempts that ended, delays that are over, commands."""
    for event in events:
        if isinstance(event, Commanded):
            yield from _obey(script, drive, event)
        elif isinstance(event, SlotFreed):
            drive.frontier.held = max(drive.frontier.held - 1, 0)
        elif isinstance(event, Joined):
            if event.error is not None and not isinstance(event.error, PhaseCancelled):
                raise event.error
            if isinstance(event.value, Due):
                drive.tasks.pop(event.value.phase, None)
                drive.frontier.due(event.value.phase)
            elif isinstance(event.value, Ended):
                drive.tasks.pop(event.value.phase, None)
                yield from _ended(script, drive, event.value)


def _ended(script: Script, drive: _Drive, ended: Ended) -> Saga:
    """Bring the frontier up to date with how an attempt ended."""
    i, frontier = ended.phase, drive.frontier
    frontier.held += ended.still_runs
    pending_skip = drive.skipping.pop(i, None)
    if ended.how == "again":
        drive.attempts[i] = drive.attempts.get(i, 1) + 1
        if pending_skip or drive.cancelling:
            frontier.stopped(i)
            yield Put(Action(a.PHASE_CANCELLED, {"name": script.graph.names[i]}))
        else:
            frontier.delayed(i)
            drive.tasks[i] = yield make_fork(_delay(i, ended.delay_s))
    elif ended.how == "done":
        frontier.done(i)
        return
    else:
        frontier.stopped(i)
    if pending_skip:
        yield from _skip(script, drive, i, pending_skip)
    elif ended.how == "failed" and (script.fail_fast or script.graph.phases[i].policy.on_fail != "continue"):
        drive.halted = True
        # What waits to be tried again would be a new start.
        yield from _stop(script, drive, running=script.fail_fast)


def _stop(script: Script, drive: _Drive, *, running: bool, only: frozenset[int] | None = None) -> Saga:
    """Cancel what waits to be tried again and, if asked, what runs."""
    for i, task in list(drive.tasks.items()):
        if only is not None and i not in only:
            continue
        if i in drive.frontier.waiting:
            yield Cancel(task)
            del drive.tasks[i]
            drive.frontier.stopped(i)
            yield Put(Action(a.PHASE_CANCELLED, {"name": script.graph.names[i]}))
        elif running:
            yield Cancel(task)


def _rest(script: Script, drive: _Drive) -> Saga:
    """Nothing runs: say how the session ended or that it is paused. Tell whether there is more to hear."""
    if drive.cancelling:
        drive.cancelling = False
        drive.halted = True
        yield Put(Action(a.PIPELINE_CANCELLED))
        return False
    if not drive.halted and drive.frontier.has_ready():
        if drive.paused and (yield Select(_status)) != "paused":
            yield Put(Action(a.PIPELINE_PAUSED))
        return True  # paused, or every slot is held by code that would not stop
    drive.paused = False
    if not script.commands:  # a bare saga says no more than that all is well; the failure has said the rest
        if drive.frontier.all_done():
            yield Put(Action(a.PIPELINE_COMPLETE))
        return False
    state: PipelineState = yield Select()
    words = {phase.status for phase in state.phases}
    if "failed" in words:
        yield Put(Action(a.PIPELINE_FAILED))
    elif "cancelled" in words:
        yield Put(Action(a.PIPELINE_CANCELLED))
    else:
        yield Put(Action(a.PIPELINE_COMPLETE))
    return False


def _status(state: PipelineState) -> str:
    return state.status


# ---------------------------------------------------------------------- commands


def _take_stock(script: Script, drive: _Drive) -> Saga:
    """Make the frontier and the attempt numbers anew from State."""
    state: PipelineState = yield Select()
    drive.frontier = Frontier.from_state(script.graph, state, held=drive.frontier.held)
    drive.attempts = {i: p.attempt for i, p in enumerate(state.phases) if p.attempt > 1}
    drive.bases = {i: p.first_attempt for i, p in enumerate(state.phases) if p.first_attempt > 1}
    drive.paused = state.status == "paused" or state.requested == "pausing"
    drive.halted = state.halted


def _obey(script: Script, drive: _Drive, event: Commanded) -> Saga:
    """Carry out a command by its plan; the plan was made for the state as it is now."""
    command, plan = event.command, event.plan
    payload = {
        "id": command.id,
        "command": command.word,
        "phases": list(command.phases),
        "by": command.by,
        "reset": list(plan.resets),
        "goes_on": plan.goes_on,
        "marks": dict(plan.marks),
    }
    yield Put(Action(a.COMMAND, payload))
    if command.word == "pause":
        drive.paused = True
    elif command.word == "cancel":
        yield from _cancel(script, drive, command.phases)
    elif command.word == "skip":
        for name in command.phases:
            i = script.graph.index[name]
            if i in drive.frontier.running:
                drive.skipping[i] = event
                yield Cancel(drive.tasks[i])
            else:
                yield from _stop(script, drive, running=False, only=frozenset({i}))
                yield from _skip(script, drive, i, event)
    if command.word == "resume":
        yield Put(Action(a.PIPELINE_RESUMED))
    if plan.resets or plan.goes_on or command.word == "resume":
        drive.cancelling = False
        yield from _take_stock(script, drive)


def _cancel(script: Script, drive: _Drive, names: tuple[str, ...]) -> Saga:
    graph = script.graph
    if not names:
        drive.cancelling = True
        yield from _stop(script, drive, running=True)
        return
    positions = frozenset(graph.index[n] for n in names)
    yield from _stop(script, drive, running=True, only=positions)
    for i in sorted(positions - drive.tasks.keys()):
        if drive.frontier.is_open(i):
            drive.frontier.stopped(i)
            yield Put(Action(a.PHASE_CANCELLED, {"name": graph.names[i]}))


def _skip(script: Script, drive: _Drive, i: int, event: Commanded) -> Saga:
    """Mark a phase that does not run as skipped, with the value that the command gave."""
    script.keep(i, event.command.value)
    payload = {"name": script.graph.names[i], "reason": f"skipped by {event.command.by}", "origin": "substitute", "replace": True}
    yield Put(Action(a.PHASE_SKIPPED, payload))
    yield from _take_stock(script, drive)
