"""What phases displayed, in ``outputs/``: a signed file each, whole or not there. Read as data, never run.

``<phase>.<attempt>.<number>.display`` holds the signature, a line of JSON that says which forms there are, then the forms
one after the other. Each is signed for its session and its place, so that nothing is shown that somebody else put there.
"""

from __future__ import annotations

import contextlib
import errno
import hmac
import json
import os
import re
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from milo_nb.errors import ResultRefusedError
from milo_nb.persist.crashing import crash_point
from milo_nb.persist.disk import TMP, is_abandoned, read_own, temporary
from milo_nb.persist.rundir import write_all
from milo_nb.persist.workdir import file_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from milo_nb.persist.rundir import RunDir

MAX_PHASE_BYTES: Final = 64_000_000
"""Most bytes of one phase's displays that are kept: the last ones."""
MOST_KEPT: Final = 100
"""Most displays of one phase that are kept."""
MAX_SESSION_BYTES: Final = 512_000_000
"""Most bytes of a session's displays."""
_MAX_FILE_BYTES: Final = MAX_PHASE_BYTES + 1_000_000
_MAX_METADATA: Final = 100_000
_SCHEME: Final = b"milo_nb display 1\0"
_NAME: Final = re.compile(r"([^.]+)\.(\d{1,9})\.(\d{1,9})\.display")
_MAC_LENGTH: Final = 64
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class Place(NamedTuple):
    """Which display: the ``number``-th that an attempt of a phase made. They sort as they were made."""

    attempt: int
    number: int


class Display(NamedTuple):
    """A display as it is kept.

    Attributes:
        forms: By MIME type.
        metadata: What JSON can hold of it.
        display_id: By which it was updated.
        late: It came after its attempt's end.
        revision: Tells it from what it was before.
        dropped: How many earlier ones of the phase were let go of.
    """

    forms: Mapping[str, str | bytes]
    metadata: Mapping[str, Any] = {}
    display_id: str | None = None
    late: bool = False
    revision: int = 0
    dropped: int = 0

    @property
    def size_bytes(self) -> int:
        """About how much it takes on disk."""
        return sum(map(len, self.forms.values())) + 500


