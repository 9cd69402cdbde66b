"""What a command would do, in two or three sentences, before it is given. Made from plans; decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.errors import WireError
from milo_nb.show.literal import read_value
from milo_nb.show.notebook import asked
from milo_nb.show.notebook.beside import is_attached
from milo_nb.show.notebook.eta import Outlook, play, slots_of
from milo_nb.show.notebook.substitutes import EARLIER
from milo_nb.state.frontier import Frontier
from milo_nb.state.model import DONE
from milo_nb.state.wire import clip
from milo_nb.state.wire_browser import LITERAL, VARIABLE, VIEW_COMMANDS, check_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.execute.executor import PipelineExecutor
    from milo_nb.show.notebook.asked import Tell
    from milo_nb.state.model import PipelineState
    from milo_nb.state.plan import Plan, PlanEntry

MOST_NAMES = 3
MOST_PHASES = 1_000
LONG_ENOUGH_S = 1.0
"""What takes less is not worth a word."""


def answer_preview(executor: PipelineExecutor, args: Mapping[str, Any], tell: Tell) -> None:
    """Say what a command would do: in words, and which phases run and which are kept, by position."""
    word, names, options = asked.text_of(args, "command"), _names(args), check_options(args.get("options"))
    if word not in VIEW_COMMANDS:
        raise WireError("args.command", f"expected one of {', '.join(VIEW_COMMANDS)}")
    session: Any = executor.session
    usual, slots, index = Outlook.of(session).usual, slots_of(session), session.graph.index
    if word == "run":
        tell(_of_a_new_session(session, usual, slots, stops=options.get("replace") is True))
        return
    value = str(options.pop("value", ""))
    made = executor.plan(word, *names, **{**options, "by": "view"})
    refused = made.refused
    if value.startswith((VARIABLE, LITERAL)) and is_attached(session) and session.is_owned:
        refused = "A value cannot be sent to another kernel. Skip without it, or in the notebook that has it."
    text = refused or " ".join(sentences(made, session.graph, session.state, value, usual, slots))
    runs, keeps = ([] if refused else [index[name] for name in some] for some in (made.runs, made.keeps))
    tell({"text": clip(text), "runs": runs, "keeps": keeps, "refused": clip(refused)})


def sentences(  # noqa: PLR0913, PLR0917 - what a plan is told by
    plan: Plan, graph: PhaseGraph, state: PipelineState, value: str, usual: Mapping[str, float], slots: int
) -> Iterator[str]:
    """Yield what a plan comes to, most important first.

    Args:
        plan: A plan that is not refused.
        graph: The session's graph.
        state: The state that it was made for.
        value: What is to stand in for a skipped phase, as the browser says it.
        usual: Seconds that phases usually take.
        slots: Most phases that run at once.
    """
    word, asked_for = plan.command.word, plan.command.phases
    status = {phase.name: phase.status for phase in state.phases}
    busy = [entry.phase for entry in plan.entries if status[entry.phase] in ("running", "retrying")]
    starts = [e for e in plan.entries if e.decision in ("run", "invalidate") and e.phase not in busy]
    blocked = [e.phase for e in plan.entries if e.decision == "blocked"]
    first = [e for e in starts if e.phase in (asked_for or plan.resets)]
    rest = [e.phase for e in starts if e not in first]
    if word == "pause":
        yield f"Starts nothing new{f'; {listed(busy)} may end first' if busy else ''}."
        return
    if word == "cancel":
        yield from _of_cancel(asked_for, busy, blocked)
    else:
        heirs = any(graph.dependants[graph.index[name]] for name in asked_for)
        below = {graph.names[i] for i in graph.descendants(graph.index[name] for name in asked_for)}
        built = [
            e.phase
            for e in plan.entries
            if e.phase in below and e.decision == "keep" and status[e.phase] == "completed"
        ]
        yield from _of_going_on(plan, first, rest, built, _called(value) if heirs else "")
    kept = sum(1 for e in plan.entries if e.decision == "keep" and status[e.phase] in DONE)
    if kept:
        yield f"Keeps {kept} {'result' if kept == 1 else 'results'}."
    if word != "cancel":
        yield from _usually(graph, [e.phase for e in starts], usual, slots)
        if blocked:
            yield f"Cannot run: {listed(blocked)}."
    for warning in plan.warnings:
        yield f"Note: {warning}."


def _of_going_on(
    plan: Plan, first: list[PlanEntry], rest: list[str], built: list[str], inherited: str
) -> Iterator[str]:
    """Yield what a command brings about that has phases run; `built` stays on an attempt that is not the last."""
    again = f"Runs {listed(e.phase for e in first)} again{_why(first)}"
    match plan.command.word:
        case "retry" | "retry-failed" | "rerun":
            yield f"{again}{f', then {listed(rest)}' if rest else ''}."
            if built:
                yield f"{listed(built)} {'keeps its result' if len(built) == 1 else 'keep their results'}, built on the attempt before."
            return
        case "skip":
            get = f": what depends on it gets {inherited}" if inherited else ""
            yield f"Goes on without {listed(plan.command.phases)}{get}."
        case "approve":
            yield "Goes on after the review."
        case _:
            yield "Goes on."
    if first:
        yield f"{again}."
    if rest:
        yield f"Then runs {listed(rest)}."


def listed(names: Iterable[str]) -> str:
    """Return names as a sentence has them: ``parse``, ``parse and render``, ``a, b, c and 4 more``."""
    all_ = list(names)
    shown = all_ if len(all_) <= MOST_NAMES + 1 else [*all_[:MOST_NAMES], f"{len(all_) - MOST_NAMES:,} more"]
    return " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:]))) or "nothing"


def lasting(seconds: float) -> str:
    """Return a length of time as people say it: ``12 s``, ``3 min``, ``2.5 h``."""
    size, unit = next(((size, unit) for size, unit in ((3600, "h"), (60, "min")) if seconds >= size), (1, "s"))
    return f"{seconds / size:.2g} {unit}"


def _of_cancel(asked_for: tuple[str, ...], busy: list[str], blocked: list[str]) -> Iterator[str]:
    if asked_for:
        yield f"Stops {listed(asked_for)}."
        if blocked:
            yield f"Without it {listed(blocked)} cannot run."
    else:
        yield f"{f'Stops {listed(busy)}, and starts' if busy else 'Starts'} nothing more."


def _of_a_new_session(session: Any, usual: Mapping[str, float], slots: int, *, stops: bool) -> dict[str, Any]:
    refused = ""
    if is_attached(session) and session.is_owned:
        refused = f"'{session.name}' is only looked at here. Run it again where it is run."
    elif is_attached(session):
        refused = str(session.locked)
    elif session.is_running() and not stops:
        refused = "The session has not ended. Possible: cancel, wait."
    graph = session.graph
    count = len(graph)
    text = ["Stops what runs." if stops and session.is_running() else ""]
    text.append(f"Starts a new session of {'one phase' if count == 1 else f'{count:,} phases'}; this one is kept.")
    if any(phase.cache for phase in graph.phases):
        text.append("What the cache has is taken from there.")
    text += _usually(graph, graph.names, usual, slots)
    runs = [] if refused else list(range(count))
    return {"text": clip(refused or " ".join(filter(None, text))), "runs": runs, "keeps": [], "refused": clip(refused)}


def _usually(graph: PhaseGraph, names: Iterable[str], usual: Mapping[str, float], slots: int) -> Iterator[str]:
    """Yield how long phases take together, if that is known of each of them and worth a word."""
    runs = {graph.index[name] for name in names}
    if not runs or any(graph.names[i] not in usual for i in runs):
        return
    frontier = Frontier(graph)
    for i in range(len(graph)):
        if i not in runs:
            frontier.done(i)
    seconds = play(frontier, slots, lambda i: usual[graph.names[i]])
    if seconds >= LONG_ENOUGH_S:
        yield f"Usually takes {lasting(seconds)}."


def _why(first: list[PlanEntry]) -> str:
    """Return why one phase runs again, if there is more to say than that it failed."""
    if len(first) != 1:
        return ""
    said = first[0].reason.removeprefix("runs: ")
    return "" if said.startswith("was ") and ";" not in said else f" ({said})"


def _called(value: str) -> str:
    if value == EARLIER:
        return "its earlier result"
    if value.startswith(LITERAL):
        return clip(repr(read_value(value.removeprefix(LITERAL))), 80)
    return value.removeprefix(VARIABLE) if value.startswith(VARIABLE) else "None"


def _names(args: Mapping[str, Any]) -> tuple[str, ...]:
    value = args.get("phases")
    if not isinstance(value, list) or len(value) > MOST_PHASES or any(not isinstance(one, str) for one in value):
        raise WireError("args.phases", f"expected a list of at most {MOST_PHASES} strings")
    return tuple(value)
