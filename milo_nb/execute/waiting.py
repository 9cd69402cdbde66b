"""Waiting for the end of a session: by threads, by event loops, and at a terminal where somebody has to approve.

And what Ctrl-C has to wait for.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from milo_nb.errors import InvalidStateError, PhaseCancelled, name_of_type
from milo_nb.state.commands import Command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from milo_nb.execute.session import Session

_POLL_S = 0.05
_TURN_S = 0.1
"""Short waits: a main thread in one long wait would not hear of Ctrl-C on every platform."""
MOST_FILES = 10
PATIENCE_S = 2.0
HELD_S = 2.0


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back Ctrl-C until this stretch of the main thread is over, as the session would lose what it was at.

    One that comes after `HELD_S` is raised at once: then the stretch does not get on. Nests; can be a decorator.
    """
    usual = signal.getsignal(signal.SIGINT) if threading.current_thread() is threading.main_thread() else None
    if not callable(usual):
        yield
        return
    began = time.monotonic()
    held: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        if time.monotonic() - began > HELD_S:
            usual(number, frame)
        else:
            held[:] = [number]

    try:
        signal.signal(signal.SIGINT, hold)
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if held:
            usual(held[0], None)


def wait_for_end(session: Session, timeout: float | None) -> None:
    """Return when a session has ended.

    The first Ctrl-C cancels the session and goes on waiting, the second one is raised. At a terminal, Enter approves
    what is to be reviewed.

    Raises:
        TimeoutError: If it has not ended in time; it goes on.
    """
    until = None if timeout is None else time.monotonic() + timeout
    asked = False
    shown = ""
    while True:
        try:
            left = _TURN_S if until is None else min(_TURN_S, max(until - time.monotonic(), 0.0))
            if session.ended.wait(left):
                settle(session)
                return
            if session.state.waiting_for and _is_at_terminal():
                shown = _ask(session, shown)
        except KeyboardInterrupt:
            if asked or session.plan(Command("cancel")).refused:
                raise
            asked = True
            session.command(Command("cancel", by="ctrl-c"))
        except PhaseCancelled:  # a phase waits for a pipeline of its own: they are cancelled together
            with contextlib.suppress(InvalidStateError):
                session.command(Command("cancel", by="the phase that waits for it"))
            raise
        if until is not None and time.monotonic() >= until:
            raise TimeoutError(f"'{session.name}' has not ended within {timeout:g} s; it goes on.")


async def until_end(session: Session) -> None:
    """Return when a session has ended, without blocking the event loop."""
    import asyncio  # noqa: PLC0415 - 20 ms that an import of the package should not pay

    while not session.ended.is_set():  # noqa: ASYNC110 - set by threads, for any number of event loops
        await asyncio.sleep(_POLL_S)
    settle(session)


def settle(session: Session) -> None:
    """Let go of what only a running session needs, and have everybody told what it came to."""
    session.finish()
    session.logs.flush()
    if (displays := session.disk.displays) is not None:
        displays.flush()
    session.store.tell_listeners()


def review_text(session: Session) -> str:
    """Say what waits for approval, what there is to look at, and how to go on; "" if nothing waits."""
    name = session.state.waiting_for
    if not name:
        return ""
    from milo_nb.persist.files import read_files  # noqa: PLC0415 - only a session on disk has files

    keeper = session.disk.keeper
    if keeper is not None and session.results.record(name) is None:
        keeper.recorder.flush(PATIENCE_S)  # what it wrote is noted when it is saved
    files = [f.path for f in read_files(session.results.record(name))]
    look = [f"its result, {name_of_type(session.results.get(name))}"]
    if files:
        more = f" and {len(files) - MOST_FILES} more" if len(files) > MOST_FILES else ""
        look.insert(0, f"{', '.join(files[:MOST_FILES])}{more} in {session.work_dir()}")
    return f"'{name}' waits for approval. Look at {'; '.join(look)}."


def how_to_resume(session: Session) -> str:
    """Return the call that goes on in a session later."""
    return f"executor.resume({str(session.id)!r})"


def _is_at_terminal() -> bool:
    if threading.current_thread() is not threading.main_thread():
        return False
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


def _ask(session: Session, shown: str) -> str:
    """Say once what waits, and approve it if Enter was pressed; return what was said."""
    import select  # noqa: PLC0415 - only at a terminal

    text = review_text(session)
    if text and text != shown:
        print(f"{text}\nPress Enter to continue, or resume later with: {how_to_resume(session)}", flush=True)  # noqa: T201 - it is for who sits there
    with contextlib.suppress(OSError, ValueError, InvalidStateError):
        if select.select([sys.stdin], [], [], 0)[0]:
            if not sys.stdin.readline():
                return text
            session.command(Command("approve", by="terminal"))
    return text
