"""What this room does with the disk: private files that are there whole or not at all, and read only if they are ours."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
import stat
from secrets import token_hex
from typing import TYPE_CHECKING, Any, NamedTuple

from milo_nb.errors import ResultRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TMP = ".tmp-"
"""How names begin that nobody should look at: what is being written, and what is being removed."""
STALE_S = 86_400.0
_HOST = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class Removed(NamedTuple):
    """Something that a clean-up removed, or would remove.

    Attributes:
        path: Where it was.
        size_bytes: What that freed.
        why: For people.
    """

    path: Path
    size_bytes: int
    why: str


def to_json(value: Any) -> bytes:
    """Return `value` as strict JSON, the same bytes for the same value.

    Raises:
        TypeError: If JSON has no form for it.
        ValueError: If it holds NaN or infinity, which JSON has no form for either.
    """
    return json.dumps(value, allow_nan=False, ensure_ascii=False, sort_keys=True, indent=1).encode(
        "utf-8", "surrogatepass"
    )


def temporary() -> str:
    """Return a new name for what nobody should look at; it tells which process made it."""
    return f"{TMP}{_HOST}-{os.getpid()}-{token_hex(6)}"


def is_abandoned(path: Path, now: float) -> bool:
    """Tell whether a temporary name was left behind: its process has ended, or it was not touched for a day."""
    host, _, rest = path.name.removeprefix(TMP).partition("-")
    pid = rest.partition("-")[0]
    if host == _HOST and pid.isdecimal() and not _is_alive(int(pid)):
        return True
    try:
        return now - path.lstat().st_mtime > STALE_S
    except OSError:
        return False  # gone already


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # it is somebody else's, but it is there
    return True


def make_private(directory: Path) -> Path:
    """Make a directory and those above it, for the user alone, and return it."""
    missing = [directory]
    while not missing[-1].parent.exists() and missing[-1].parent != missing[-1]:
        missing.append(missing[-1].parent)
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
    return directory


def write_whole(path: Path, content: bytes) -> None:
    """Replace a private file: readers see the old content or the new one, nothing between. A power failure may undo it."""
    aside = path.with_name(temporary())
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(content)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def read_own(path: Path, most_bytes: int) -> bytes:
    """Return the content of a small file of the user's own.

    Raises:
        FileNotFoundError: If there is none.
        ResultRefusedError: If it is a link, no regular file, somebody else's, or too large.
    """
    try:
        handle = os.open(path, _READ)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ResultRefusedError(path, f"cannot be opened: {error.strerror}") from None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise ResultRefusedError(path, "is no regular file")
        if hasattr(os, "getuid") and found.st_uid != os.getuid():
            raise ResultRefusedError(path, f"belongs to somebody else (uid {found.st_uid})")
        with open(handle, "rb", closefd=False) as file:
            content = b"" if found.st_size > most_bytes else file.read(most_bytes + 1)
    finally:
        os.close(handle)
    if found.st_size > most_bytes or len(content) > most_bytes:
        raise ResultRefusedError(path, f"is larger than {most_bytes} bytes")
    return content


def read_json(path: Path, most_bytes: int = 64_000_000) -> dict[str, Any]:
    """Return the JSON object in a file of the user's own.

    Raises:
        FileNotFoundError: If there is none.
        ResultRefusedError: If it is not the user's own, or holds something else.
    """
    try:
        value = json.loads(read_own(path, most_bytes), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ResultRefusedError(path, f"damaged: it is not the JSON it should be ({error})") from None
    if not isinstance(value, dict):
        raise ResultRefusedError(path, "damaged: it does not hold an object")
    return value


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def remove(path: Path) -> None:
    """Remove a directory or file at once for all readers, then its content.

    What cannot be removed completely is hidden under a name that clean-ups look for.

    Raises:
        OSError: If it is not allowed.
    """
    hidden = path if path.name.startswith(TMP) else path.with_name(temporary())
    if hidden is not path:
        try:
            path.rename(hidden)
        except FileNotFoundError:
            return  # somebody else was faster
    if hidden.is_dir() and not hidden.is_symlink():
        shutil.rmtree(hidden, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            hidden.unlink()


def walk(directory: Path) -> Iterator[os.DirEntry[str]]:
    """Yield all files and links below a directory; never follows a link, skips what vanishes or cannot be read."""
    waiting = [os.fspath(directory)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                found = list(entries)
        except OSError:
            continue
        for entry in found:
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    yield entry


def say_age(seconds: float) -> str:
    """Return a duration for people, as ``3 h`` or ``12 s``."""
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (seconds >= size and unit != "days"):
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0.0):.0f} s" if seconds >= 1 else f"{max(seconds, 0.0) * 1000:.0f} ms"


def say_size(size_bytes: float) -> str:
    """Return a size for people, as ``1.5 GB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size_bytes < 1000:  # noqa: PLR2004 - the step from one unit to the next
            return f"{size_bytes:.0f} {unit}" if unit == "bytes" or size_bytes >= 100 else f"{size_bytes:.1f} {unit}"  # noqa: PLR2004
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"
