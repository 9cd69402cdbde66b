"""The files that phases write under their work directory: which are a phase's, are they still there, bring them back."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from milo_nb.errors import ResultRefusedError
from milo_nb.persist.disk import TMP, make_private, temporary
from milo_nb.values.filehash import hash_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

OURS = frozenset({"results", "logs", "outputs", "control", "source", "pipeline-state.json", "params.json"})
"""What lies in the directory of a session and is no phase's, beside the journal and hidden files at its top."""
_CHUNK = 1 << 24
_State = tuple[int, int, int, int]


class FileRecord(NamedTuple):
    """A file that a phase wrote.

    Attributes:
        path: Relative to the directory of the session, with ``/``.
        size: In bytes.
        sha256: Of its content, in hex.
    """

    path: str
    size: int
    sha256: str


class Marks:
    """How the files were before a phase wrote to them.

    Attributes:
        alone: No other phase had the directory in hand meanwhile, so that what changed is this phase's.
    """

    __slots__ = ("alone", "before")

    def __init__(self, before: dict[str, _State], *, alone: bool) -> None:
        self.before = before
        self.alone = alone


class Changes(NamedTuple):
    """What a phase wrote.

    Attributes:
        records: The files, by path.
        links: Symbolic links and the like that it made; they are neither followed nor kept.
        alone: It is certain that this phase wrote them, and no other that ran at the same time.
    """

    records: tuple[FileRecord, ...]
    links: tuple[str, ...]
    alone: bool

    @property
    def doubt(self) -> str:
        """Why these files cannot stand for what the phase did, as a cache would have it; "" if they can."""
        if self.links:
            return f"{self.links[0]} is a link or the like, which cannot be kept"
        if self.records and not self.alone:
            return "another phase had the work directory at the same time, so it is not certain which wrote what"
        return ""


class Files:
    """The phases' own files of one session. All methods may be called from any thread."""

    def __init__(self, run_dir: str | os.PathLike[str]) -> None:
        """Look after the files in the directory of a session."""
        self.root = Path(run_dir)
        self._lock = threading.Lock()
        self._open: list[Marks] = []

    def before(self) -> Marks:
        """Remember how things are; called when a phase gets the directory into its hands."""
        with self._lock:
            for other in self._open:
                other.alone = False
            marks = Marks({}, alone=not self._open)
            self._open.append(marks)
        marks.before = {name: state for name, state, regular in self._list() if regular}
        return marks

    def changed(self, marks: Marks) -> Changes:
        """Return what is new or different since `marks`, which are done with by that.

        Raises:
            OSError: If a file cannot be read, or is being written to while it is read.
        """
        try:
            fresh = [
                (name, regular)
                for name, state, regular in self._list()
                if not regular or marks.before.get(name) != state
            ]
            records = self.record(name for name, regular in fresh if regular)
            links = tuple(sorted(name for name, regular in fresh if not regular))
            return Changes(records, links, marks.alone)
        finally:
            self.forget(marks)

    def forget(self, marks: Marks) -> None:
        """Be done with `marks`, as a phase has failed."""
        with self._lock:
            if marks in self._open:
                self._open.remove(marks)

    def record(self, paths: Iterable[str]) -> tuple[FileRecord, ...]:
        """Return records of files as they are now, as after a reviewer's edits; those that are gone are left out.

        Raises:
            OSError: If a file cannot be read, is a link, or is being written to while it is read.
            ResultRefusedError: If it lies elsewhere.
        """
        made = []
        for path in sorted(set(paths)):
            with contextlib.suppress(FileNotFoundError):
                made.append(FileRecord(path, *hash_file(inside(self.root, path), follow=False)))
        return tuple(made)

    def missing(self, records: Iterable[FileRecord]) -> list[FileRecord]:
        """Return those that are not there any more, or are something else now than a file."""
        return [record for record in records if not _is_file(self.root, record.path)]

    def differing(self, records: Iterable[FileRecord]) -> list[FileRecord]:
        """Return those whose content is another one now, or that are missing."""
        found = []
        for record in records:
            try:
                now = hash_file(inside(self.root, record.path), follow=False)
            except (OSError, ResultRefusedError):
                now = (-1, "")
            if now != (record.size, record.sha256):
                found.append(record)
        return found

    def _list(self) -> Iterator[tuple[str, _State, bool]]:
        """Yield path, state and "is a regular file" of all that phases may have written."""
        waiting = [("", os.fspath(self.root))]
        while waiting:
            above, directory = waiting.pop()
            try:
                with os.scandir(directory) as entries:
                    found = list(entries)
            except FileNotFoundError:
                continue
            for entry in found:
                if is_ours(above, entry.name):
                    continue
                with contextlib.suppress(FileNotFoundError):
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((f"{above}{entry.name}/", entry.path))
                        continue
                    found_state = entry.stat(follow_symlinks=False)
                    state = (found_state.st_size, found_state.st_mtime_ns, found_state.st_ctime_ns, found_state.st_ino)
                    yield above + entry.name, state, entry.is_file(follow_symlinks=False)


