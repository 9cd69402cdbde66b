"""The commands as methods; each is short for ``command(word, *phases)``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self

from milo_nb.errors import InvalidStateError
from milo_nb.execute.reporting import Reported

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from milo_nb.state.plan import Plan


class Commands(Reported, ABC):
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
        """Go on after a pause, or take up a session that failed, was cancelled, or whose kernel ended.

        Args:
            session_id: A session on disk, or the beginning of its id; if none is given, this one, or if it has not
                started, the latest unfinished one.
            only: Just these phases and what they need.
            stale: What to do about saved phases whose code or parameters changed, ``rerun`` or ``reuse``; what the
                executor was told, if not given.

        Raises:
            InvalidStateError: If this session does not stand where it can go on.
            ValueError: If there is no session to take up.
            SessionOwnedError: If another process runs it.
            StaleCodeError: If a person has to choose what changed code means.
        """
        is_other = session_id is not None and not str(self.session_id).startswith(str(session_id))
        if is_other or self.is_idle:
            self._take_up(session_id)
            if self._waits_for_approval():
                return self
        names = (only,) if isinstance(only, str) else tuple(only)
        self.command("resume", only=names, stale=self._choose(stale))
        return self

    @property
    @abstractmethod
    def is_idle(self) -> bool:
        """Whether the session has not started."""

    @abstractmethod
    def _take_up(self, session_id: UUID | str | None) -> None:
        """Go on in a session on disk, in place of the one that this executor has."""

    @abstractmethod
    def _waits_for_approval(self) -> bool:
        """Tell whether the session stands still until somebody approves."""

    @abstractmethod
    def _choose(self, stale: str | None) -> str:
        """Return what a resume does about changed code."""

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
