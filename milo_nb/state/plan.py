"""What a command will do, decided before anything is done: which phases run, which are kept, and why.

``plan`` is pure, so a preview is free and every surface shows the same. A session's saga carries out exactly the plan
that was made for the state it finds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from milo_nb.state.model import AWAITS_APPROVAL, DONE, ENDED, UNFINISHED
from milo_nb.state.preview import Readable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.state.commands import Command
    from milo_nb.state.model import PhaseStatus, PipelineState

Decision = Literal["run", "keep", "invalidate", "skip", "cancel", "wait", "blocked"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a plan may know of the world.

    Attributes:
        now: Seconds on the session's clock.
        edited: Phases whose handler was replaced since their last attempt.
        duration_s: Seconds that each phase usually takes.
        unsaved: Phases whose inputs are not on disk, so that a retry shares them with the failed attempt.
        lost: Completed phases whose result is neither in this process nor, whole, on disk, and why.
        changed: Completed phases whose code or inputs are not what they were, and how.
        unchanged: Completed phases whose code was compared and is what it was.
        cache: What the cache has to say about phases that would run.
    """

    now: float = 0.0
    edited: frozenset[str] = frozenset()
    duration_s: Mapping[str, float] = field(default_factory=dict)
    unsaved: frozenset[str] = frozenset()
    lost: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, str] = field(default_factory=dict)
    unchanged: frozenset[str] = frozenset()
    cache: Mapping[str, str] = field(default_factory=dict)


NO_EVIDENCE = Evidence()


@dataclass(frozen=True, slots=True)
class PlanEntry:
    """What will happen to one phase: ``run keep invalidate skip cancel wait blocked``, and why, in words."""

    phase: str
    decision: Decision
    reason: str
    estimate_s: float | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Plan(Readable):
    """What a command will do.

    Attributes:
        command: The command.
        entries: A line per phase, in execution order.
        refused: Why it cannot be done and what can; empty if it can.
        resets: Phases that become pending with a new attempt.
        goes_on: A session that has ended goes on.
        marks: Reasons to show on phases that are kept.
        warnings: What people should know before they go ahead.
        only: Nothing but these phases may start, if any are named.
    """

    command: Command
    entries: tuple[PlanEntry, ...] = ()
    refused: str = ""
    resets: tuple[str, ...] = ()
    goes_on: bool = False
    marks: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    @property
    def runs(self) -> tuple[str, ...]:
        """Names of the phases that will run, in execution order."""
        return tuple(e.phase for e in self.entries if e.decision in ("run", "invalidate"))

    @property
    def keeps(self) -> tuple[str, ...]:
        """Names of the phases whose results are kept."""
        return tuple(e.phase for e in self.entries if e.decision == "keep")


def plan(command: Command, graph: PhaseGraph, state: PipelineState, evidence: Evidence = NO_EVIDENCE) -> Plan:
    """Return what `command` will do to a session in `state`.

    Args:
        command: What is asked for; its phases must be in the graph.
        graph: The pipeline's graph.
        state: The session's state; its phases stand in the graph's order.
        evidence: What is known of the world.
    """
    rule = _RULES.get(command.word) if isinstance(command.word, str) else None
    if rule is None:
        return Plan(command, refused=f"There is no command {command.word!r}. Commands: {', '.join(_RULES)}.")
    if command.phases and command.word in _OF_THE_SESSION:
        refused = f"'{command.word}' is about the whole session and takes no phases."
        return Plan(command, refused=f"{refused} Of a phase: retry, rerun, skip, cancel, approve.")
    return rule(_Question(command, graph, state, evidence))


@dataclass(slots=True)
class _Question:
    command: Command
    graph: PhaseGraph
    state: PipelineState
    evidence: Evidence

    def status(self, name: str) -> PhaseStatus:
        return self.state.phases[self.graph.index[name]]

    def has_ended(self) -> bool:
        return self.state.status in ENDED and bool(self.state.stopped_at)

    def below(self, names: Iterable[str]) -> list[str]:
        """Names of what depends on `names`, in execution order."""
        found = self.graph.descendants([self.graph.index[n] for n in names])
        return [self.graph.names[i] for i in sorted(found)]

    def refuse(self, why: str) -> Plan:
        return Plan(self.command, refused=why)

    def answer(  # noqa: PLR0913 - the fields of a plan
        self,
        resets: Iterable[str] = (),
        *,
        goes_on: bool = False,
        skips: Iterable[str] = (),
        stops: Iterable[str] = (),
        marks: Mapping[str, str] | None = None,
        starts: bool = True,
    ) -> Plan:
        """Return a plan with a line per phase, from what the command changes."""
        only = self.only()
        reset = self._with_lost(set(resets), starts=starts, only=only)
        order = [n for n in self.graph.names if n in reset]
        entries = _entries(self, frozenset(reset), frozenset(skips), frozenset(stops), starts=starts, only=only)
        shared = [n for n in order if n in self.evidence.unsaved]
        warnings = [f"inputs shared with the failed attempt: {', '.join(shared)}"] if shared else []
        warnings += self._stale_below(reset)
        return Plan(self.command, entries, "", tuple(order), goes_on, marks or {}, tuple(warnings), tuple(only))

    def _stale_below(self, reset: set[str]) -> list[str]:
        """Warn of kept results that are not what they would be today, and that something will be built on."""
        if not self.evidence.changed:
            return []
        needed = self.graph.ancestors([self.graph.index[n] for n in reset])
        stale = [self.graph.names[i] for i in sorted(needed) if self.graph.names[i] in self.evidence.changed]
        return [
            f"built on {name} as it was: {self.evidence.changed[name]} (rerun or resume runs it again)"
            for name in stale
            if name not in reset
        ]

    def only(self) -> list[str]:
        """Names of the phases that alone may start, with what they need; none if the command names none."""
        if not self.command.only:
            return []
        wanted = {self.graph.index[n] for n in self.command.only}
        wanted |= self.graph.ancestors(wanted)
        return [self.graph.names[i] for i in sorted(wanted)]

    def _with_lost(self, reset: set[str], *, starts: bool, only: list[str]) -> set[str]:
        """Add the phases whose result is lost and wanted by something that will run, or by nobody but the person."""
        if not self.evidence.lost or not starts:
            return reset
        found = set(reset)
        for i in range(len(self.graph) - 1, -1, -1):
            name = self.graph.names[i]
            if name in found or name not in self.evidence.lost or (only and name not in only):
                continue
            wanted_by = [self.graph.names[k] for k in self.graph.dependants[i]]
            if not wanted_by or any(n in found or self.status(n).status == "pending" for n in wanted_by):
                found.add(name)
        return found


def _entries(  # noqa: PLR0913 - what the command changes
    q: _Question,
    resets: frozenset[str],
    skips: frozenset[str],
    stops: frozenset[str],
    *,
    starts: bool,
    only: list[str],
) -> tuple[PlanEntry, ...]:
    blocked: dict[int, str] = {}
    entries = []
    for i, name in enumerate(q.graph.names):
        phase = q.state.phases[i]
        by = next(
            (q.graph.names[d] if blocked[d] == "" else blocked[d] for d in q.graph.depends_on[i] if d in blocked), ""
        )
        estimate = q.evidence.duration_s.get(name)
        may_start = starts and (not only or name in only)
        decision, reason = _decide(q, name, phase, by, resets, skips, stops, starts=may_start)
        if decision in ("run", "invalidate") and name in q.evidence.cache:
            reason = f"{reason}; {q.evidence.cache[name]}"
        if decision in ("blocked", "cancel") or (decision == "keep" and phase.status in UNFINISHED):
            blocked[i] = by
        entries.append(PlanEntry(name, decision, reason, estimate if decision in ("run", "invalidate") else None))
    return tuple(entries)


def _decide(  # noqa: PLR0911, PLR0913, PLR0917 - one line per case
    q: _Question,
    name: str,
    phase: PhaseStatus,
    by: str,
    resets: frozenset[str],
    skips: frozenset[str],
    stops: frozenset[str],
    *,
    starts: bool,
) -> tuple[Decision, str]:
    if name in skips:
        return "skip", f"skipped: asked for by {q.command.by}"
    if name in stops:
        return "cancel", "cancelled: it is stopped" if phase.status == "running" else "cancelled: it will not start"
    if name in resets:
        if by:
            return "blocked", f"blocked by {by}"
        if why := q.evidence.lost.get(name) or q.evidence.changed.get(name):
            return "run", f"runs: {why}"
        again = _why_again(q, name, phase)
        if name in q.command.phases or phase.status in UNFINISHED:
            return "run", f"runs: {again}"
        return "invalidate", f"runs: {_upstream(q, name, resets)} runs again"
    if phase.status in DONE or phase.status in UNFINISHED:
        same = ", code unchanged" if name in q.evidence.unchanged else ""
        return "keep", f"kept: {phase.status}{_ago(q, phase)}{same}"
    if phase.status in ("running", "retrying"):
        return "run", f"runs: {phase.status} already"
    if by:
        return "blocked", f"blocked by {by}"
    return ("run", "runs: not run yet") if starts else ("wait", "waits: nothing new starts")


