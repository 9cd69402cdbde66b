"""The mailbox of a session: how other processes ask its owner for something, and get an answer.

A request is a file of its own in ``control/``, put there whole. The owner takes requests in the order they were posted,
only those that its own user wrote, and answers each with a file beside it. What is no request is moved to
``control/refused/`` with the reason.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from uuid import uuid4

from milo_nb.errors import MiloError, ResultRefusedError
from milo_nb.persist.disk import make_private, read_json, to_json, write_whole
from milo_nb.state.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOG = logging.getLogger("milo_nb")
POLL_S = 0.1
"""How often the owner looks; also how often who asked looks for the answer."""
MOST_BYTES = 64_000
ANSWERS_KEPT_S = 3600.0
TIDY_S = 600.0
_REQUEST = re.compile(r"(\d{20})-([0-9A-Za-z][0-9A-Za-z._-]{0,99})\.request\.json")
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")
_FIELDS = frozenset({"id", "word", "phases", "options", "by", "at"})


@dataclass(frozen=True, slots=True)
class Request:
    """What another process asks for.

    Attributes:
        word: The command, as ``pause``.
        phases: Names of the phases it is about; none means the session.
        options: Further fields of the command, as ``{"downstream": False}``.
        by: Who asks.
        at: When, in seconds since the epoch.
        id: Unique.
    """

    word: str
    phases: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    by: str = "mailbox"
    at: float = 0.0
    id: str = ""


class Answer(NamedTuple):
    """What became of a request.

    Attributes:
        ok: It was carried out.
        message: A sentence for people.
    """

    ok: bool
    message: str


def post(run_dir: str | os.PathLike[str], command: Mapping[str, Any]) -> str:
    """Ask the owner of a session for something; return the id of the request.

    Args:
        run_dir: The directory of the session.
        command: ``word``, and what else a :class:`Request` has.

    Raises:
        ValueError: If it is no request.
        OSError: If it could not be put there, as in a directory of another user.
    """
    told = {"id": str(uuid4()), "by": "mailbox", **command, "at": time.time()}
    request = _parse(told)
    control = make_private(_control(run_dir))
    stamp = time.time_ns()
    content = {
        "id": request.id,
        "word": request.word,
        "phases": list(request.phases),
        "options": dict(request.options),
        "by": request.by,
        "at": request.at,
    }
    encoded = to_json(content)
    if len(encoded) > MOST_BYTES:
        raise ValueError(f"a request may have {MOST_BYTES} bytes; this one has {len(encoded)}")
    write_whole(control / f"{stamp:020d}-{request.id}.request.json", encoded)
    return request.id


def wait_answer(
    run_dir: str | os.PathLike[str],
    request: str,
    timeout: float | None = None,
    *,
    cancelled: Callable[[], bool] | None = None,
) -> Answer | None:
    """Return the answer to a request, or None if there was none in time.

    Args:
        run_dir: The directory of the session.
        request: The id of the request.
        timeout: Most seconds to wait; for ever, if None.
        cancelled: Asked while waiting; true ends the wait. May raise instead.
    """
    if not _ID.fullmatch(request):
        raise ValueError(f"{request!r} is no id of a request")
    path = _control(run_dir) / f"{request}.answer.json"
    ends = None if timeout is None else time.monotonic() + timeout
    pause = threading.Event()
    while True:
        with contextlib.suppress(OSError, ResultRefusedError, LookupError):
            found = read_json(path, MOST_BYTES)
            return Answer(bool(found["ok"]), str(found["message"]))
        left = POLL_S if ends is None else ends - time.monotonic()
        if left <= 0 or (cancelled is not None and cancelled()):
            return None
        pause.wait(min(left, POLL_S))


class Mailbox:
    """The owner's side. One thread polls; answers may be given on any."""

    def __init__(self, run_dir: str | os.PathLike[str]) -> None:
        """Serve the mailbox of a session that this process owns."""
        self._control = _control(run_dir)
        self._taken: dict[str, str] = {}  # name of the file: id
        self._lock = threading.Lock()
        self._tidy_at = 0.0

    def poll(self) -> list[Request]:
        """Return the requests that came since the last time, in the order they were posted.

        Each stays on disk until it is answered. Never raises for what lies in the mailbox.
        """
        found = []
        for name in self._names():
            match = _REQUEST.fullmatch(name)
            if match is None or name in self._taken:
                continue
            path = self._control / name
            try:
                request = _parse(read_json(path, MOST_BYTES), match[2])
            except FileNotFoundError:
                continue
            except (ResultRefusedError, ValueError) as error:
                self._put_aside(path, error.reason if isinstance(error, ResultRefusedError) else str(error))
                continue
            with self._lock:
                self._taken[name] = request.id
            found.append(request)
        return found

    def answer(self, request: Request, ok: bool, message: str) -> None:  # noqa: FBT001 - the fields of an answer
        """Say what became of a request, and be done with it. A full or read-only disk is logged."""
        try:
            write_whole(self._control / f"{request.id}.answer.json", to_json({"ok": ok, "message": message}))
        except OSError as error:
            LOG.warning("the answer to request %s could not be written: %s", request.id, error)
        with self._lock:
            done = [name for name, made_id in self._taken.items() if made_id == request.id]
        for name in done:
            try:
                (self._control / name).unlink(missing_ok=True)
            except OSError:
                continue  # stays taken, so that it is not carried out twice
            with self._lock:
                self._taken.pop(name, None)

    def refuse_waiting(self, reason: str) -> list[Request]:
        """Refuse all that waits: it was meant for an owner that is gone. Called by who takes the session over."""
        waiting = self.poll()
        for request in waiting:
            self.answer(request, ok=False, message=reason)
        return waiting

    def carry_out(self, callback: Callable[[Request], Answer | None]) -> None:
        """Hand to `callback` what has come; now and then, tidy up."""
        if time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + TIDY_S
            self.tidy()
        for request in self.poll():
            try:
                answer = callback(request)
            except MiloError as refused:
                answer = Answer(ok=False, message=str(refused))
            except Exception as failed:
                LOG.exception("a request from another process failed")
                answer = Answer(ok=False, message=f"{type(failed).__name__}: {failed}")
            if answer is not None:
                self.answer(request, answer.ok, answer.message)

    def tidy(self) -> None:
        """Remove answers that nobody fetched for an hour."""
        oldest = time.time() - ANSWERS_KEPT_S
        for name in self._names():
            if name.endswith(".answer.json"):
                path = self._control / name
                with contextlib.suppress(OSError):
                    if path.lstat().st_mtime < oldest:
                        path.unlink()

    def _names(self) -> list[str]:
        try:
            return sorted(os.listdir(self._control))  # noqa: PTH208 - ten times a second: half the cost
        except OSError:
            return []  # removed, or not reachable now: the session goes on

    def _put_aside(self, path: Path, reason: str) -> None:
        LOG.warning("a file in the mailbox is no request: %s: %s", path, reason)
        with self._lock:
            self._taken[path.name] = ""  # not looked at again, should it not be possible to move it
        aside = self._control / "refused"
        with contextlib.suppress(OSError):
            make_private(aside)
            path.rename(aside / path.name)
            write_whole(aside / f"{path.name}.reason.txt", f"{reason}\n".encode("utf-8", "replace"))


