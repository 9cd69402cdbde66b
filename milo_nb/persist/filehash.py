"""The content of files as SHA-256, read once as long as nobody writes to them."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections import OrderedDict
from pathlib import Path

from milo_nb.errors import ResultRefusedError
from milo_nb.persist.disk import walk

_SETTLED_NS = 2_000_000_000
"""A file that was written to less than this ago is not remembered: a second write may leave the same time and size."""
_MOST = 20_000
_known: OrderedDict[tuple[int, int], tuple[tuple[int, int, int], str]] = OrderedDict()
_lock = threading.Lock()


def hash_file(path: str | os.PathLike[str], *, follow: bool = True) -> tuple[int, str]:
    """Return the size of a file and the SHA-256 of its content in hex.

    Args:
        path: The file.
        follow: A link stands for what it points to; else it is refused.

    Raises:
        OSError: If it cannot be read.
        ResultRefusedError: If it is no regular file, or changed while it was read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    handle = os.open(path, flags)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise ResultRefusedError(path, "is no regular file")
        who, mark = (found.st_dev, found.st_ino), _mark(found)
        with _lock:
            known = _known.get(who)
        if known is not None and known[0] == mark:
            return found.st_size, known[1]
        with open(handle, "rb", buffering=0, closefd=False) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if _mark(os.fstat(handle)) != mark:
            raise ResultRefusedError(path, "changed while it was read")
    finally:
        os.close(handle)
    if time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) > _SETTLED_NS:
        with _lock:
            _known[who] = (mark, digest)
            _known.move_to_end(who)
            while len(_known) > _MOST:
                _known.popitem(last=False)
    return found.st_size, digest


def hash_tree(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's content, or of the names and contents of all files in a folder.

    Raises:
        OSError: If something in it cannot be read.
        ResultRefusedError: If something in it is no regular file, or changed while it was read.
    """
    if not Path(path).is_dir():
        return hash_file(path)[1]
    total = hashlib.sha256(b"folder\0")
    root = Path(path)
    for name in sorted(entry.path for entry in walk(root)):
        relative = os.fsencode(os.path.relpath(name, root))
        total.update(len(relative).to_bytes(8, "little") + relative)
        total.update(bytes.fromhex(hash_file(name)[1]))
    return total.hexdigest()


def _mark(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns
