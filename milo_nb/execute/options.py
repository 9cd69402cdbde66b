"""What a run can be told, and what it is told about: the options, and what an executor needs of a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from milo_nb.errors import DeclarationError, NotAvailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.errors import PhaseError

STALE = ("ask", "rerun", "reuse")


class Runnable(Protocol):
    """What an executor needs of a pipeline."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def graph(self) -> PhaseGraph:
        """Its phases in execution order."""

    @property
    def fail_fast(self) -> bool:
        """Whether a failure also cancels what runs."""

    @property
    def backend(self) -> str:
        """Where its handlers run."""

    @property
    def error_types(self) -> Mapping[str, type[PhaseError]]:
        """What the errors of its phases are wrapped in."""


def check_options(
    state_manager: Any,
    backend: Any,
    max_workers: int | None,
    stale: str,
) -> None:
    """Refuse options that are wrong, and those that this version does not carry out.

    Raises:
        ValueError: If an option is wrong.
        NotAvailableError: For options that this version does not carry out.
    """
    if state_manager is not None and not hasattr(state_manager, "work_dir"):
        raise DeclarationError(f"state_manager must be a StateManager; got {state_manager!r}")
    if isinstance(backend, str) and backend != "threads":
        raise NotAvailableError(f"backend={backend!r} comes with a later version. Available: 'threads'.")
    if max_workers is not None and (not isinstance(max_workers, int) or max_workers < 1):
        raise DeclarationError(f"max_workers must be a whole number, 1 or more; got {max_workers!r}")
    check_stale(stale)


def check_stale(stale: object) -> None:
    """Refuse what is no way to treat changed code.

    Raises:
        ValueError: If it is none.
    """
    if stale not in STALE:
        raise DeclarationError(f"stale must be one of {', '.join(STALE)}; got {stale!r}")
