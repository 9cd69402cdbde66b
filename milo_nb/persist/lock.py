"""One owner per session: an OS lock that is held while the session is owned, and ends with the process whatever happens.

The lock is an exclusive ``flock`` of ``.lock``, whose content says for people who holds it. Readers look with a shared one
that they let go at once; they need no permission to write. Where the file system keeps no locks, a file that can only be
made once stands for it: one left by a dead process of this machine is taken over, one of another machine is never broken
by its age, and the refusal says how to remove it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any, Final

from milo_nb.errors import SessionOwnedError, WorkDirError
from milo_nb.persist.rundir import read_regular, write_all
from milo_nb.persist.snapshot import to_iso

if TYPE_CHECKING:
    from typing import Self

    from milo_nb.persist.rundir import RunDir

if sys.platform != "win32":  # there, the marker stands for the lock
    import fcntl

_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})
_HELD_BY_OTHER: Final = frozenset({errno.EWOULDBLOCK, errno.EACCES})
_TRIES: Final = 400
_TRY_S: Final = 0.005
HEARTBEAT_S: Final = 15.0
_SAFE: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who runs a session.

    Attributes:
        host: Its machine.
        pid: Its process there.
        since: When it took the session, as ISO text.
        boot: The boot of that machine, so that a process id from before it is not mistaken.
        started: When that process started, in seconds since the epoch.
    """

    host: str
    pid: int
    since: str
    boot: str = ""
    started: float = 0.0


