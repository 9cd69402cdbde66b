"""The sagas: what a session does next, as effects. They decide and never act.

``pipeline_saga`` runs a pipeline to its end. With ``commands`` on it also obeys the commands delivered to its task, and
``session_saga`` keeps it obeying after the end. No state that matters lives in a generator: after each command the
frontier is made anew from State.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from milo_nb.errors import PhaseCancelled, PhaseError, describe, is_a, name_of_type
from milo_nb.state import actions as a
from milo_nb.state.actions import Action, make_action
from milo_nb.state.commands import Commanded, SlotFreed
from milo_nb.state.effects import Call, Cancel, Delay, Put, Saga, Select, Wait, make_fork, make_put
from milo_nb.state.frontier import Frontier

if TYPE_CHECKING:
    from collections.abc import Callable, Container

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
        reference: Makes what PHASE_COMPLETE says of a value: the value itself, or a reference to it; a
            :class:`Reference` also says how it came about.
        slots: Most phases that may run at once.
        fail_fast: A failure also cancels what runs.
        commands: Commands may come at any time.
        start: Payload of PIPELINE_START.
        reviews: Positions of the phases after which a person has to approve.
    """

    graph: PhaseGraph
    call: Callable[[int, int], Call]
    keep: Callable[[int, Any], None]
    reference: Callable[[int, int, Any], Any]
    slots: int
    fail_fast: bool = False
    commands: bool = False
    start: Any = None
    reviews: Container[int] = frozenset()


class Reference(NamedTuple):
    """What PHASE_COMPLETE says of a value, where there is more to say than what it is kept as."""

    text: str
    origin: str
    reason: str = ""


class Due(NamedTuple):
    """What the task of a delay is for: the phase that is to be tried again after it."""

    phase: int


@dataclass(slots=True)
class _Drive:
    """What one drive of the pipeline keeps at hand; all of it can be made anew from State and the tasks alive."""

    frontier: Frontier
    attempts: dict[int, int] = field(default_factory=dict)  # positions whose attempt is not the first
    bases: dict[int, int] = field(default_factory=dict)  # attempt that the latest command began with
    tasks: dict[int, Any] = field(default_factory=dict)  # what runs or waits, by position
    skipping: dict[int, Commanded] = field(default_factory=dict)  # to be skipped as soon as they have stopped
    only: tuple[str, ...] = ()  # nothing else may start, if any are named
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
        for event in (yield _WAIT):
            yield from _hear(script, drive, event)
        state = yield Select()
        if state.status not in ("completed", "failed", "cancelled") or not state.stopped_at:
            yield from _run(script, drive)


def _run(script: Script, drive: _Drive) -> Saga:
    """Start what may start and hear what happens, until nothing more will."""
    frontier, graph, slots, names = drive.frontier, script.graph, script.slots, script.graph.names
    tasks, attempts, skipping = drive.tasks, drive.attempts, drive.skipping
    call, done, reviews = script.call, frontier.done, script.reviews
    keep, reference = script.keep, script.reference
    inline = not script.commands
    while True:
        while not (drive.halted or drive.paused or drive.cancelling):
            i = frontier.take(slots)
            if i is None:
                break
            if inline and not graph.parallel[i]:
                yield from _alone(script, drive, i)
                continue
            attempt = attempts.get(i, 1)
            yield make_put(make_action(a.PHASE_START, {"name": names[i], "attempt": attempt}))
            tasks[i] = yield make_fork(call(i, attempt), i)
        if not tasks and not (yield from _rest(script, drive)):
            return
        events = yield _WAIT
        for event in events:
            # What every phase brings, its call's task with a value, is written out here.
            i = getattr(event, "tag", None)
            if type(i) is int and event.error is None and not skipping:
                del tasks[i]
                value, attempt = event.value, attempts.get(i, 1)
                keep(i, value)
                result = reference(i, attempt, value)
                payload = {"name": names[i], "result": result, "attempt": attempt}
                if type(result) is Reference:
                    payload.update(result=result.text, origin=result.origin, reason=result.reason)
                yield make_put(make_action(a.PHASE_COMPLETE, payload))
                done(i)
                if i in reviews:
                    yield from _review(script, drive, i)
            else:
                yield from _hear(script, drive, event)
                frontier, done = drive.frontier, drive.frontier.done


def _complete(script: Script, i: int, attempt: int, value: Any) -> Put:
    """Keep the value of a phase and return what says that it is complete."""
    script.keep(i, value)
    result = script.reference(i, attempt, value)
    payload = {"name": script.graph.names[i], "result": result, "attempt": attempt}
    if type(result) is Reference:
        payload.update(result=result.text, origin=result.origin, reason=result.reason)
    return make_put(make_action(a.PHASE_COMPLETE, payload))


def _review(script: Script, drive: _Drive, i: int) -> Saga:
    """Have a person look at what phase `i` came to, and start nothing meanwhile."""
    drive.paused = True
    yield Put(Action(a.PHASE_REVIEW, {"name": script.graph.names[i], "attempt": drive.attempts.get(i, 1)}))


def _alone(script: Script, drive: _Drive, i: int) -> Saga:
    """Run an exclusive phase within this saga, its retries included."""
    while True:
        attempt = drive.attempts.get(i, 1)
        yield Put(Action(a.PHASE_START, {"name": script.graph.names[i], "attempt": attempt}))
        try:
            value = yield script.call(i, attempt)
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a phase raises becomes an action
            delay_s = yield from _failed(script, drive, i, error)
            if delay_s is None:
                return
            drive.frontier.delayed(i)
            yield Delay(delay_s)
            drive.frontier.resumed(i)
        else:
            yield _complete(script, i, attempt, value)
            drive.frontier.done(i)
            return


