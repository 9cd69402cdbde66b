"""What stays in a work directory: the last sessions of each pipeline, as much as fits, and what may still be needed."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from milo_nb.errors import InvalidStateError, MiloError
from milo_nb.persist.cache_shelves import Shelves, used_at
from milo_nb.persist.disk import TMP, Removed, is_abandoned, remove, say_size, temporary, to_json, walk, write_whole
from milo_nb.persist.lock import SessionLock, owner
from milo_nb.persist.replay import current_snapshot
from milo_nb.persist.rundir import RunDir, sessions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

KEEP = 20
MAX_BYTES = 10e9
_NOTE = "cleaned.json"
_File = tuple[str, tuple[int, int], int]


def clean(
    root: str | os.PathLike[str],
    pipeline: str | None = None,
    keep: int = KEEP,
    max_bytes: float = MAX_BYTES,
    *,
    dry_run: bool = False,
) -> list[Removed]:
    """Remove old sessions, and old results and cache entries where there is too much; return what went.

    A session that is running, and the latest one that could still be resumed, always stay whole. What may not be removed
    is passed over.

    Args:
        root: The work directory; need not exist.
        pipeline: Only those of this pipeline; of each one, if None.
        keep: How many sessions of a pipeline stay.
        max_bytes: How much a pipeline may take, its cache included.
        dry_run: Only tell what would go.
    """
    folders: dict[Path, list[RunDir]] = {}
    for run_dir in sessions(os.fspath(root), pipeline):
        folders.setdefault(run_dir.path.parent.parent, []).append(run_dir)
    return [gone for folder, there in folders.items() for gone in _clean(folder, there, keep, max_bytes, dry=dry_run)]


def remove_session(run_dir: RunDir, *, dry_run: bool = False) -> Removed:
    """Remove a session with all that belongs to it.

    Args:
        run_dir: Its directory.
        dry_run: Only tell what would go.

    Raises:
        SessionOwnedError: If it is running.
        WorkDirError: If that is not allowed; other OSErrors too.
    """
    size = _Sizes(run_dir.path).total
    if not dry_run:
        with SessionLock(run_dir):
            remove(run_dir.path)
    return Removed(run_dir.path, size, "asked for")


def cleaned(run_dir: RunDir) -> str:
    """Return when and why the results of a session were removed, for people; "" if they were not."""
    try:
        found = json.loads((run_dir.results / _NOTE).read_bytes())
        return f"removed on {found['at']}: {found['why']}"
    except (OSError, ValueError, LookupError, TypeError):
        return ""


# ---------------------------------------------------------------------- what goes


class _Candidate(NamedTuple):
    """Something that could go; those that go first are less."""

    rank: int
    age: float
    path: Path
    session: RunDir | None


def _clean(folder: Path, there: list[RunDir], keep: int, max_bytes: float, *, dry: bool) -> Iterator[Removed]:
    """Clean what belongs to one pipeline; `there` are its sessions, newest first."""
    if not dry:
        _sweep(folder, there[:keep])
    sizes = _Sizes(folder)
    if len(there) > keep or sizes.total > max_bytes:
        safe = _protected(there)
        kept = []
        for position, run_dir in enumerate(there):
            if position < keep or run_dir in safe:
                kept.append(run_dir)
                continue
            measured = sizes.measure(run_dir.path)
            if dry or _take_away(run_dir.path, run_dir):
                yield Removed(run_dir.path, sizes.drop(measured), f"more than {keep} sessions")
        why = f"more than {say_size(max_bytes)}"
        for candidate in sorted(_candidates(folder, [run_dir for run_dir in kept if run_dir not in safe])):
            if sizes.total <= max_bytes:
                break
            measured = sizes.measure(candidate.path)
            if measured and (dry or _take_away(candidate.path, candidate.session, why)):
                yield Removed(candidate.path, sizes.drop(measured), why)


def _sweep(folder: Path, there: Iterable[RunDir]) -> None:
    """Remove what a clean-up left behind that died half way."""
    for place in (folder / "runs", *(run_dir.path for run_dir in there)):
        for left in place.glob(f"{TMP}*"):
            if left.is_dir() and not left.is_symlink() and is_abandoned(left, time.time()):
                remove(left)


def _candidates(folder: Path, kept: Iterable[RunDir]) -> Iterator[_Candidate]:
    """Yield results, displays and cache entries, then whole sessions; the oldest of each go first."""
    for run_dir in kept:
        if not cleaned(run_dir):
            yield _Candidate(0, run_dir.started_wall, run_dir.results, run_dir)
        if not (run_dir.outputs / _NOTE).exists():
            yield _Candidate(0, run_dir.started_wall, run_dir.outputs, run_dir)
        yield _Candidate(1, run_dir.started_wall, run_dir.path, run_dir)
    for entry in Shelves(folder / "cache").entries():
        yield _Candidate(0, used_at(entry), entry, None)


def _protected(there: list[RunDir]) -> set[RunDir]:
    """Return those that run, and the newest of the others that could be resumed."""
    live = {run_dir for run_dir in there if _is_live(run_dir)}
    unfinished = next((run_dir for run_dir in there if run_dir not in live and _is_unfinished(run_dir)), None)
    return live | ({unfinished} if unfinished is not None else set())


def _is_live(run_dir: RunDir) -> bool:
    try:
        return owner(run_dir) is not None
    except OSError:
        return True  # it may not be looked at, so nothing of it is ours to remove


def _is_unfinished(run_dir: RunDir) -> bool:
    try:
        found: dict[str, Any] = current_snapshot(run_dir)
    except FileNotFoundError:
        return False  # nothing ever happened in it
    except (MiloError, OSError):
        return True
    return found.get("status") != "completed"


def _take_away(path: Path, session: RunDir | None, why: str = "") -> bool:
    """Remove something; return whether that was allowed. Of a session only while nobody owns it."""
    try:
        if session is None:
            remove(path)
            return True
        with SessionLock(session):
            if path == session.path:
                remove(path)
                return True
            hidden = path.with_name(temporary())
            path.rename(hidden)
            path.mkdir(mode=0o700)
            note = {"at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "why": why}
            write_whole(path / _NOTE, to_json(note))
            remove(hidden)
    except (OSError, InvalidStateError):
        return False
    return True


class _Sizes:
    """How much space files below a folder take; one that has several names there counts once.

    Attributes:
        total: In bytes.
    """

    def __init__(self, folder: Path) -> None:
        self.total = 0
        self._names: dict[tuple[int, int], int] = {}
        self._gone: set[str] = set()
        for _, who, size in _files(folder):
            if who not in self._names:
                self.total += size
            self._names[who] = self._names.get(who, 0) + 1

    def measure(self, path: Path) -> list[_File]:
        """Return the files below `path` that still count."""
        return [file for file in _files(path) if file[0] not in self._gone and file[1] in self._names]

    def drop(self, measured: list[_File]) -> int:
        """Take files off the total; return how much space that frees."""
        freed = 0
        for name, who, size in measured:
            self._gone.add(name)
            self._names[who] -= 1
            if not self._names[who]:
                freed += size
        self.total -= freed
        return freed


def _files(folder: Path) -> Iterator[_File]:
    """Yield the name of each file below a folder, what tells it from others, and the space that it takes."""
    for entry in walk(folder):
        with contextlib.suppress(OSError):
            found = entry.stat(follow_symlinks=False)
            yield entry.path, (found.st_dev, found.st_ino), found.st_size
