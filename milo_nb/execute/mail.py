"""The thread that looks into the mailboxes of all sessions that this process owns: one, however many there are.

A request from another process is carried out here, so also while the kernel's main thread is blocked. On its rounds it also
touches the sessions' snapshots: should the process die, it is known until when they ran.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from milo_nb.errors import UsageError
from milo_nb.execute.options import STALE
from milo_nb.persist.mailbox import POLL_S, Answer, Mailbox
from milo_nb.state.commands import Command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from milo_nb.persist.mailbox import Request
    from milo_nb.persist.rundir import RunDir

LOG = logging.getLogger("milo_nb")
BEAT_S = 5.0
"""Between two signs of life."""
NONE, EARLIER = "none", "earlier"
"""What a phase can be skipped with from another process: no value can be sent, but all processes see the disk."""
OPTIONS = {
    "downstream": "true or false",
    "replace": "true or false",
    "only": "names",
    "stale": "ask, rerun or reuse",
    "value": "none or earlier",
}
"""What a request may say beside the command and its phases."""


class Postman:
    """Looks into mailboxes on a thread of its own, which ends when none is left."""

    def __init__(self) -> None:
        """Know no mailboxes."""
        self._rounds: dict[Mailbox, Callable[[Request], Answer | None]] = {}
        self._snapshots: dict[Mailbox, Path] = {}
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._thread: threading.Thread | None = None

    def serve(
        self, run_dir: RunDir, obey: Callable[[Command], Any], earlier: Callable[[str], Any]
    ) -> Callable[[], None]:
        """Have requests to a session carried out by `obey`; return what ends that.

        Args:
            run_dir: The session's directory.
            obey: Carries out a command.
            earlier: Returns the result that a phase had in an earlier session.
        """
        mailbox = Mailbox(run_dir)

        def carry_out(request: Request) -> Answer:
            command = _to_command(request)
            if command.value == EARLIER:
                command = replace(command, value=earlier(command.phases[0]))
            obey(command)
            return Answer(ok=True, message=f"{request.word} was carried out.")

        with self._lock:
            self._rounds[mailbox] = carry_out
            self._snapshots[mailbox] = run_dir.snapshot
            if self._thread is None:
                self._changed.clear()
                self._thread = threading.Thread(target=self._walk, name="milo-postman", daemon=True)
                self._thread.start()

        def stop() -> None:
            with self._lock:
                self._rounds.pop(mailbox, None)
                self._snapshots.pop(mailbox, None)
                if not self._rounds:
                    self._changed.set()

        return stop

    def _walk(self) -> None:
        beat_at = 0.0
        while True:
            self._changed.wait(POLL_S)
            with self._lock:
                rounds = list(self._rounds.items())
                if not rounds:
                    self._thread = None
                    return
                is_time = time.monotonic() >= beat_at
                snapshots = list(self._snapshots.values()) if is_time else []
            if is_time:
                give_signs_of_life(snapshots)
                beat_at = time.monotonic() + BEAT_S
            for mailbox, carry_out in rounds:
                try:
                    mailbox.carry_out(carry_out)
                except Exception:
                    LOG.exception("a mailbox could not be looked into")


def give_signs_of_life(snapshots: Iterable[Path]) -> None:
    """Touch the snapshots of sessions that this process owns."""
    for snapshot in snapshots:
        with contextlib.suppress(OSError):
            os.utime(snapshot)


def _to_command(request: Request) -> Command:
    options: dict[str, Any] = dict(request.options)
    for name, value in options.items():
        if name not in OPTIONS:
            raise UsageError(f"'{request.word}' has no option '{name}'. Options: {', '.join(sorted(OPTIONS))}.")
        if not _fits(name, value):
            raise UsageError(f"The option '{name}' of '{request.word}' must be {OPTIONS[name]}; got {value!r}")
    if "only" in options:
        options["only"] = tuple(options["only"])
    if "value" in options and (request.word != "skip" or len(request.phases) != 1):
        raise UsageError(f"The option 'value' is for skipping one phase, not for '{request.word}'.")
    if options.get("value") == NONE:
        del options["value"]
    return Command(request.word, request.phases, id=request.id, by=request.by, **options)  # type: ignore[arg-type]  # the mailbox has checked the word


def _fits(name: str, value: Any) -> bool:
    if name == "only":
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if name in ("stale", "value"):
        return isinstance(value, str) and value in (STALE if name == "stale" else (NONE, EARLIER))
    return isinstance(value, bool)


POSTMAN = Postman()
