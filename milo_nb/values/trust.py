"""The key that signs what we write, so that nothing is unpickled that somebody else wrote.

One key per person and machine, outside all work directories: who can write into a work directory cannot sign.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
from pathlib import Path

import platformdirs

from milo_nb.errors import WorkDirError

KEY_BYTES = 32
FOLDER_VARIABLE = "MILO_NB_KEY_DIR"
"""Names another folder for the key: for hubs where homes are shared or read-only, and for tests."""

_NOBODY_ELSE = 0o077
_known: dict[Path, bytes] = {}


def signing_key() -> bytes:
    """Return this person's key of 32 bytes, made when it is asked for the first time.

    Any thread may ask, and any number of processes at once: all get the same key.

    Raises:
        WorkDirError: If it can neither be read nor made, or others could have read or made it.
    """
    path = key_path()
    key = _known.get(path)
    if key is None:
        try:
            key = _read(path)
        except FileNotFoundError:
            _make(path)
            key = _read(path)
        _known[path] = key
    return key


def key_path() -> Path:
    """Return where the key lies."""
    folder = os.environ.get(FOLDER_VARIABLE) or platformdirs.user_data_dir("milo_nb", appauthor=False)
    return Path(folder).expanduser().absolute() / "signing.key"


def is_ours(status: os.stat_result) -> bool:
    """Tell whether a file belongs to the person whom this process runs for."""
    return sys.platform == "win32" or status.st_uid == os.geteuid()


def _read(path: Path) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise WorkDirError(f"The signing key {path} cannot be read: {error.strerror}. {_way_out()}") from error
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or not is_ours(status):
            raise WorkDirError(f"The signing key {path} is not a file of yours, so it is not trusted. {_way_out()}")
        if sys.platform != "win32" and status.st_mode & _NOBODY_ELSE:
            raise WorkDirError(
                f"The signing key {path} can be read by others, so it proves nothing. Delete it, and results signed "
                f"with it are made again; or, if nobody else read it: chmod 600 {path}"
            )
        key = file.read(KEY_BYTES + 1)
    if len(key) != KEY_BYTES:
        raise WorkDirError(
            f"The signing key {path} is damaged: it has {status.st_size} bytes instead of {KEY_BYTES}. "
            "Delete it, and results signed with it are made again."
        )
    return key


def _make(path: Path) -> None:
    """Write a key aside and link it into place: whoever comes second uses the first one's, and nobody sees half of one."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _write(aside)
            _link(aside, path)
        finally:
            aside.unlink(missing_ok=True)
    except FileExistsError:
        return
    except OSError as error:
        raise WorkDirError(f"No signing key can be made at {path}: {error.strerror}. {_way_out()}") from error


def _link(aside: Path, path: Path) -> None:
    try:
        os.link(aside, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        _write(path)


def _write(path: Path) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        os.fsync(fd)


def _way_out() -> str:
    return f"Set {FOLDER_VARIABLE} to a folder that only you can write."
