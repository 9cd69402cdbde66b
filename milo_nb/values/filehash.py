"""The content of files as SHA-256, read once as long as nobody writes to them."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections import OrderedDict
from pathlib import Path

SETTLED_NS = 2_000_000_000
"""A file written to less than this ago is not remembered: a second write may leave the same time and size."""
MOST_FILES = 20_000
"""Of a folder whose content counts."""
_MOST = 20_000
_known: OrderedDict[tuple[int, int], tuple[tuple[int, int, int], str]] = OrderedDict()
_lock = threading.Lock()


def hash_file(path: str | os.PathLike[str], *, follow: bool = True) -> tuple[int, str]:
    """Return the size of a file and the SHA-256 of its content in hex.

    Args:
        path: The file.
        follow: A link stands for what it points to; else it is refused.

    Raises:
        OSError: If it cannot be read, is no regular file, or changes while it is read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    fd = os.open(path, flags if follow else flags | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(fd, "rb", buffering=0) as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{os.fspath(path)} is no regular file")
        who, mark = (found.st_dev, found.st_ino), _mark(found)
        with _lock:
            known = _known.get(who)
        if known is not None and known[0] == mark:
            return found.st_size, known[1]
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if _mark(os.fstat(fd)) != mark:
            raise OSError(f"{os.fspath(path)} changed while it was read")
    if time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) > SETTLED_NS:
        _remember(who, mark, digest)
    return found.st_size, digest


def hash_tree(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's content, or of the names and contents of all files in a folder.

    Work directories, ``.milo``, do not count.

    Raises:
        OSError: If something in it cannot be read, is no regular file, or changes while it is read; or if it holds more
            files than anybody would wait for.
    """
    root = Path(path)
    if not root.is_dir():
        return hash_file(root)[1]
    total = hashlib.sha256(b"folder\0")
    for name in _names(root):
        text = os.fsencode(name)
        total.update(len(text).to_bytes(8, "little") + text)
        total.update(bytes.fromhex(hash_file(root / name)[1]))
    return total.hexdigest()


def _names(root: Path) -> list[str]:
    names: list[str] = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name != ".milo"]
        names += [os.path.relpath(Path(folder, name), root) for name in files]
        if len(names) > MOST_FILES:
            raise OSError(f"{root} holds more than {MOST_FILES:,} files")
    return sorted(names)


def _remember(who: tuple[int, int], mark: tuple[int, int, int], digest: str) -> None:
    with _lock:
        _known[who] = (mark, digest)
        _known.move_to_end(who)
        while len(_known) > _MOST:
            _known.popitem(last=False)


def _mark(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns
