"""What is saved of one attempt beside its result: its code, what it was given, the files it wrote. And the cache before it.

Lives on the attempt's worker thread, from just before the handler is called until its outcome is told.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from milo_nb.errors import ResultRefusedError, name_of_type
from milo_nb.persist.cache_entry import Hit
from milo_nb.persist.cache_options import cache_options
from milo_nb.persist.files import read_files
from milo_nb.state.model import NOT_SAVED
from milo_nb.state.saga import Reference

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from milo_nb.declare.phase import Phase
    from milo_nb.execute.keeping import Keeper
    from milo_nb.execute.session import Session
    from milo_nb.persist.cache import Cache, CacheKey
    from milo_nb.persist.files import Marks
    from milo_nb.persist.hold import Hold

LOG = logging.getLogger("milo_nb")
PATIENCE_S = 5.0
"""How long a retry waits for its inputs to be on disk, so that it gets them as they were."""


class Checkpoint:
    """What is saved of one attempt."""

    __slots__ = (
        "_attempt",
        "_doubt",
        "_hit",
        "_hold",
        "_i",
        "_keeper",
        "_key",
        "_marks",
        "_phase",
        "_session",
        "_why",
        "facts",
    )

    def __init__(self, session: Session, keeper: Keeper, i: int, phase: Phase, attempt: int) -> None:
        """Make the checkpoint of an attempt that is about to start."""
        self._session = session
        self._keeper = keeper
        self._i = i
        self._phase = phase
        self._attempt = attempt
        self._marks: Marks | None = None
        self._hit: Hit | None = None
        self._hold: Hold | None = None
        self._key: CacheKey | None = None
        self._why = ""
        self._doubt = ""
        self.facts: dict[str, Any] = {}

    def prepare(self) -> None:
        """Note what the attempt is made of, and have its inputs as they were saved if an earlier try had them in hand."""
        session, phase = self._session, self._phase
        if self._attempt > 1:
            needed = [session.graph.names[d] for d in session.graph.depends_on[self._i]]
            if any(session.results.record(name) is None for name in needed):
                self._keeper.recorder.flush(PATIENCE_S)  # they may be on their way to the disk
            session.results.reload(needed)
        self.facts = session.code.facts(phase, session.binder.given(self._i))
        file, source = session.code.source(phase, self._attempt)
        if file:
            self.facts["source"] = file
        if source:
            self._keeper.keep_source(file, source)

    def give_work_dir(self) -> Path:
        """Return the session's directory; what the phase writes there from now on is recorded."""
        if self._marks is None:
            self._marks = self._keeper.files.before()
        return self._keeper.run_dir.path

    def with_work_dir(self, make_ctx: Callable[[], Any]) -> Callable[[], Any]:
        """Return what makes a context whose work directory is this one."""

        def make() -> Any:
            ctx = make_ctx()
            ctx.give_work_dir = self.give_work_dir
            return ctx

        return make

    def cached(self) -> Phase:
        """Return the phase with the cache before its handler; the phase itself, if it is not cached."""
        options, cache = cache_options(self._phase.cache), self._session.disk.cache
        if options is None or cache is None or self._session.substitutes.below(self._i):
            return self._phase
        handler, validate = self._phase.handler, self._phase.validate

        def look_first(*args: Any, **kwargs: Any) -> Any:
            if self._look(cache, options) and self._hit is not None:
                return self._hit.load()
            return handler(*args, **kwargs)

        def if_made(value: Any) -> Any:
            return None if self._hit is not None or validate is None else validate(value)

        return replace(self._phase, handler=look_first, validate=if_made)

    def _look(self, cache: Cache, options: Any) -> bool:
        """Look into the cache; tell whether the result is there. If not, this kernel is the one that makes it now."""
        session = self._session
        try:
            self._key = session.code.cache_key(cache, self._i, options)
        except Exception as e:
            self._why = f"not cached: {e}"
            LOG.debug("no cache key for '%s'", self._phase.name, exc_info=e)
            return False
        if session.disk.refresh:
            self._why = "cache refreshed"
            return False
        self._hold = cache.hold(self._key)
        self._hold.take()
        found = cache.get(self._key, options.ttl_ms)
        if isinstance(found, Hit):
            try:
                if found.files:
                    found.restore_files(self._keeper.run_dir.path)
                    self.facts["files"] = [list(f) for f in found.files]
            except (OSError, ResultRefusedError) as e:
                self._why = f"not cached: its files could not be brought back: {e}"
                return False
            self._hit = found
            self.release()
            return True
        self._why = f"not cached: {found.reasons[0]}"
        return False

    # ------------------------------------------------------------------ its end

    def completed(self, value: Any) -> Reference | None:
        """Save the result; return what is to be said of it beyond its name. Never raises: the phase is done."""
        try:
            return self._completed(value)
        except BaseException as e:  # noqa: BLE001 - saving calls into people's objects, which may even exit
            said = f"{NOT_SAVED}saving it raised {name_of_type(e)}"
            self._session.logs.say(self._phase, self._attempt, said)
            self.release()
            return Reference(self.name, "ran", said)

    def _completed(self, value: Any) -> Reference | None:
        said = self._record_files()
        if "files" in self.facts:
            self._session.results.wrote(self._phase.name, tuple(f[2] for f in self.facts["files"]))
        if self._phase.checkpoint:
            facts = {**self.facts, "type": name_of_type(value)}
            refused = self._keeper.stage(self._phase.name, self._attempt, value, facts)
            if refused:
                said = f"not saved: {refused}"
                self._session.logs.say(self._phase, self._attempt, said)
        if self._hit is not None:
            return Reference(self.name, "cache", self._hit.reason)
        if self._key is not None:
            self._put(value)
        self.release()
        built = self._session.substitutes.below(self._i)
        reason = f"built on the substitute for {built}" if built else said or self._why
        return Reference(self.name, "ran", reason) if reason else None

    def abandoned(self) -> None:
        """Be done with an attempt that came to nothing."""
        if self._marks is not None:
            self._keeper.files.forget(self._marks)
        self.release()

    def drop(self) -> None:
        """Let go of what was saved of an attempt that was given up meanwhile."""
        self._keeper.recorder.unstage(self._phase.name, self._attempt)

    def release(self) -> None:
        """Let others make what this attempt does not make."""
        if self._hold is not None:
            self._hold.release()
            self._hold = None

    @property
    def name(self) -> str:
        """What the result is called."""
        return f"{self._phase.name}.{self._attempt}"

    def _record_files(self) -> str:
        if self._marks is None:
            return ""
        try:
            changes = self._keeper.files.changed(self._marks)
        except (OSError, ResultRefusedError) as e:
            self._doubt = f"its files are not recorded: {e}"
            return self._doubt
        self._doubt = changes.doubt
        if changes.records:
            self.facts["files"] = [list(f) for f in changes.records]
        return ""

    def _put(self, value: Any) -> None:
        cache, key = self._session.disk.cache, self._key
        if cache is None or key is None:
            return
        if self._doubt:
            self._why = f"not cached: {self._doubt}"
            return
        files = read_files(self.facts)
        try:
            root, info = self._keeper.run_dir.path, {"session": str(self._session.id)}
            staged = self._keeper.recorder.staged(self._phase.name, self._attempt)
            saved = (staged.temporary or staged.content) if staged is not None else None
            if staged is not None and saved:  # it is written already: an entry may share the file
                purpose = self._keeper.results.purpose(self._phase.name, self._attempt)
                cache.put_saved(key, saved, staged.seal, purpose, info, files=files, files_root=root)
            else:
                cache.put(key, value, info, files=files, files_root=root)
        except Exception as e:  # noqa: BLE001 - a result that the cache cannot take is a result all the same
            self._why = f"not cached: {e}"
            self._session.logs.say(self._phase, self._attempt, self._why)