def _failed(script: Script, drive: _Drive, i: int, error: BaseException) -> Saga:
    """Say what a failed or stopped attempt means by the phase's policy. Give the delay if it is to be tried again."""
    policy, name = script.graph.phases[i].policy, script.graph.names[i]
    attempt = drive.attempts.get(i, 1)
    frontier = drive.frontier
    is_ours = is_a(error, PhaseError)  # a person's exception may raise when asked for an attribute
    frontier.held += is_a(error, AttemptStillRuns) or (is_ours and bool(getattr(error, "still_runs", False)))
    if is_a(error, PhaseCancelled):
        frontier.stopped(i)
        yield Put(Action(a.PHASE_CANCELLED, {"name": name, "attempt": attempt, "error": str(error)}))
        return None
    # An executor's errors come wrapped; the policy judges what was raised.
    cause = error.cause if is_a(error, PhaseError) and is_a(error.cause, BaseException) else error
    said = {"name": name, "error": describe(cause), "attempt": attempt}
    if is_ours:  # an executor's: a saga by itself says no more than it always did
        said["type"] = name_of_type(cause)
    tries = attempt - drive.bases.get(i, 1) + 1
    if policy.wants_retry(tries, cause) and not (drive.halted or drive.cancelling or i in drive.skipping):
        delay_s = policy.delay_s(tries)
        drive.attempts[i] = attempt + 1
        reason = f"tries again in {delay_s:g} s"
        yield Put(Action(a.PHASE_RETRY, {**said, "attempt": attempt + 1, "delay": delay_s, "reason": reason}))
        return delay_s
    if policy.on_fail == "skip":
        script.keep(i, None)
        frontier.done(i)
        yield Put(Action(a.PHASE_SKIPPED, {**said, "reason": "failed, and its policy is to skip"}))
        return None
    frontier.stopped(i)
    yield Put(Action(a.PHASE_FAILED, said))
    if script.fail_fast or policy.on_fail != "continue":
        drive.halted = True
        # What waits to be tried again would be a new start.
        yield from _stop(script, drive, running=script.fail_fast)
    return None


def _delay(delay_s: float) -> Saga:
    yield Delay(delay_s)


def _hear(script: Script, drive: _Drive, event: Any) -> Saga:
    """Take in what has happened: an attempt that ended, a delay that is over, a command."""
    if isinstance(event, Commanded):
        yield from _obey(script, drive, event)
        return
    if isinstance(event, SlotFreed):
        drive.frontier.held = max(drive.frontier.held - 1, 0)
        return
    if isinstance(event.tag, Due):
        if event.error is None and drive.tasks.pop(event.tag.phase, None) is not None:
            drive.frontier.due(event.tag.phase)
        return
    i = event.tag
    del drive.tasks[i]
    if event.error is None:
        drive.skipping.pop(i, None)  # it was done before it could be stopped
        yield _complete(script, i, drive.attempts.get(i, 1), event.value)
        drive.frontier.done(i)
        if i in script.reviews:
            yield from _review(script, drive, i)
        return
    delay_s = yield from _failed(script, drive, i, event.error)
    skip = drive.skipping.pop(i, None)
    if delay_s is not None:
        drive.frontier.delayed(i)
        drive.tasks[i] = yield make_fork(_delay(delay_s), Due(i))
    elif skip is not None:
        yield from _skip(script, drive, i, skip)


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
    if not drive.halted and (drive.frontier.has_ready() or (drive.paused and (yield Select(_waiting_for)))):
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
    elif drive.only and "pending" in words:
        reason = f"Only {', '.join(drive.only)} was asked for; resume runs the rest."
        yield Put(Action(a.PIPELINE_CANCELLED, {"reason": reason}))
    else:
        yield Put(Action(a.PIPELINE_COMPLETE))
    return False


def _status(state: PipelineState) -> str:
    return state.status


def _waiting_for(state: PipelineState) -> str:
    return state.waiting_for


# ---------------------------------------------------------------------- commands


def _take_stock(script: Script, drive: _Drive) -> Saga:
    """Make the frontier and the attempt numbers anew from State."""
    state: PipelineState = yield Select()
    drive.frontier = Frontier.from_state(script.graph, state, held=drive.frontier.held, only=drive.only)
    drive.attempts.clear()  # in place: the drive under way has it at hand
    drive.attempts.update({i: p.attempt for i, p in enumerate(state.phases) if p.attempt > 1})
    drive.bases = {i: p.first_attempt for i, p in enumerate(state.phases) if p.first_attempt > 1}
    for i in tuple(drive.frontier.waiting - drive.tasks.keys()):
        drive.frontier.due(i)  # its delay is over, and it has only waited for a slot or the end of a pause
    drive.paused = state.status == "paused" or state.requested == "pausing" or bool(state.waiting_for)
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
    waited_for = yield Select(_waiting_for)
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
    released = bool(waited_for) and (yield Select(_is_released))
    if command.word == "resume" or released:
        yield Put(Action(a.PIPELINE_RESUMED))
    if plan.resets or plan.goes_on or released or command.word in ("resume", "approve"):
        drive.cancelling = False
        drive.only = plan.only
        yield from _take_stock(script, drive)


def _is_released(state: PipelineState) -> bool:
    """Tell whether the session stands still for no review any more, but only because there was one."""
    return state.status == "paused" and not state.waiting_for


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
    payload = {
        "name": script.graph.names[i],
        "attempt": drive.attempts.get(i, 1),
        "reason": f"skipped by {event.command.by}",
        "origin": "substitute",
        "replace": True,
    }
    yield Put(Action(a.PHASE_SKIPPED, payload))
    yield from _take_stock(script, drive)