def is_ours(above: str, name: str) -> bool:
    """Tell whether a name is milo_nb's own: at the top of a session's directory, or a temporary one anywhere."""
    if name.startswith(TMP):
        return True
    return not above and (name in OURS or name.startswith((".", "events.jsonl")))


def inside(root: Path, relative: str) -> Path:
    """Return the path of a file below `root`.

    Raises:
        ResultRefusedError: If it would not lie there, or among our own files.
    """
    path = PurePosixPath(relative)
    parts = path.parts
    if (
        not parts
        or path.is_absolute()
        or ".." in parts
        or "\\" in relative
        or "\0" in relative
        or is_ours("", parts[0])
    ):
        raise ResultRefusedError(relative, "does not lie among the phases' own files")
    at = root
    for part in parts[:-1]:
        at /= part
        if at.is_symlink():
            raise ResultRefusedError(at, "is a link, which is not followed")
    return at / parts[-1]


def store_files(records: Iterable[FileRecord], root: Path, target: Path) -> None:
    """Copy files out of the directory of a session, as for a cache entry.

    Raises:
        OSError: If one could not be written.
        ResultRefusedError: If one has changed since it was recorded.
    """
    for record in records:
        _copy(inside(root, record.path), inside(target, record.path), record)


def restore_files(records: Iterable[FileRecord], source: Path, root: Path) -> None:
    """Put files into the directory of a session, where the same ones are not there already.

    Raises:
        OSError: If one could not be written.
        ResultRefusedError: If one is damaged in `source`, or would lie elsewhere.
    """
    for record in records:
        target = inside(root, record.path)
        with contextlib.suppress(OSError, ResultRefusedError):
            if hash_file(target, follow=False) == (record.size, record.sha256):
                continue
        _copy(inside(source, record.path), target, record)


def read_files(facts: Mapping[str, Any] | None) -> list[FileRecord]:
    """Return the files that a checkpoint says its phase wrote."""
    return [FileRecord(*told) for told in (facts or {}).get("files", ())]


def _is_file(root: Path, relative: str) -> bool:
    with contextlib.suppress(OSError, ResultRefusedError):
        path = inside(root, relative)
        return path.is_file() and not path.is_symlink()
    return False


def _copy(source: Path, target: Path, record: FileRecord) -> None:
    """Copy a file whole or not at all; what arrived is what was recorded."""
    make_private(target.parent)
    aside = target.with_name(temporary())
    try:
        with contextlib.ExitStack() as stack:
            read = os.open(source, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
            stack.callback(os.close, read)
            mode = os.fstat(read).st_mode & 0o777
            write = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode | 0o600)
            stack.callback(os.close, write)
            _copy_content(read, write)
        if hash_file(aside, follow=False) != (record.size, record.sha256):
            raise ResultRefusedError(source, "damaged: its content is not what was recorded")
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def _copy_content(read: int, write: int) -> None:
    """Copy a whole file; file systems that can share the content instead of copying it do."""
    try:
        while os.copy_file_range(read, write, _CHUNK):
            pass
        copied = os.fstat(write).st_size == os.fstat(read).st_size
    except (AttributeError, OSError):  # not on this system, or not between these two file systems
        copied = False
    if not copied:
        os.lseek(read, 0, os.SEEK_SET)
        os.lseek(write, 0, os.SEEK_SET)
        os.ftruncate(write, 0)
        while chunk := os.read(read, _CHUNK):
            view = memoryview(chunk)
            while view:
                view = view[os.write(write, view) :]
