"""What views ask for is done here: commands, logs, displays, details. In order, off the kernel's message threads.

A command that comes twice, by two lanes, is carried out once and answered twice. Looking at a result may call a person's
``__repr__``, which may take any time: details have a thread of their own, so that buttons keep working.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from milo_nb.errors import InvalidStateError, MiloError, describe, in_words
from milo_nb.show.notebook import asked
from milo_nb.show.notebook.answers import WORDS
from milo_nb.show.notebook.beside import is_attached
from milo_nb.show.notebook.detail import to_detail
from milo_nb.show.notebook.outputs import to_list, to_piece
from milo_nb.show.notebook.substitutes import EARLIER, value_of
from milo_nb.show.notebook.turns import MOST_WAITING, Errands
from milo_nb.state.commands import Command
from milo_nb.state.wire import clip, to_lines
from milo_nb.state.wire_browser import (
    Ask,
    CommandRequest,
    DetailRequest,
    Drop,
    LogsRequest,
    OutputRequest,
    OutputsRequest,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from milo_nb.capture.outputs import OutputBook
    from milo_nb.execute.executor import PipelineExecutor
    from milo_nb.state.wire_browser import Request

LOG = logging.getLogger("milo_nb")
REMEMBERED = 1_000
MAX_PAGE_BYTES = 200_000
TOO_MANY = f"More than {MOST_WAITING} requests wait already: this one is passed over. Ask again when they are done."

COMMANDS = Errands("milo-commands")
DETAILS = Errands("milo-details")
SLOW = Errands("milo-requests")
"""For commands that wait: for another kernel to answer, or for a session to end."""
OWN = {word: Errands(f"milo-{word}") for word, (_, lane) in WORDS.items() if lane == "own"}
ENDS_S = 20.0
"""How long Start anew waits for what runs to stop."""


class Desk:
    """Takes the requests of the views of one executor and answers them."""

    def __init__(
        self,
        executor: PipelineExecutor,
        answer: Callable[[dict[str, Any]], None],
        *,
        commands: Errands = COMMANDS,
        details: Errands = DETAILS,
        slow: Errands = SLOW,
    ) -> None:
        """Answer by `answer`, which may be called from any thread."""
        self._executor = executor
        self._answer = answer
        self._commands = commands
        self._details = details
        self._slow = slow
        self._lock = threading.Lock()
        self._wanted = asked.Wanted(answer)
        self._done: OrderedDict[str, dict[str, Any] | None] = OrderedDict()  # None: being carried out

    def take(self, request: Request) -> None:
        """Take a request; any thread, returns at once."""
        match request:
            case CommandRequest(id_):
                if self._is_new(id_):
                    waits = request.command == "run" or request.options.get("value") == EARLIER
                    waits = waits or is_attached(self._executor.session)
                    errands = self._slow if waits else self._commands
                    if not errands.add(lambda: self._settle(id_, self._carry_out(request))):
                        self._answer(_reply(id_, ok=False, message=TOO_MANY))
                        self._forget(id_)
            case LogsRequest() | OutputsRequest() | OutputRequest():
                self._commands.add(lambda: self._look_up(request))
            case DetailRequest(id_):
                if self._is_new(id_) and not self._details.add(lambda: self._settle(id_, self._detail(request))):
                    self._forget(id_)
            case Ask(id_):
                if self._is_new(id_):
                    self._ask(request)
            case Drop(id_):
                self._wanted.drop(id_)

    def _ask(self, ask: Ask) -> None:
        tell, word = self._wanted.add(ask.id), WORDS.get(ask.what)
        if word is None:
            tell.error(f"This kernel knows no '{ask.what[:40]}'.")
            return
        if word.lane != "quick":
            tell({}, done=False)  # it came: who waits need not send it by another lane
        errands = {"quick": self._commands, "slow": self._details}.get(word.lane) or OWN[ask.what]
        if not errands.add(lambda: asked.answer(ask, word.answerer, self._executor, tell)):
            tell.error(TOO_MANY)

    def _is_new(self, id_: str) -> bool:
        """Tell whether this id has not been here; one that was answered is answered again."""
        with self._lock:
            if id_ not in self._done:
                self._done[id_] = None
                while len(self._done) > REMEMBERED:
                    self._done.popitem(last=False)
                return True
            before = self._done[id_]
        if before is not None:
            self._answer(before)
        return False

    def _forget(self, id_: str) -> None:
        """Take this id as new when it comes again: nothing was done."""
        with self._lock:
            self._done.pop(id_, None)

    def _settle(self, id_: str, answer: dict[str, Any] | None) -> None:
        with self._lock:
            self._done[id_] = answer
        if answer is not None:
            self._answer(answer)

    def _carry_out(self, request: CommandRequest) -> dict[str, Any]:
        try:
            if request.command == "run":
                self._start_anew(stops=request.options.get("replace") is True)
            else:
                options: dict[str, Any] = {**request.options, "id": request.id, "by": "view"}
                if "value" in options:
                    options["value"] = value_of(self._executor.session, request.phases[0], options["value"])
                self._executor.command(request.command, *request.phases, **options)
        except MiloError as refused:
            return _reply(request.id, ok=False, message=describe(refused))
        except Exception as error:
            LOG.exception("a command of a view failed")
            return _reply(request.id, ok=False, message=f"{request.command} failed: {in_words(error)}")
        return _reply(request.id, ok=True, message="")

    def _start_anew(self, *, stops: bool) -> None:
        """Start a new session; with `stops`, cancel the one that runs first."""
        session = self._executor.session
        if stops and session.is_running() and not is_attached(session):
            if not session.plan(Command("cancel")).refused:  # else it is being cancelled already
                self._executor.command("cancel", by="view")
            if not session.ended.wait(ENDS_S):
                raise InvalidStateError("What runs has not stopped so far. Start anew when it has.")
        self._executor.run_again()

    def _look_up(self, request: LogsRequest | OutputsRequest | OutputRequest) -> None:
        match request:
            case LogsRequest():
                self._answer_logs(request)
            case OutputsRequest():
                self._answer_outputs(request)
            case OutputRequest():
                self._answer_output(request)

    def _answer_logs(self, request: LogsRequest) -> None:
        session = self._executor.session
        if request.phase > len(session.graph):
            return  # of a session that is no longer shown
        if request.phase == len(session.graph):  # after the last phase: what belongs to none
            book: Any = session.book("")
        else:
            book = session.books.get(session.graph.names[request.phase])
        rows = book.page(request.start, request.count) if book is not None else []
        start = rows[0][0] if rows else request.start
        end = start
        for row in rows:  # a cut in the middle ends the page: what follows has other numbers
            if row[0] != end:
                break
            end += 1
        lines = to_lines(rows[: end - start], MAX_PAGE_BYTES)
        total, first = (len(book), book.first) if book is not None else (0, 0)
        page = {
            "id": request.id,
            "phase": request.phase,
            "start": start,
            "total": total,
            "first": first,
            "lines": lines,
        }
        self._answer({"type": "logs", **page})

    def _outputs(self, phase: int) -> OutputBook | None:
        session = self._executor.session
        return session.outputs.get(session.graph.names[phase]) if phase < len(session.graph) else None

    def _answer_outputs(self, request: OutputsRequest) -> None:
        if request.phase >= len(self._executor.session.graph):
            return  # of a session that is no longer shown
        listed = to_list(self._outputs(request.phase))
        self._answer({"type": "outputs", "id": request.id, "phase": request.phase, **listed})

    def _answer_output(self, request: OutputRequest) -> None:
        """Send the next piece; nothing if this version is gone: who asked is told of another one soon."""
        ref, version, start = request.ref, request.version, request.start
        data = to_piece(self._outputs(request.phase), ref, version, start)
        if data is not None:
            piece = {"phase": request.phase, "ref": ref, "version": version, "start": start, "data": data}
            self._answer({"type": "output", "id": request.id, **piece})

    def _detail(self, request: DetailRequest) -> dict[str, Any] | None:
        session = self._executor.session
        if request.phase >= len(session.graph):
            return None
        try:
            told = to_detail(session, request.phase)
        except BaseException as error:
            LOG.debug("a detail could not be made", exc_info=error)
            told = {"error": None}
        return {"type": "detail", "id": request.id, "phase": request.phase, **told}


def _reply(id_: str, *, ok: bool, message: str) -> dict[str, Any]:
    return {"type": "reply", "id": id_, "ok": ok, "message": clip(message)}
