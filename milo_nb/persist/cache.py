"""Results that outlive their session: found again by what they were made of, verified before they are used.

One folder per entry, ``cache/<kk>/<key>/``, moved into place whole. Nothing is synced: an entry that a power failure
tore does not bear its signature any more, and what is damaged, foreign or too old is a miss with a reason, never an
error. ``cache-meta.json`` beside it is for people: made from the folders, never read to decide anything.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milo_nb.errors import ResultRefusedError, SchemaError
from milo_nb.persist.cache_entry import META, VALUE, Content, Hit, Miss, fill, linker, purpose_of, read_facts
from milo_nb.persist.cache_index import Index
from milo_nb.persist.cache_key import CacheKey, explain, make_key
from milo_nb.persist.cache_options import CacheOptions, cache_options, parse_ttl
from milo_nb.persist.cache_shelves import Shelves, read_loosely
from milo_nb.persist.disk import make_private, read_json, remove, say_age, to_json, write_whole
from milo_nb.persist.hold import Hold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from milo_nb.persist.cache_entry import Facts
    from milo_nb.persist.disk import Removed
    from milo_nb.persist.files import FileRecord
    from milo_nb.values.codec import Seal
    from milo_nb.values.fingerprint import Fingerprint

__all__ = ["Cache", "CacheKey", "CacheOptions", "Hit", "Miss", "cache_options", "parse_ttl"]


_TRIES = 10


class Cache:
    """The cache of one pipeline. All methods may be called from any thread, and from several kernels at once."""

    def __init__(self, root: str | os.PathLike[str], key: bytes, *, wall: Callable[[], float] = time.time) -> None:
        """Use the cache in the folder of a pipeline; nothing is made before something is put.

        Args:
            root: ``.milo/<pipeline>``.
            key: What entries are signed with.
            wall: Tells seconds since the epoch.
        """
        self.root = Path(root)
        self._secret = key
        self._wall = wall
        self._shelves = Shelves(self.root / "cache")
        self._index = Index(self.root / "cache-meta.json", self._shelves)

    # ------------------------------------------------------------------ asking

    def key_for(
        self,
        phase: str,
        inputs: Mapping[str, str],
        fingerprint: Fingerprint | None,
        params: Mapping[str, Any],
        options: CacheOptions,
    ) -> CacheKey:
        """Return the key of a phase's result; takes and raises what :func:`make_key` does."""
        return make_key(phase, inputs, fingerprint, params, options, secret=self._secret)

    def look(self, key: CacheKey, ttl: int | None = None) -> Hit | Miss:
        """Return what there is for a key without reading the value, as for a plan; its ``load`` may still refuse.

        Args:
            key: What the result belongs to.
            ttl: How old it may be, in milliseconds; any age, if None.
        """
        folder = self._shelves.of(key.digest)
        try:
            facts, size = _facts_and_size(folder, key.digest, self._secret)
        except (FileNotFoundError, NotADirectoryError):
            return Miss(_why_not(key, self._shelves.latest_of(key.phase)))
        except (OSError, ResultRefusedError, SchemaError) as refused:
            return Miss([_not_used(refused)])
        if size != facts.seal.size_bytes:
            return Miss([f"its cache entry is not used: damaged: {size} bytes are left of {facts.seal.size_bytes}"])
        age_s = self._wall() - facts.created_at
        if ttl is not None and age_s < 0:
            return Miss([f"its cache entry is not used: it was made {say_age(-age_s)} in the future"])
        if ttl is not None and age_s * 1000 >= ttl:
            return Miss([f"its cache entry has expired: made {say_age(age_s)} ago, good for {say_age(ttl / 1000)}"])
        return Hit(key, folder, facts, age_s, self._secret)

    def get(self, key: CacheKey, ttl: int | None = None) -> Hit | Miss:
        """Return the result for a key, with its value read and verified, or why there is none.

        Args:
            key: What the result belongs to.
            ttl: How old it may be, in milliseconds; any age, if None.
        """
        found = self.look(key, ttl)
        for _ in range(_TRIES):
            if isinstance(found, Miss):
                return found
            try:
                found.load()
            except Exception as refused:  # noqa: BLE001 - unpickling runs the code of people's classes
                again = self.look(key, ttl)
                if isinstance(again, Hit) and again.is_entry_of(found):
                    return Miss([_not_used(refused)])
                found = again  # another kernel has put a new one at this moment
            else:
                now = self._wall()
                with contextlib.suppress(OSError):
                    os.utime(found.path.with_name(META), (now, now))  # what was not used for long goes first
                return found
        return Miss(["its cache entry is being replaced again and again"])

    def hold(self, key: CacheKey, cancelled: Callable[[], bool] | None = None) -> Hold:
        """Return the right to compute what belongs to a key, which one kernel has at a time: ``with cache.hold(key):``.

        Args:
            key: What the result will belong to.
            cancelled: Asked while waiting; true ends the wait. May raise instead.
        """
        return Hold(self._shelves.lock_of(key.digest), cancelled)

    # ------------------------------------------------------------------ keeping

    def put(
        self,
        key: CacheKey,
        value: Any,
        info: Mapping[str, Any] | None = None,
        *,
        files: Iterable[FileRecord] = (),
        files_root: Path | None = None,
    ) -> None:
        """Keep a result; replaces what was there.

        Args:
            key: What it belongs to.
            value: The result.
            info: Further facts that JSON can hold; a hit returns them as ``meta``.
            files: What the phase wrote.
            files_root: The directory of the session, where those files are.

        Raises:
            NotSavableError: If the value cannot be saved.
            OSError: If there is no space, or writing is not allowed.
            ResultRefusedError: If one of the files has changed since it was recorded.
        """
        from milo_nb.values import codec  # noqa: PLC0415 - cloudpickle, which not every session needs

        def write(path: Path) -> Seal:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
                return codec.dump(value, file, self._secret, purpose)

        purpose = purpose_of(key.digest)
        self._put(key, Content(write, purpose, dict(info or {}), tuple(files), files_root))

    def put_saved(  # noqa: PLR0913 - a value that is saved is told by three of them
        self,
        key: CacheKey,
        saved: Path | bytes,
        seal: Seal,
        purpose: str,
        info: Mapping[str, Any] | None = None,
        *,
        files: Iterable[FileRecord] = (),
        files_root: Path | None = None,
    ) -> None:
        """Keep a result that a session has saved already: linked where the file system can do that, which costs nothing.

        Args:
            key: What it belongs to.
            saved: The file with the value, which is never changed, here or there; or, if it is small, all of it.
            seal: Its size and MAC.
            purpose: What it was sealed for.
            info: As for :meth:`put`; so are the others.
            files: What the phase wrote.
            files_root: Where those files are.

        Raises:
            OSError: If there is no space, or writing is not allowed.
            ResultRefusedError: If one of the files has changed since it was recorded.
        """
        self._put(key, Content(linker(saved, seal), purpose, dict(info or {}), tuple(files), files_root))

    def _put(self, key: CacheKey, content: Content) -> None:
        self._shelves.put(key.digest, lambda folder: fill(folder, key, content, self._wall(), self._secret))
        latest = self._shelves.latest_of(key.phase)
        with contextlib.suppress(OSError):  # only says why something is not there
            make_private(latest.parent)
            write_whole(latest, to_json({"phase": key.phase, "key": key.digest, "components": key.components}))
        self._index.changed(key.digest)

    # ------------------------------------------------------------------ letting go

    def invalidate(self, phase: str | None = None) -> int:
        """Remove the results of a phase, or of all; return how many there were."""
        count = 0
        for folder in list(self._shelves.entries()):
            if phase is None or read_loosely(folder).get("phase") == phase:
                remove(folder)
                count += 1
        for file in self._shelves.all_latest() if phase is None else [self._shelves.latest_of(phase)]:
            file.unlink(missing_ok=True)
        self._index.changed()
        self._index.flush()
        return count

    def clean(
        self, max_bytes: float | None = None, older_than: float | str | None = None, *, dry_run: bool = False
    ) -> list[Removed]:
        """Remove what was not used for longest, and what writers that died left behind; return what went.

        Args:
            max_bytes: How much may stay; all, if None.
            older_than: Remove what was not used for longer, in seconds or as ``7d``.
            dry_run: Only tell what would go.

        Raises:
            DeclarationError: (a ``ValueError``) ``Invalid TTL: ...`` for a wrong text.
        """
        age_s = parse_ttl(older_than) / 1000 if isinstance(older_than, str) else older_than
        going = self._shelves.superfluous(self._wall(), max_bytes, age_s)
        if not dry_run:
            for path, _, _ in going:
                with contextlib.suppress(OSError):
                    remove(path)
            self._index.changed()
            self._index.flush()
        return going

    def flush(self) -> None:
        """Bring ``cache-meta.json`` up to date; it is written at most once a second otherwise."""
        self._index.flush()


def _facts_and_size(folder: Path, digest: str, secret: bytes) -> tuple[Facts, int]:
    """Return what an entry says of itself, and how large its value is."""
    facts = read_facts(folder, digest, secret)
    size = (folder / VALUE).lstat().st_size
    for _ in range(_TRIES):
        if size == facts.seal.size_bytes or (now := read_facts(folder, digest, secret)) == facts:
            break
        facts, size = now, (folder / VALUE).lstat().st_size  # another kernel has put a new one at this moment
    return facts, size


def _why_not(key: CacheKey, latest_of_phase: Path) -> list[str]:
    try:
        latest = read_json(latest_of_phase)
        before = latest["components"]
        if latest["key"] == key.digest:
            return ["its cache entry was removed"]
        said = explain(before, key.components)
    except FileNotFoundError:
        return ["nothing is cached for it"]
    except (OSError, ResultRefusedError, LookupError, TypeError, AttributeError):
        return ["nothing is cached for it that could be compared"]
    return said or ["what it is made of changed"]


def _not_used(refused: BaseException) -> str:
    reason = getattr(refused, "reason", None) or f"{type(refused).__name__}: {refused}"
    return f"its cache entry is not used: {reason}"