def _control(run_dir: str | os.PathLike[str]) -> Path:
    return Path(run_dir) / "control"


def _parse(told: Mapping[str, Any], named: str | None = None) -> Request:
    """Return the request that was told, in a file that is named after the id `named`.

    Raises:
        ValueError: If it is none.
    """
    for name in told:
        if name not in _FIELDS:
            raise ValueError(f"a request has no field {name!r}; it has {', '.join(sorted(_FIELDS))}")
    word, phases, options = told.get("word"), told.get("phases", ()), told.get("options", {})
    by, at, made_id = told.get("by", "mailbox"), told.get("at", 0.0), told.get("id")
    if word not in COMMANDS:
        _refuse(f"word must be one of {', '.join(COMMANDS)}", word)
    if not isinstance(phases, (list, tuple)) or not all(isinstance(name, str) for name in phases):
        _refuse("phases must be names", phases)
    if not isinstance(options, dict):
        _refuse("options must be an object", options)
    if not isinstance(by, str) or not by:
        _refuse("by must say who asks", by)
    if not isinstance(at, (int, float)) or isinstance(at, bool):
        _refuse("at must be seconds since the epoch", at)
    if not isinstance(made_id, str) or not _ID.fullmatch(made_id):
        _refuse("id must be letters, digits and . _ -, at most 100", made_id)
    if named not in (None, made_id):
        _refuse("it is named after another id than its own", made_id)
    json.dumps(options, allow_nan=False)
    return Request(word, tuple(phases), options, by, float(at), made_id)


def _refuse(why: str, got: object) -> NoReturn:
    raise ValueError(f"{why}; got {got!r}")
