"""``cache-meta.json``: what is in a cache, for people. Made from its folders, never read to decide anything."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from milo_nb.persist.cache_key import SCHEMA
from milo_nb.persist.cache_shelves import read_loosely
from milo_nb.persist.disk import to_json, write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from milo_nb.persist.cache_shelves import Shelves

GAP_S = 1.0


class Index:
    """Keeps the file up to date, at most once a second and for a twentieth of the time."""

    def __init__(self, path: Path, shelves: Shelves) -> None:
        """Keep the file at `path`, of the entries on `shelves`; nothing is written before something changes."""
        self._path = path
        self._shelves = shelves
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Any]] = {}
        self._stale = False
        self._due = 0.0

    def changed(self, digest: str | None = None) -> None:
        """An entry was put or replaced; or, without a digest, some were removed."""
        with self._lock:
            self._stale = True
            if digest is not None:
                self._known.pop(digest, None)
            if time.monotonic() >= self._due:
                self._write()

    def flush(self) -> None:
        """Bring the file up to date now, if something has changed."""
        with self._lock:
            if self._stale:
                self._write()

    def _write(self) -> None:
        began = time.monotonic()
        known, self._known = self._known, {}
        for folder in self._shelves.entries():
            entry = known.get(folder.name) or _describe(folder)
            if entry is not None:
                self._known[folder.name] = entry
        with contextlib.suppress(OSError, TypeError, ValueError):  # people seeing less is no reason to stop
            write_whole(self._path, to_json({"schema": SCHEMA, "entries": self._known}))
        self._stale = False
        ended = time.monotonic()
        self._due = ended + max(GAP_S, 20 * (ended - began))


def _describe(folder: Path) -> dict[str, Any] | None:
    found = read_loosely(folder)
    try:
        return {
            "phase": str(found["phase"]),
            "created_at": float(found["created_at"]),
            "size_bytes": int(found["size_bytes"]) + sum(int(record["size"]) for record in found["files"]),
            "files": [str(record["path"]) for record in found["files"]],
            "info": found["info"],
        }
    except (LookupError, TypeError, ValueError):
        return None