def _why_again(q: _Question, name: str, phase: PhaseStatus) -> str:
    if phase.reason.startswith("interrupted"):
        return phase.reason
    return "edited since its last attempt" if name in q.evidence.edited or phase.edited else f"was {phase.status}"


def _upstream(q: _Question, name: str, resets: frozenset[str]) -> str:
    for d in q.graph.depends_on[q.graph.index[name]]:
        if q.graph.names[d] in resets:
            return q.graph.names[d]
    return "something before it"


def _ago(q: _Question, phase: PhaseStatus) -> str:
    if not phase.started_at or q.evidence.now <= phase.started_at:
        return ""
    seconds = q.evidence.now - phase.started_at - phase.elapsed
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size:
            return f" {seconds / size:.0f} {unit} ago"
    return f" {max(seconds, 0):.0f} s ago"


# ---------------------------------------------------------------------- one rule per command


def _start(q: _Question) -> Plan:
    if q.state.status != "pending":
        return q.refuse(f"The session has been started already: it is {q.state.status}. Run again makes a new one.")
    return q.answer()


def _pause(q: _Question) -> Plan:
    if q.state.status == "paused" or q.state.requested == "pausing":
        return q.refuse("The session is paused already. Possible: resume, cancel.")
    if q.state.requested == "cancelling":
        return q.refuse("The session is being cancelled; it cannot be paused.")
    if q.state.status == "pending" or q.has_ended():
        return q.refuse(f"There is nothing to pause: the session is {q.state.status}.{_possible(q)}")
    return q.answer(starts=False)


def _resume(q: _Question) -> Plan:
    if q.state.requested == "cancelling":
        return q.refuse("The session is being cancelled; resume when it has stopped.")
    if q.state.waiting_for:
        return q.refuse(f"Phase '{q.state.waiting_for}' waits for approval. Possible: approve, rerun, cancel.")
    is_held = q.state.status == "paused" or q.state.requested == "pausing"
    if is_held or (q.state.status in UNFINISHED and q.has_ended()):
        edited = [
            p.name
            for p in q.state.phases
            if (p.status == "completed" and _is_stale(q, p)) or (p.status == "skipped" and p.edited)
        ]
        built = [n for n in q.below(edited) if q.status(n).status == "completed"]
        if is_held:
            busy = [n for n in q.below(edited) if q.status(n).status in ("running", "retrying")]
            again = () if busy else (*edited, *built)
            return q.answer(again, goes_on=q.state.status == "paused")
        unfinished = [p.name for p in q.state.phases if p.status in UNFINISHED]
        return q.answer([*unfinished, *edited, *built], goes_on=True)
    return q.refuse(f"There is nothing to resume: the session is {q.state.status}.{_possible(q)}")


def _is_stale(q: _Question, phase: PhaseStatus) -> bool:
    """Tell whether a completed phase is not what it would be today, and that matters to the command."""
    return q.command.stale != "reuse" and (phase.edited or phase.name in q.evidence.changed)


def _retry(q: _Question) -> Plan:
    names = q.command.phases
    for name in names:
        status = q.status(name).status
        if status == "completed":
            return q.refuse(f"Phase '{name}' is completed; there is nothing to retry. Possible: rerun.")
        if status in ("running", "retrying", "pending"):
            return q.refuse(f"Phase '{name}' is {status}; only failed, cancelled and skipped phases can be retried.")
    return _again(q, names, also=("completed", "failed"))


def _retry_failed(q: _Question) -> Plan:
    names = [p.name for p in q.state.phases if p.status in UNFINISHED]
    if not names:
        return q.refuse("No phase has failed; there is nothing to retry.")
    return _again(q, names, also=())


def _rerun(q: _Question) -> Plan:
    names = q.command.phases
    for name in names:
        status = q.status(name).status
        if status in ("running", "retrying", "pending"):
            return q.refuse(f"Phase '{name}' is {status}; only a phase that has ended can be run again.")
    return _again(q, names, also=("completed",))


def _again(q: _Question, names: Iterable[str], *, also: tuple[str, ...]) -> Plan:
    """Run `names` again, with what depends on them and is in one of the states `also`."""
    if q.state.requested == "cancelling":
        return q.refuse("The session is being cancelled; wait until it has stopped.")
    asked = list(names)
    below = q.below(asked)
    for name in below:
        if q.status(name).status in ("running", "retrying") and name not in asked:
            return q.refuse(f"Phase '{name}' depends on it and is {q.status(name).status}. Cancel '{name}' first.")
    if not q.command.downstream:
        built = {d: n for n in asked for d in q.below([n]) if q.status(d).status == "completed"}
        marks = {d: f"built on attempt {q.status(n).attempt} of {n}" for d, n in built.items()}
        return q.answer(asked, goes_on=q.has_ended(), marks=marks)
    return q.answer([*asked, *(n for n in below if q.status(n).status in also)], goes_on=q.has_ended())


def _skip(q: _Question) -> Plan:
    names, resets = q.command.phases, []
    for name in names:
        status = q.status(name).status
        if status in DONE and not q.command.replace:
            return q.refuse(
                f"Phase '{name}' is {status} and has a result. "
                f"Possible: skip it with a value and replace: skip('{name}', value, replace=True), "
                f"or %milo skip NAME {name} --value VALUE --replace."
            )
        if status in DONE:
            below = q.below([name])
            busy = [n for n in below if q.status(n).status in ("running", "retrying")]
            if busy:
                return q.refuse(f"Phase '{busy[0]}' depends on '{name}' and is running. Cancel it first.")
            resets += [n for n in below if q.status(n).status in ("completed", "failed")]
    goes_on = q.has_ended() and any(q.status(n).status in ("failed", "completed", "skipped") for n in names)
    return q.answer(resets, goes_on=goes_on, skips=names, starts=goes_on or not q.has_ended())


def _cancel(q: _Question) -> Plan:
    if not q.command.phases:
        if q.state.status == "pending" or q.has_ended():
            return q.refuse(f"There is nothing to cancel: the session is {q.state.status}.{_possible(q)}")
        if q.state.requested == "cancelling":
            return q.refuse("The session is being cancelled already.")
        return q.answer(stops=[p.name for p in q.state.phases if p.status in ("running", "retrying")], starts=False)
    for name in q.command.phases:
        status = q.status(name).status
        if status not in ("running", "retrying", "pending"):
            return q.refuse(f"Phase '{name}' is {status}; only a phase that has not ended can be cancelled.")
        if q.state.status == "pending" or q.has_ended():
            return q.refuse(f"There is nothing to cancel: the session is {q.state.status}.{_possible(q)}")
    return q.answer(stops=q.command.phases)


def _approve(q: _Question) -> Plan:
    waits = [p.name for p in q.state.phases if p.status == "completed" and p.reason == AWAITS_APPROVAL]
    if not waits or not q.state.waiting_for:
        return q.refuse("Nothing waits for approval.")
    for name in q.command.phases:
        if name not in waits:
            return q.refuse(f"Phase '{name}' does not wait for approval; '{waits[0]}' does.")
    return q.answer(goes_on=True)


def _possible(q: _Question) -> str:
    """Return what can be done instead, as a sentence."""
    if q.state.status == "pending":
        return " Possible: start."
    if q.state.status in UNFINISHED:
        return " Possible: retry, skip, resume, run again."
    return " Possible: rerun, run again." if q.state.status == "completed" else " Possible: pause, cancel."


_OF_THE_SESSION = frozenset({"start", "pause", "resume", "retry-failed"})
_RULES: Mapping[str, Callable[[_Question], Plan]] = {
    "start": _start,
    "pause": _pause,
    "resume": _resume,
    "retry": _retry,
    "retry-failed": _retry_failed,
    "rerun": _rerun,
    "skip": _skip,
    "cancel": _cancel,
    "approve": _approve,
}
