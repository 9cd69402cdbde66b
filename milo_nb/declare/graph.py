"""The graph that phases make: order, levels, ancestors, critical path. All walks are loops, so any depth will do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milo_nb.declare.phase import Parameters, Phase, parameters
from milo_nb.errors import CycleError, PipelineError, available

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

RESERVED = ("context", "ctx")


class PhaseGraph:
    """Phases in execution order with their dependencies as positions in that order.

    Built once per pipeline and never changed. The order is Kahn's algorithm (A. B. Kahn, "Topological sorting of large
    networks", 1962) by levels, names sorted within a level.

    Attributes:
        phases: The phases in execution order; a position in it stands for a phase everywhere below.
        names: Their names.
        index: Name to position.
        depends_on: Positions that each phase depends on, as declared and then as its parameters ask.
        dependants: Positions that depend on each phase, ascending.
        parallel: Whether each may run beside others, the pipeline's own setting included.
        weights: Share of each in the progress.
        total_weight: Their sum.
        takes: The parameters of the handlers that have any, by position.
        level: Length of the longest way from a phase without dependencies.
    """

    __slots__ = (
        "depends_on",
        "dependants",
        "index",
        "level",
        "names",
        "parallel",
        "phases",
        "takes",
        "total_weight",
        "weights",
    )

    def __init__(self, phases: Sequence[Phase], *, parallel: bool = False) -> None:
        """Order `phases`.

        Args:
            phases: As declared.
            parallel: What holds for phases that did not say whether they are parallel.

        Raises:
            CycleError: If phases depend on each other in a circle.
            PipelineError: For an unknown dependency, a duplicate name or a name with a meaning of its own.
        """
        declared = _by_name(phases)
        takes: dict[str, Parameters] = {}
        before = _dependencies(phases, declared, takes)
        order, level = _order(phases, before)
        rank = [0] * len(order)
        for position, i in enumerate(order):
            rank[i] = position
        self.phases = tuple([phases[i] for i in order])
        self.names = tuple([p.name for p in self.phases])
        self.index = {name: i for i, name in enumerate(self.names)}
        self.depends_on = tuple([tuple([rank[d] for d in before[i]]) for i in order])
        after: list[list[int]] = [[] for _ in order]
        for position, needed in enumerate(self.depends_on):
            for d in needed:
                after[d].append(position)
        self.dependants = tuple(map(tuple, after))
        self.parallel = tuple([parallel if p.parallel_unset else p.parallel for p in self.phases])
        self.weights = tuple([p.weight for p in self.phases])
        self.total_weight = sum(self.weights)
        self.level = tuple([level[i] for i in order])
        self.takes = {self.index[name]: parameters for name, parameters in takes.items()}

    def __len__(self) -> int:
        """Return the number of phases."""
        return len(self.phases)

    def ancestors(self, start: Iterable[int]) -> set[int]:
        """Return all that `start` depends on, directly or not, without `start` itself unless on the way."""
        return _reach(start, self.depends_on)

    def descendants(self, start: Iterable[int]) -> set[int]:
        """Return all that depends on `start`, directly or not, without `start` itself unless on the way."""
        return _reach(start, self.dependants)

    def critical_path(self, duration_s: Mapping[str, float]) -> tuple[tuple[str, ...], float]:
        """Return the chain of phases that bounds the finish time, and its length in seconds.

        Args:
            duration_s: Seconds that each phase takes; 0 for those not named.
        """
        if not self.phases:
            return (), 0.0
        end, via = [0.0] * len(self), [-1] * len(self)
        for i, name in enumerate(self.names):
            for d in self.depends_on[i]:
                if via[i] < 0 or end[d] > end[via[i]]:
                    via[i] = d
            end[i] = (end[via[i]] if via[i] >= 0 else 0.0) + duration_s.get(name, 0.0)
        i = max(range(len(self)), key=lambda k: (end[k], -k))
        length, path = end[i], []
        while i >= 0:
            path.append(self.names[i])
            i = via[i]
        return tuple(reversed(path)), length


def _by_name(phases: Sequence[Phase]) -> dict[str, int]:
    declared = {}
    for i, phase in enumerate(phases):
        if not isinstance(phase, Phase):
            raise PipelineError(
                f"A pipeline is made of phases; got {phase!r}. Make one with Phase(name, function) or @phase."
            )
        if phase.name in declared:
            raise PipelineError(f"Two phases are named '{phase.name}'. Each phase needs a name of its own.")
        declared[phase.name] = i
    for name in RESERVED:
        if name in declared:
            raise PipelineError(
                f"No phase can be named '{name}': a handler's parameter of that name has a meaning of its own."
            )
    return declared


def _dependencies(
    phases: Sequence[Phase], declared: Mapping[str, int], all_taken: dict[str, Parameters]
) -> list[tuple[int, ...]]:
    """Return the declared positions that each phase depends on: what it says, then what its parameters name.

    The parameters that it reads on the way go into `all_taken`.
    """
    before = []
    for phase in phases:
        wanted = phase.depends_on
        takes = parameters(phase.handler)
        if takes.named or takes.positional:
            all_taken[phase.name] = takes
            asked = [n for n in (*takes.positional, *takes.named) if n in declared]
            if asked:
                wanted = tuple(dict.fromkeys((*wanted, *asked)))
        try:
            before.append(tuple([declared[n] for n in wanted]))
        except KeyError as e:
            missing = e.args[0]
            known = available("phases", missing, list(declared))
            raise PipelineError(f"Phase '{phase.name}' depends on '{missing}', which does not exist. {known}") from None
    return before


def _order(phases: Sequence[Phase], before: Sequence[tuple[int, ...]]) -> tuple[list[int], list[int]]:
    """Return the execution order as declared positions, and the level of each declared position."""
    after: list[list[int]] = [[] for _ in phases]
    for i, needed in enumerate(before):
        for d in needed:
            after[d].append(i)
    missing = [len(needed) for needed in before]
    wave = [i for i, count in enumerate(missing) if not count]
    order: list[int] = []
    level, depth = [0] * len(phases), 0
    while wave:
        if len(wave) > 1:
            wave.sort(key=lambda i: phases[i].name)
        order += wave
        following = []
        for i in wave:
            level[i] = depth
            for dependant in after[i]:
                missing[dependant] -= 1
                if not missing[dependant]:
                    following.append(dependant)
        wave = following
        depth += 1
    if len(order) < len(phases):
        raise CycleError(_cycle([p.name for p in phases], before, set(range(len(phases))) - set(order)))
    return order, level


def _cycle(names: Sequence[str], before: Sequence[tuple[int, ...]], left: set[int]) -> list[str]:
    """Return one circle among the phases that Kahn's algorithm could not place."""
    i = min(left)
    path: list[int] = []
    seen: dict[int, int] = {}
    while i not in seen:
        seen[i] = len(path)
        path.append(i)
        i = next(d for d in before[i] if d in left)  # each one left waits for another one left
    circle = path[seen[i] :]
    first = circle.index(min(circle))
    circle = circle[first:] + circle[:first]
    return [names[k] for k in (*circle, circle[0])]


def _reach(start: Iterable[int], edges: Sequence[Sequence[int]]) -> set[int]:
    found: set[int] = set()
    todo = list(start)
    while todo:
        for k in edges[todo.pop()]:
            if k not in found:
                found.add(k)
                todo.append(k)
    return found
