"""The declared graph as JSON, so that any session can be looked at where its code is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import DEFAULT_POLICY, Phase, PhasePolicy
from milo_nb.errors import InvalidStateError, WireError

if TYPE_CHECKING:
    from collections.abc import Mapping

_POLICY: Final = ("on_fail", "max_retries", "retry_delay", "retry_backoff")
_DEFAULTS: Final[dict[str, Any]] = {
    "description": "",
    "weight": 1,
    "max_logs": 200,
    "timeout": None,
    "review": False,
    "checkpoint": True,
    "backend": None,
}


def declared_to_json(graph: PhaseGraph) -> dict[str, Any]:
    """Return what a graph declares, without its code; what is as by default is left out."""
    return {"phases": [_phase_to_json(graph, i) for i in range(len(graph))]}


def _phase_to_json(graph: PhaseGraph, i: int) -> dict[str, Any]:
    phase = graph.phases[i]
    told: dict[str, Any] = {"name": phase.name}
    if graph.depends_on[i]:
        told["depends_on"] = [graph.names[d] for d in graph.depends_on[i]]
    if graph.parallel[i]:
        told["parallel"] = True
    for name, default in _DEFAULTS.items():
        value = getattr(phase, name)
        if value != default:
            told[name] = value
    if phase.policy is not DEFAULT_POLICY:
        told["policy"] = {name: getattr(phase.policy, name) for name in _POLICY}
    return told


def declared_from_json(value: object) -> PhaseGraph:
    """Return the graph that :func:`declared_to_json` told of; its handlers refuse to run.

    Raises:
        WireError: If it is malformed.
    """
    try:
        phases = value["phases"]  # type: ignore[index]  # whatever is wrong with it is said below
        return PhaseGraph([_phase_from_json(p) for p in phases])
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise WireError("declared", f"it tells of no graph: {e}") from e


class Declarations:
    """Makes graphs of what one journal declares. What is declared again, as by each owner, is the same graph again."""

    def __init__(self, graph: PhaseGraph | None = None) -> None:
        """Know `graph`, if that is given: where the journal declares the same, it is meant."""
        self._known: list[tuple[object, PhaseGraph]] = []
        self.told: dict[str, Any] = {}
        if graph is not None:
            self.told = declared_to_json(graph)
            self._known.append((self.told["phases"], graph))

    def graph(self, declared: object) -> PhaseGraph:
        """Return the graph that a line of the journal tells of.

        Raises:
            WireError: If it is malformed.
        """
        phases = declared.get("phases") if isinstance(declared, dict) else None
        for known, graph in self._known:
            if known == phases:
                return graph
        graph = declared_from_json(declared)
        self._known.append((phases, graph))
        return graph


def _phase_from_json(told: Mapping[str, Any]) -> Phase:
    name = told["name"]
    policy = PhasePolicy(**told["policy"]) if "policy" in told else DEFAULT_POLICY
    plain = {field: told[field] for field in _DEFAULTS if field in told}
    return Phase(
        name,
        _not_defined(name),
        depends_on=tuple(told.get("depends_on", ())),
        parallel=bool(told.get("parallel")),
        policy=policy,
        **plain,
    )


def _not_defined(name: object) -> Any:
    def handler(*_: object, **__: object) -> None:
        raise InvalidStateError(
            f"Phase '{name}' is not defined in this kernel: its session was read from disk, without its code. "
            "Possible: define the pipeline here, then retry or resume."
        )

    return handler
