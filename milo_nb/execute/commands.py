"""The commands as methods; each is short for ``command(word, *phases)``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self

from milo_nb.errors import DeclarationError, InvalidStateError, NotAvailableError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from milo_nb.state.plan import Plan


class Commands(ABC):
    """What can be asked of a session. Each method returns the executor itself."""

    @property
    @abstractmethod
    def session_id(self) -> UUID:
        """UUID of the session."""

    @abstractmethod
    def command(self, word: Any, *phases: str, **options: Any) -> Plan:
        """Carry out a command."""

    def pause(self) -> Self:
        """Start nothing new; what runs goes on to its end."""
        self.command("pause")
        return self

    def resume(self, session_id: UUID | str | None = None, only: Iterable[str] = (), stale: str | None = None) -> Self:
        """Go on after a pause, or take up this session after it failed or was cancelled.

        Raises:
            InvalidStateError: If there is nothing to resume.
            ValueError: If another session is named: they are not on disk yet.
        """
        if session_id is not None and str(session_id) != str(self.session_id):
            raise DeclarationError(f"There is no session {session_id} to resume: sessions are not saved to disk yet.")
        if tuple(only) or stale is not None:
            raise NotAvailableError("resume(only=, stale=) comes with a later version.")
        self.command("resume")
        return self

    def cancel(self, *names: str) -> Self:
        """Cancel the session, or just the phases named; it is "cancelling" until their code has stopped."""
        self.command("cancel", *names)
        return self

    def retry(self, *names: str, downstream: bool = True) -> Self:
        """Run failed, cancelled or skipped phases again, with their code as it is now; all of them, if none is named."""
        self.command("retry" if names else "retry-failed", *names, downstream=downstream)
        return self

    def rerun(self, *names: str, downstream: bool = True) -> Self:
        """Run phases again that have ended, and what was built on them unless `downstream` is false."""
        if not names:
            raise InvalidStateError("rerun needs the name of a phase. Run again makes a new session: run_again().")
        self.command("rerun", *names, downstream=downstream)
        return self

    def skip(self, name: str, value: Any = None, replace: bool = False) -> Self:  # noqa: FBT001, FBT002
        """Mark a phase as skipped; what depends on it gets `value`. A result that is there needs ``replace=True``."""
        self.command("skip", name, value=value, replace=replace)
        return self

    def approve(self, name: str) -> Self:
        """Go on after a review."""
        self.command("approve", name)
        return self
