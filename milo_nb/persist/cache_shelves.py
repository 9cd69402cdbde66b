"""Where the entries of a cache lie: found, moved into place whole, removed at once."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milo_nb.persist.cache_entry import META
from milo_nb.persist.disk import TMP, Removed, is_abandoned, make_private, remove, say_age, say_size, temporary, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TRIES = 50
_ROW = re.compile(r"[0-9a-f]{2}")
_ENTRY = re.compile(r"[0-9a-f]{4,}")
_IN_THE_WAY = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR})


class Shelves:
    """The folders of a cache: ``<kk>/<key>/`` for the entries, ``latest/`` and ``locks/`` beside them."""

    def __init__(self, folder: Path) -> None:
        """Use a folder; it need not exist."""
        self.folder = folder

    def of(self, digest: str) -> Path:
        """Return the folder of an entry, which may not exist."""
        return self.folder / digest[:2] / digest

    def lock_of(self, digest: str) -> Path:
        """Return the lock file of a key."""
        return self.folder / "locks" / f"{digest}.lock"

    def latest_of(self, phase: str) -> Path:
        """Return the file that says what the newest entry of a phase was made of."""
        return (
            self.folder / "latest" / f"{hashlib.sha256(phase.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.json"
        )

    def all_latest(self) -> list[Path]:
        """Return these files of all phases."""
        return list((self.folder / "latest").glob("*.json"))

    def put(self, digest: str, fill: Callable[[Path], None]) -> None:
        """Have a new folder filled and moved to the place of an entry, and what is there away.

        Raises:
            OSError: If that is not possible; what was there stands. Also what `fill` raises.
        """
        make_private(self.folder)
        made = self.folder / temporary()
        made.mkdir(mode=0o700)
        try:
            fill(made)
            self._place(made, self.of(digest))
        except BaseException:
            remove(made)
            raise

    def _place(self, made: Path, target: Path) -> None:
        make_private(target.parent)
        for _ in range(_TRIES):
            try:
                made.rename(target)
            except OSError as error:
                if error.errno not in _IN_THE_WAY:
                    raise
                remove(target)
            else:
                return
        remove(made)  # other kernels put the same at the same time, again and again: theirs are as good

    def entries(self) -> Iterator[Path]:
        """Yield the folders of all entries, whole or not; nothing else that may have got here, as they may be removed."""
        for above in self._rows():
            yield from (folder for folder in _folders(above) if _is_entry(above.name, folder.name))

    def _rows(self) -> list[Path]:
        """Return the folders that entries are spread over; none, if a link leads elsewhere."""
        return [] if self.folder.is_symlink() else [row for row in _folders(self.folder) if _ROW.fullmatch(row.name)]

    def abandoned(self, now: float) -> list[Path]:
        """Return what writers and removers left behind that do not run any more, or have not for a day."""
        hidden = (
            path for above in (self.folder, *self._rows()) for path in _folders(above) if path.name.startswith(TMP)
        )
        return [path for path in hidden if is_abandoned(path, now)]

    def superfluous(self, now: float, max_bytes: float | None, age_s: float | None) -> list[Removed]:
        """Return what is to go: what was left behind, what was not used for `age_s`, and what was not used for longest.

        Args:
            now: In seconds since the epoch.
            max_bytes: How much may stay; all, if None.
            age_s: How long an entry stays that is not used; for ever, if None.
        """
        going = [Removed(path, size_of(path), "left behind by a writer that died") for path in self.abandoned(now)]
        found = sorted((used_at(folder), size_of(folder), folder) for folder in self.entries())
        total = sum(size for _, size, _ in found)
        for last, size, folder in found:
            if age_s is not None and now - last > age_s:
                why = f"not used for {say_age(now - last)}"
            elif max_bytes is not None and total > max_bytes:
                why = f"the cache holds more than {say_size(max_bytes)}"
            else:
                continue
            total -= size
            going.append(Removed(folder, size, why))
        return going


def size_of(folder: Path) -> int:
    """Return the bytes in all files below a folder."""
    total = 0
    for entry in walk(folder):
        with contextlib.suppress(OSError):
            total += entry.stat(follow_symlinks=False).st_size
    return total


def used_at(folder: Path) -> float:
    """Return when an entry was last used; 0 for one that is not whole, so that it goes first."""
    try:
        return (folder / META).stat().st_mtime
    except OSError:
        return 0.0


def read_loosely(folder: Path) -> dict[str, Any]:
    """Return what ``meta.json`` says without asking who wrote it; nothing, if that cannot be read."""
    try:
        found = json.loads((folder / META).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_entry(row: str, name: str) -> bool:
    return name.startswith(row) and _ENTRY.fullmatch(name) is not None


def _folders(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        yield from [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
