"""What the views of a session are told beside its state: who runs it, what is kept, what people should know."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from milo_nb.show.notebook.eta import UNKNOWN, Outlook
from milo_nb.state.wire import Beside

if TYPE_CHECKING:
    from milo_nb.execute.session import Session

SHORT = 8
"""Characters of a session's id that tell it from others."""
MOST_FILES = 10


class SessionBeside:
    """What one session has beside its state. Used by one thread; loads no result.

    Attributes:
        outlook: What earlier sessions say of it.
    """

    def __init__(self, session: Session) -> None:
        """Look at `session`, which may be one that is only looked at."""
        self._session: Any = session
        self._review: tuple[object, str] = (None, "")
        self._epoch = round(time.time() - session.now(), 3)  # told once: the two clocks drift apart a little
        self.outlook = Outlook.of(session)

    def now(self) -> Beside:
        """Return how it is now."""
        session = self._session
        if is_attached(session):
            owner = "elsewhere" if session.is_owned else "nobody"
            locked = self._locked(owner)
            banners = self._banners(owner, locked)
            eta, usual = self.outlook.eta() if owner == "elsewhere" else UNKNOWN, self.outlook.usual
            other = len(session.book("") or ())
            return Beside(True, owner, locked, banners, other, epoch=self._epoch, eta=eta, usual=usual)
        return Beside(
            keeps=session.disk.keeper is not None,
            banners=self._banners("here"),
            other=len(session.book("")),
            epoch=self._epoch,
            eta=self.outlook.eta(),
            usual=self.outlook.usual,
        )

    def _locked(self, owner: str) -> str:
        session = self._session
        if owner == "elsewhere":
            return f"Session {str(session.id)[:SHORT]} is run by another kernel; run it again there."
        return str(session.locked)

    def _banners(self, owner: str, locked: str = "") -> tuple[tuple[str, str, str], ...]:
        session, state = self._session, self._session.state
        short = str(session.id)[:SHORT]
        found: list[tuple[str, str, str]] = []
        if owner == "nobody":
            how = "read-only." if locked else "What you ask for here goes on in it, with the code of this kernel."
            found.append(("told", f"Past session {short}{',' if locked else '.'} {how}", ""))
        elif owner == "elsewhere":
            found.append(("told", f"Session {short} is run by another kernel, which takes what you ask for here.", ""))
        if state.notice:
            found.append(("failed", state.notice, ""))
        if state.waiting_for and owner != "nobody":
            found.append(("waiting", self._to_review(), ""))
        kept = getattr(session, "continued", None)
        if kept is not None and session.is_running():  # that it has ended is newer, and then there is Run again
            found.append(("told", f"Continued {short}: {kept} kept.", "run"))
        return tuple(found)

    def _to_review(self) -> str:
        """Return what waits for approval and what there is to look at; made once, as it does not change meanwhile."""
        session, state = self._session, self._session.state
        phase = state.phases[session.graph.index[state.waiting_for]]
        key = (phase.name, phase.attempt, phase.saved)  # its files are known when it is saved
        if self._review[0] != key:
            self._review = (key, to_review(session, phase.name))
        return self._review[1]


def to_review(session: Any, name: str) -> str:
    """Say what waits for approval and what there is to look at, loading nothing."""
    if not is_attached(session) and session.results.is_at_hand(name):
        from milo_nb.execute.waiting import review_text  # noqa: PLC0415 - only where something waits

        return review_text(session)
    from milo_nb.persist.files import read_files  # noqa: PLC0415 - only a session on disk has files

    files = [f.path for f in read_files(session.results.record(name))]
    folder = session.run_dir.path if is_attached(session) else session.work_dir()
    look = ["its result"]
    if files:
        more = f" and {len(files) - MOST_FILES} more" if len(files) > MOST_FILES else ""
        look.insert(0, f"{', '.join(files[:MOST_FILES])}{more} in {folder}")
    return f"'{name}' waits for approval. Look at {'; '.join(look)}."


def is_attached(session: Any) -> bool:
    """Tell whether a session is only looked at here."""
    return hasattr(session, "describe_result")