class DisplayFiles:
    """The displays of one session. One thread writes; any reads, in any process."""

    def __init__(self, run_dir: RunDir, key: Callable[[], bytes]) -> None:
        """Use the displays in `run_dir`, signed with what `key` returns, which is not asked before there is a display."""
        self._directory = run_dir.outputs
        self._session_id = run_dir.session_id
        self._key = key

    def write(self, phase: str, place: Place, display: Display) -> int:
        """Write a display in place of what was there; return how many bytes it has.

        Raises:
            IsADirectoryError: If a directory is in its place, and left there.
            OSError: If it could not be written; what was there still is.
        """
        body = _encode(display)
        content = self._sign(phase, place, body).encode() + b"\n" + body
        aside = self._directory / temporary()
        fd = os.open(aside, _NEW, 0o600)
        try:
            try:
                half = len(content) // 2
                write_all(fd, content[:half])
                crash_point("display.half")
                write_all(fd, content[half:])
            finally:
                os.close(fd)
            aside.replace(self._path(phase, place))
        except OSError:
            aside.unlink(missing_ok=True)
            self._refuse_directory(phase, place)
            raise
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        crash_point("display.written")
        return len(content)

    def remove(self, phase: str, place: Place) -> None:
        """Let go of a display.

        Raises:
            IsADirectoryError: If a directory is in its place, and left there.
            OSError: If that is not allowed.
        """
        try:
            self._path(phase, place).unlink(missing_ok=True)
        except OSError:
            self._refuse_directory(phase, place)
            raise

    def list(self, phases: Iterable[str]) -> dict[str, dict[Place, tuple[int, int]]]:
        """Return the last displays that are there, as they were made, each with its time of change and its size.

        Opens none. Of more than are ever kept, as a hostile directory may have them, the earlier ones are passed over.
        """
        known = {file_name(phase): phase for phase in phases}
        found: dict[str, dict[Place, tuple[int, int]]] = {}
        with contextlib.suppress(OSError), os.scandir(self._directory) as entries:
            for entry in entries:
                match = _NAME.fullmatch(entry.name)
                if match is not None and (phase := known.get(match[1])) is not None:
                    with contextlib.suppress(OSError):
                        status = entry.stat(follow_symlinks=False)
                        place = Place(int(match[2]), int(match[3]))
                        found.setdefault(phase, {})[place] = (status.st_mtime_ns, status.st_size)
        return {phase: _last(places) for phase, places in found.items()}

    def load(self, phase: str, place: Place) -> Display:
        """Return a display.

        Raises:
            FileNotFoundError: If it is gone.
            ResultRefusedError: If it is damaged, or signed by somebody else.
            WorkDirError: If there is no key to check that with.
        """
        path = self._path(phase, place)
        content = read_own(path, _MAX_FILE_BYTES)
        mac, body = content[:_MAC_LENGTH], content[_MAC_LENGTH + 1 :]
        if not hmac.compare_digest(mac, self._sign(phase, place, body).encode()):
            raise ResultRefusedError(path, "it does not carry your signature")
        try:
            return _decode(body)
        except (ValueError, LookupError, TypeError, RecursionError) as e:
            raise ResultRefusedError(path, f"damaged: {e!r}") from e

    def sweep(self) -> None:
        """Remove what a crash left half written."""
        for path in self._directory.glob(f"{TMP}*"):
            with contextlib.suppress(OSError):
                if is_abandoned(path, time.time()):
                    path.unlink()

    def _refuse_directory(self, phase: str, place: Place) -> None:
        """Say alike on all systems that a directory is in the place of a display, if one is."""
        path = self._path(phase, place)
        if path.is_dir() and not path.is_symlink():
            raise IsADirectoryError(errno.EISDIR, "a directory is in its place", str(path))

    def _path(self, phase: str, place: Place) -> Path:
        return self._directory / f"{file_name(phase)}.{place.attempt}.{place.number}.display"

    def _sign(self, phase: str, place: Place, body: bytes) -> str:
        purpose = f"{self._session_id}/{place.attempt}/{place.number}/{phase}".encode("utf-8", "surrogatepass")
        mac = hmac.new(self._key(), b"%b%d\0%b" % (_SCHEME, len(purpose), purpose), "sha256")
        mac.update(body)
        return mac.hexdigest()


def _last(places: dict[Place, tuple[int, int]]) -> dict[Place, tuple[int, int]]:
    kept, room = [], _MAX_FILE_BYTES
    for place, (changed, size) in sorted(places.items(), reverse=True)[:MOST_KEPT]:
        room -= size
        if room < 0:
            break
        kept.append((place, (changed, size)))
    return dict(reversed(kept))


def _encode(display: Display) -> bytes:
    forms, pieces = [], []
    for mime, value in display.forms.items():
        piece = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
        forms.append([mime, "bytes" if isinstance(value, bytes) else "text", len(piece)])
        pieces.append(piece)
    facts = {
        "forms": forms,
        "metadata": _plain(display.metadata),
        "display_id": display.display_id,
        "late": display.late,
        "revision": display.revision,
        "dropped": display.dropped,
    }
    return b"\n".join((json.dumps(facts).encode("ascii"), b"".join(pieces)))


def _decode(body: bytes) -> Display:
    head, _, rest = body.partition(b"\n")
    facts = json.loads(head)
    forms: dict[str, str | bytes] = {}
    at = 0
    for mime, kind, size in facts["forms"]:
        piece = rest[at : at + size]
        forms[mime] = piece if kind == "bytes" else piece.decode("utf-8", "surrogatepass")
        at += size
    return Display(
        forms, facts["metadata"], facts["display_id"], facts["late"], int(facts["revision"]), int(facts["dropped"])
    )


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what JSON can hold, if that is not much."""
    try:
        text = json.dumps(dict(metadata), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return {}
    return dict(json.loads(text)) if len(text) <= _MAX_METADATA else {}