class SessionLock:
    """The lock of one session."""

    def __init__(self, run_dir: RunDir) -> None:
        """Make a lock that is not held."""
        self._run_dir = run_dir
        self._fd = -1
        self._pid = 0
        self._marker: _Marker | None = None

    @property
    def is_held(self) -> bool:
        """Whether this lock is held."""
        return self._fd >= 0 or self._marker is not None

    def acquire(self) -> Owner:
        """Own the session until :meth:`release` or the end of the process; return what others are told.

        Raises:
            SessionOwnedError: If somebody else does; says who and since when.
            WorkDirError: If the directory does not let us.
        """
        me = _me()
        self._pid = me.pid
        try:
            fd = os.open(self._run_dir.lock, os.O_RDWR | os.O_CREAT | _SAFE, 0o600)
            try:
                is_locked = _lock(fd)
            except BaseException:
                os.close(fd)
                raise
        except BlockingIOError:
            other = _read(self._run_dir.lock) or Owner("another machine", 0, "an unknown time")
            raise SessionOwnedError(self._run_dir.session_id, other.host, other.pid, other.since) from None
        except OSError as e:
            raise WorkDirError(f"The session's lock {self._run_dir.lock} cannot be taken: {e.strerror or e}.") from e
        if not is_locked:
            os.close(fd)
            self._marker = _Marker(self._run_dir, me)
            return me
        self._fd = fd
        _HELD.add(fd)
        with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(fd, 0)
            write_all(fd, _to_line(me))
        return me

    def release(self) -> None:
        """Let go of the session; nothing, in a fork of the process that took it: there the number is another file's."""
        if self._pid != os.getpid():
            return
        if self._marker is not None:
            self._marker.remove()
            self._marker = None
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            _HELD.discard(fd)
            with contextlib.suppress(OSError):
                os.ftruncate(fd, 0)
            os.close(fd)

    def __enter__(self) -> Self:
        """Own the session."""
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of it."""
        self.release()


def owner(run_dir: RunDir) -> Owner | None:
    """Return who runs a session now; None if nobody does, whatever its files say. Writes nothing.

    Raises:
        OSError: If the lock may not be read.
    """
    marked = _read(_marker_path(run_dir))
    if marked is not None:
        return None if _is_gone(marked) else marked
    try:
        fd = os.open(run_dir.lock, os.O_RDONLY | _SAFE)
    except FileNotFoundError:
        return None
    try:
        if sys.platform == "win32":
            return None
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(run_dir.lock) or Owner("another machine", 0, "an unknown time")
    except OSError as e:
        if e.errno in _NO_LOCKS:
            return None
        raise
    finally:
        os.close(fd)  # and with it the shared lock
    return None


# ---------------------------------------------------------------------- the lock of the system


def _lock(fd: int) -> bool:
    """Lock the file; return False where the file system keeps no locks.

    Raises:
        BlockingIOError: If another process holds it.
    """
    if sys.platform == "win32":
        return False
    pause = threading.Event()
    for _ in range(_TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            if e.errno in _NO_LOCKS:
                return False
            if e.errno not in _HELD_BY_OTHER:
                raise
        else:
            return True
        # Readers hold a shared lock for a moment; an owner's is not shared, and this raises.
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(fd, fcntl.LOCK_UN)
        pause.wait(_TRY_S)
    raise BlockingIOError(errno.EWOULDBLOCK, "readers never let go of the lock")


_HELD: set[int] = set()


def _let_go_in_child() -> None:
    """Close the locks that a fork copied: a child that outlives us must not keep the sessions owned."""
    for fd in _HELD:
        with contextlib.suppress(OSError):
            os.close(fd)
    _HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)


# ---------------------------------------------------------------------- the marker where there is none


class _Marker:
    """A file that can only be made once; it is touched now and then, so that people see whether its owner lives."""

    def __init__(self, run_dir: RunDir, me: Owner) -> None:
        """Make it.

        Raises:
            SessionOwnedError: If there is one whose owner may live.
        """
        self._path = _marker_path(run_dir)
        self._made = _to_line(me)
        self._ended = threading.Event()
        while not self._make():
            other = _read(self._path)
            if other is None or not _is_gone(other):
                raise self._refusal(run_dir, other or Owner("another machine", 0, "an unknown time"))
            self._take_away(other)
        threading.Thread(target=self._beat, name="milo-lock", daemon=True).start()

    def remove(self) -> None:
        """Let go, unless somebody removed it and another owner made theirs."""
        self._ended.set()
        with contextlib.suppress(OSError):
            if self._path.read_bytes() == self._made:
                self._path.unlink()

    def _make(self) -> bool:
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _SAFE, 0o600)
        try:
            write_all(fd, self._made)
        finally:
            os.close(fd)
        try:
            os.link(temporary, self._path)  # whole or not at all, and only once
        except FileExistsError:
            return False
        finally:
            temporary.unlink()
        return True

    def _take_away(self, dead: Owner) -> None:
        """Take away what a dead process left, and nothing that another has put there meanwhile."""
        aside = self._path.with_name(f"{self._path.name}.{os.getpid()}.dead")
        with contextlib.suppress(FileNotFoundError):
            self._path.replace(aside)
            if _read(aside) != dead:
                with contextlib.suppress(FileExistsError):
                    os.link(aside, self._path)
            aside.unlink()

    def _refusal(self, run_dir: RunDir, other: Owner) -> SessionOwnedError:
        try:
            seen = to_iso(self._path.stat().st_mtime)
        except OSError:
            seen = "unknown"
        since = (
            f"{other.since} (last sign of life {seen}; this file system keeps no locks, so if that process is gone for sure, "
            f"remove {self._path})"
        )
        return SessionOwnedError(run_dir.session_id, other.host, other.pid, since)

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_S):
            with contextlib.suppress(OSError):
                os.utime(self._path)


def _marker_path(run_dir: RunDir) -> Path:
    return run_dir.path / ".lock.owner"


# ---------------------------------------------------------------------- who


def _me() -> Owner:
    import psutil  # noqa: PLC0415 - only an owner needs it

    started = psutil.Process().create_time()
    return Owner(socket.gethostname(), os.getpid(), to_iso(time()), _boot(), started)


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        import psutil  # noqa: PLC0415 - only where the system has no id of its own

        return f"{psutil.boot_time():.0f}"


def _is_gone(other: Owner) -> bool:
    """Tell whether the process is gone for sure: of another machine that is never sure."""
    if other.host != socket.gethostname():
        return False
    if other.boot and other.boot != _boot():
        return True
    import psutil  # noqa: PLC0415 - as above

    try:
        return abs(float(psutil.Process(other.pid).create_time()) - other.started) > 1.0
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


def _to_line(who: Owner) -> bytes:
    return (json.dumps(asdict(who)) + "\n").encode("ascii")


def _read(path: Path) -> Owner | None:
    try:
        found: Any = json.loads(read_regular(path))
        return Owner(
            str(found["host"]), int(found["pid"]), str(found["since"]), str(found["boot"]), float(found["started"])
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
