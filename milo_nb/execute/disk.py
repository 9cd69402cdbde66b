"""The part of a session that outlives the kernel: when it begins, what it hears, how it ends."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from milo_nb.errors import WorkDirError
from milo_nb.execute.skipped import SkippedValues
from milo_nb.state import actions as a
from milo_nb.state.actions import Action
from milo_nb.state.model import DONE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from milo_nb.execute.displays import KeptDisplays
    from milo_nb.execute.keeping import Keeper
    from milo_nb.execute.saving import Savings
    from milo_nb.execute.session import Session
    from milo_nb.execute.taking_up import Story
    from milo_nb.persist.cache import Cache
    from milo_nb.persist.recorder import Recorder
    from milo_nb.state.model import PipelineState

LOG = logging.getLogger("milo_nb")


class Disk:
    """What a session has on disk, if it has a work directory.

    Attributes:
        root: The work directory; None for no disk.
        keeper: What is written; None before the start, and if nothing can be.
        recorder: Takes what happens; None with no keeper, and after the end.
        cache: The results of earlier sessions; None if they are not used.
        refresh: The cache is written and not read.
        early: What happened before the start, as phases that were skipped.
        displays: Takes what phases display; None with no keeper, and after the end.
        savings: The results that are being saved, where there is a keeper.
        skipped: The values that phases are skipped with.
    """

    def __init__(
        self, session: Session, root: str | Path | None, story: Story | None, *, cache: bool, refresh: bool
    ) -> None:
        """Make the disk of a session that has not started."""
        self.root = root
        self.keeper: Keeper | None = None
        self.recorder: Recorder | None = None
        self.cache: Cache | None = None
        self.refresh = refresh
        self.early: list[list[Action]] = []
        self.displays: KeptDisplays | None = None
        self.savings: Savings
        self._wants_cache = cache
        self.skipped = SkippedValues(session)
        self._session = session
        self._story = story
        self._stop_mail: Callable[[], None] | None = None
        self._ending = threading.Lock()
        self._folder: Path | None = None

    def begin(self, *, fail_fast: bool) -> str:
        """Open what the session keeps; return why that is not to be had, or "".

        Raises:
            WorkDirError: If a session is to be taken up and cannot be written to.
        """
        session, root = self._session, self.root
        if self._story is None and root is None:
            return ""
        # 50 ms that an import of the package, and a session in memory, should not pay:
        from milo_nb.execute.displays import KeptDisplays  # noqa: PLC0415
        from milo_nb.execute.earlier import value_of_earlier  # noqa: PLC0415
        from milo_nb.execute.keeping import Beginning, Listener, begin  # noqa: PLC0415
        from milo_nb.execute.mail import POSTMAN  # noqa: PLC0415
        from milo_nb.execute.saving import Savings  # noqa: PLC0415

        if self._story is not None:
            self.keeper = self._story.keeper
        elif root is not None:
            new = Beginning(
                root, session.name, str(session.id), session.graph, session.params,
                session.started_wall, session.now(), fail_fast,
            )  # fmt: skip
            try:
                self.keeper = begin(new)
            except WorkDirError as e:
                return str(e)
        keeper = self.keeper
        if keeper is None:
            raise AssertionError("there is a story or a root")
        session.results.back_with(keeper.results.load)
        keeper.listen(Listener(self._state, self._saved, self.trouble, session.errors.get))
        if self._story is not None:
            keeper.own(session.now(), session.graph, fail_fast=fail_fast)
        self._tell_of_before(keeper)
        self.recorder = keeper.recorder
        self.savings = Savings(session.store.loop.clock, session.store.loop.dispatch)
        self.displays = KeptDisplays(f"milo-{session.name}", keeper.displays, session.outputs, self._displays_failed)
        if self._wants_cache:
            self.cache = keeper.cache()
        self._stop_mail = POSTMAN.serve(keeper.run_dir, session.command, lambda name: value_of_earlier(session, name))
        keeper.keep_house()
        return ""

    def _tell_of_before(self, keeper: Keeper) -> None:
        """Have written what happened before there was anything to write to."""
        early, self.early = self.early, []
        for batch in early:
            for action in batch:
                if action.type == a.PHASE_SKIPPED:
                    name = action.payload["name"]
                    self.skipped.write(keeper, name, 1, self._session.results.get(name), keeper.recorder.substitutes)
            keeper.recorder.take(batch)

    def end(self) -> None:
        """Write what is left and let go of the session's directory; when this returns, it is free."""
        with self._ending:  # who closes the session, and the clock that finishes it, may come together
            stop, self._stop_mail = self._stop_mail, None
            recorder, self.recorder = self.recorder, None
            displays, self.displays = self.displays, None
            if stop is not None:
                stop()
            if displays is not None:
                displays.close()
            if recorder is not None and self.keeper is not None:
                if self.cache is not None:
                    self.cache.flush()
                self.keeper.close()

    def end_soon(self) -> None:
        """Do that on a thread of its own: the one that calls has other things to do than to wait for a disk."""
        if self.recorder is not None:
            threading.Thread(target=self.end, name=f"milo-{self._session.name}-end", daemon=True).start()

    def folder(self) -> Path | None:
        """Return the session's directory; made now, if the session was never started. None for no disk.

        Raises:
            OSError: If it cannot be made.
        """
        if self.keeper is not None:
            return self.keeper.run_dir.path
        if self.root is None:
            return None
        from milo_nb.persist.rundir import RunDir  # noqa: PLC0415 - a session that runs has its directory

        with self._ending:
            if self._folder is None:
                session = self._session
                self._folder = RunDir.make(self.root, session.name, str(session.id), session.started_wall).path
            return self._folder

    def logs_folder(self) -> Path | None:
        """Return where the full logs go; None for no disk.

        Raises:
            OSError: If it cannot be made.
        """
        folder = self.folder()
        return None if folder is None else folder / "logs"

    def trouble(self, reason: str) -> None:
        """Say that the session is not being saved, or with "" that it is again."""
        text = f"Not saved: {reason.removesuffix('.')}. The session goes on in memory." if reason else ""
        if text:
            LOG.warning("%s: %s", self._session.name, text)
        self._session.store.loop.dispatch(Action(a.CHECKPOINT_FAILED, {"reason": text}))

    def _displays_failed(self, phase: str, attempt: int, text: str) -> None:
        graph = self._session.graph
        self._session.logs.say(graph.phases[graph.index[phase]], attempt, text)

    def _state(self) -> PipelineState:
        """Return the state, of which all has been handed to the recorder."""
        with self._session.store.loop.hold():
            return self._session.state

    def _saved(self, records: list[dict[str, Any]]) -> None:
        """Take note of results that are on disk now. On the recorder's thread."""
        session = self._session
        loop, index = session.store.loop, session.graph.index
        with loop.hold():
            phases = session.state.phases
            for record in records:
                name, attempt = record["name"], record["attempt"]
                now = phases[index[name]]
                if now.attempt == attempt and now.status in DONE and not self.skipped.is_replaced(now, record):
                    session.results.saved(record)
                    loop.intake.put(Action(a.PHASE_SAVED, {"name": name, "attempt": attempt}))

    # ------------------------------------------------------------------ commands

    def record_edits(self, names: Iterable[str]) -> None:
        """Take the files of reviewed phases as they are now: the reviewer may have edited them."""
        from milo_nb.persist.files import read_files  # noqa: PLC0415 - only a session on disk has files

        results, keeper = self._session.results, self.keeper
        for name in names:
            record = results.record(name)
            if keeper is not None and record is not None and record.get("files"):
                files = keeper.files.record(f.path for f in read_files(record))
                results.saved(keeper.note_files(name, record["attempt"], record, list(files)))
