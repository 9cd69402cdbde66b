"""The directory of a session: where each of its files lies, how sessions are found, how a file is replaced for good.

``.milo/<pipeline>/runs/<utc>-<session_id>/``: the name has the time of the start first, so that names sort by age and a
list of ten thousand sessions opens none of them. Which pipeline a session is of stands in its journal: a folder's name
is only a safe form of it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from milo_nb.errors import UnknownSessionError, WorkDirError
from milo_nb.persist.crashing import crash_point
from milo_nb.persist.workdir import safe_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO

_NAME: Final = re.compile(r"(\d{8}T\d{6}(?:\.\d{1,6})?)Z-(.+)")
_STAMP: Final = "%Y%m%dT%H%M%S.%fZ"
OWN_FOLDERS: Final = ("raw", "structured", "intermediate", "reports")
"""Made for the phases' own files."""
FOLDERS: Final = (*OWN_FOLDERS, "results", "logs", "outputs", "control", "source")


@dataclass(frozen=True, slots=True, order=True)
class RunDir:
    """The directory of one session; it need not exist.

    Attributes:
        path: Where it is.
    """

    path: Path

    @classmethod
    def make(cls, root: str | Path, pipeline: str, session_id: str, started_wall: float) -> RunDir:
        """Make the directory of a session, with all its folders, for its owner only.

        Args:
            root: The work directory; made if missing.
            pipeline: Name of the pipeline.
            session_id: UUID of the session.
            started_wall: When it starts, in seconds since the epoch.

        Raises:
            WorkDirError: If it cannot be made.
        """
        top = Path(root).absolute()  # a phase may change the working directory
        stamp = datetime.fromtimestamp(started_wall, UTC).strftime(_STAMP)
        made = cls(top / safe_name(pipeline) / "runs" / f"{stamp}-{session_id}")
        try:
            top.mkdir(mode=0o700, parents=True, exist_ok=True)
            ignore = top / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
            for directory in (made.path.parent.parent, made.path.parent, made.path):
                directory.mkdir(mode=0o700, exist_ok=True)
            for name in FOLDERS:
                (made.path / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as e:
            raise WorkDirError(
                f"The work directory {top} cannot be used: {e.strerror or e}. "
                "Give another with work_dir=..., or None to keep nothing on disk."
            ) from e
        return made

    @property
    def session_id(self) -> str:
        """UUID of the session."""
        found = _NAME.fullmatch(self.path.name)
        return found[2] if found else self.path.name

    @property
    def started_wall(self) -> float:
        """When it started by its name, in seconds since the epoch; 0 if the name does not say."""
        found = _NAME.fullmatch(self.path.name)
        if not found:
            return 0.0
        form = _STAMP if "." in found[1] else "%Y%m%dT%H%M%SZ"
        return datetime.strptime(f"{found[1]}Z", form).replace(tzinfo=UTC).timestamp()

    @property
    def root(self) -> Path:
        """The work directory that it lies in."""
        return self.path.parent.parent.parent

    @property
    def journal(self) -> Path:
        """What happened; the record that everything else is made from."""
        return self.path / "events.jsonl"

    @property
    def snapshot(self) -> Path:
        """How things stand, for people and other programs; made from the journal."""
        return self.path / "pipeline-state.json"

    @property
    def lock(self) -> Path:
        """Held while the session is owned."""
        return self.path / ".lock"

    @property
    def params(self) -> Path:
        """The parameters of the run."""
        return self.path / "params.json"

    @property
    def results(self) -> Path:
        """Saved results."""
        return self.path / "results"

    @property
    def logs(self) -> Path:
        """All lines of the phases."""
        return self.path / "logs"

    @property
    def outputs(self) -> Path:
        """What the phases displayed."""
        return self.path / "outputs"

    @property
    def control(self) -> Path:
        """The mailbox."""
        return self.path / "control"

    @property
    def source(self) -> Path:
        """The code of attempts."""
        return self.path / "source"

    @property
    def raw(self) -> Path:
        """For what phases fetch."""
        return self.path / "raw"

    @property
    def structured(self) -> Path:
        """For what phases make of it."""
        return self.path / "structured"

    @property
    def intermediate(self) -> Path:
        """For what phases hand on."""
        return self.path / "intermediate"

    @property
    def reports(self) -> Path:
        """For what phases write for people."""
        return self.path / "reports"

    def __fspath__(self) -> str:
        """Return the path, so that this can be given where a path is asked for."""
        return str(self.path)


def sessions(root: str | Path, pipeline: str | None = None) -> list[RunDir]:
    """Return the sessions in a work directory, newest first. Reads names only.

    Args:
        root: The work directory; need not exist.
        pipeline: Only those in the folder of this pipeline, which it may share with one of a similar name.
    """
    top = Path(root).absolute()
    folders = _folders(top, follow=True) if pipeline is None else iter([top / safe_name(pipeline)])
    found = [
        (path.name, path) for folder in folders for path in _folders(folder / "runs") if _NAME.fullmatch(path.name)
    ]
    found.sort(reverse=True)
    return [RunDir(path) for _, path in found]


def find(root: str | Path, session: str) -> RunDir:
    """Return the session with this id, or whose id is the only one to begin so.

    Raises:
        UnknownSessionError: If there is none, or more than one; names those there are.
    """
    there = sessions(root)
    exact = [run for run in there if run.session_id == session]
    near = exact or ([run for run in there if run.session_id.startswith(session)] if session else [])
    if len(near) == 1:
        return near[0]
    raise UnknownSessionError(session, [run.session_id for run in near or there])


def _folders(path: Path, *, follow: bool = False) -> Iterator[Path]:
    try:
        with os.scandir(path) as entries:
            yield from [Path(e.path) for e in entries if e.is_dir(follow_symlinks=follow)]
    except (FileNotFoundError, NotADirectoryError):
        return


def open_regular(path: Path) -> FileIO:
    """Open a file to read it, and never wait for it: what else has its name, as a pipe, is refused.

    Raises:
        OSError: If it is no regular file, or cannot be opened.
    """
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return os.fdopen(fd, "rb", buffering=0)


def read_regular(path: Path) -> bytes:
    """Return the content of a regular file.

    Raises:
        OSError: If it is none, or cannot be read.
    """
    with open_regular(path) as file:
        return file.read()


def sync_directory(path: str | Path) -> None:
    """Have the names in a directory on disk when this returns, where the system can do that."""
    flags = getattr(os, "O_DIRECTORY", None)
    if flags is None:  # Windows: a directory cannot be opened, nor need it be
        return
    fd = os.open(path, os.O_RDONLY | flags)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace_file(path: Path, content: bytes) -> None:
    """Give a file new content: whoever reads it, and whatever happens, finds the old one or the new one, whole.

    Raises:
        OSError: If it could not be done; the old one stands.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    fd = os.open(temporary, flags, 0o600)
    try:
        try:
            half = len(content) // 2
            write_all(fd, content[:half])
            crash_point("snapshot.half")
            write_all(fd, content[half:])
            os.fsync(fd)
        finally:
            os.close(fd)
        crash_point("snapshot.written")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    crash_point("snapshot.replaced")
    sync_directory(path.parent)


def write_all(fd: int, content: bytes) -> None:
    """Write all of `content`, however many calls that takes.

    Raises:
        OSError: If not all could be written.
    """
    written = os.write(fd, content)
    while written < len(content):
        written += os.write(fd, memoryview(content)[written:])
