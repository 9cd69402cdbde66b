"""Saved results: signed files in ``results/``, whole or not there.

A result is written while the thread that made it still has it, so that nobody changes it meanwhile, and is kept later,
by the session's writer. Small ones share a pack, as a file of its own costs three times what an append does; larger
ones stream into a file of their own. Either way each is signed for its session, phase and attempt, and what does not
carry that signature is refused before a byte of it is interpreted. A number, a short text or None stands in the journal
itself, signed as well.
"""

from __future__ import annotations

import contextlib
import hmac
import os
from io import BytesIO
from json.encoder import encode_basestring_ascii as quote
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, cast
from uuid import uuid4

from milo_nb.errors import ResultRefusedError
from milo_nb.persist.crashing import crash_point
from milo_nb.persist.rundir import sync_directory, write_all
from milo_nb.persist.workdir import safe_name
from milo_nb.values.codec import Seal, dump, load, open_own

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from milo_nb.persist.rundir import RunDir

SMALL_BYTES: Final = 32_768
"""The largest result that goes into a pack."""
PACK_BYTES: Final = 16_000_000
"""A pack that has reached this takes no more."""
PLAIN_LETTERS: Final = 1_000
"""The longest text that stands in the journal itself."""
_LONGEST_NAME: Final = 100


class Staged(NamedTuple):
    """A result that is written and not kept yet.

    Attributes:
        phase: Name of its phase.
        attempt: The attempt that made it.
        seal: Its size and signature.
        content: All of it, if it is small.
        temporary: The file that it is in, if it is not.
        is_plain: The journal holds the value itself.
        name: The name that the file will have.
        facts: What else is to be said of it in the journal.
    """

    phase: str
    attempt: int
    seal: Seal
    content: bytes = b""
    temporary: Path | None = None
    is_plain: bool = False
    value: Any = None
    name: str = ""
    facts: Mapping[str, Any] = {}


class _Where(NamedTuple):
    path: Path
    offset: int
    seal: Seal
    phase: str
    attempt: int


class ResultFiles:
    """The results of one session. Any thread stages and loads; one at a time keeps."""

    def __init__(self, run_dir: RunDir, key: bytes) -> None:
        """Use the results in `run_dir`, signed with `key`."""
        self._directory = run_dir.results
        self._session_id = run_dir.session_id
        self._key = key
        self._mac = hmac.new(key, digestmod="sha256")
        self._pack: int | None = None
        self._pack_name = ""
        self._pack_size = 0

    def stage(self, phase: str, attempt: int, value: Any, facts: Mapping[str, Any] | None = None) -> Staged:
        """Write a result to where nobody looks for it yet.

        Args:
            phase: Name of the phase.
            attempt: The attempt that made it.
            value: The result.
            facts: What else is to be said of it in the journal.

        Raises:
            NotSavableError: If it cannot be saved.
            OSError: If it could not be written.
        """
        text = _plain_text(value)
        if text is not None:
            seal = Seal(len(text), self._sign(phase, attempt, text))
            return Staged(phase, attempt, seal, is_plain=True, value=value, facts=facts or {})
        spool = _Spool(self._directory)
        try:
            seal = dump(value, cast("BinaryIO", spool), self._key, self.purpose(phase, attempt))
            content = spool.close()
        except BaseException:
            spool.drop()
            raise
        crash_point("result.staged")
        name = f"{safe_name(phase)[:_LONGEST_NAME]}.{attempt}.{spool.token}.pkl" if spool.path else ""
        return Staged(phase, attempt, seal, content, spool.path, name=name, facts=facts or {})

    def keep(self, staged: Sequence[Staged]) -> list[dict[str, Any]]:
        """Have results on disk when this returns; give what ``@@PHASE_SAVED`` must say of each beside name and attempt.

        Raises:
            OSError: If that failed; none of them counts as kept, and they can be kept later.
        """
        if not staged:
            return []
        large = [one for one in staged if one.temporary is not None]
        small = [one for one in staged if one.content]
        offsets = iter(self._append(small) if small else ())
        for one in large:
            self._rename(cast("Path", one.temporary), one.name)
        if large:
            crash_point("result.renamed")
            sync_directory(self._directory)
        crash_point("result.kept")
        return [self._record(one, offsets) for one in staged]

    def load(self, record: Mapping[str, Any]) -> Any:
        """Return the result that a record of the journal, the payload of ``@@PHASE_SAVED``, tells of.

        Raises:
            ResultRefusedError: If it is missing, damaged, or signed by somebody else.
        """
        where = self._where(record)
        if "value" in record:
            return self._load_plain(record, where)
        with open_own(where.path) as file:
            content: BinaryIO = file
            if "offset" in record:
                file.seek(where.offset)
                content = _Slice(file.read(min(where.seal.size_bytes, SMALL_BYTES)), str(where.path))
            return load(content, self._key, self.purpose(where.phase, where.attempt), where.seal)

    def exists(self, record: Mapping[str, Any]) -> bool:
        """Tell whether the file that a record tells of is there and long enough; not whether it is whole."""
        try:
            where = self._where(record)
            return "value" in record or where.path.stat().st_size >= where.offset + int(where.seal.size_bytes)
        except (OSError, ResultRefusedError):
            return False

    def drop(self, staged: Staged) -> None:
        """Let go of a result that will not be kept."""
        if staged.temporary is not None:
            with contextlib.suppress(OSError):
                staged.temporary.unlink(missing_ok=True)

    def sweep(self) -> int:
        """Remove what a crash left half done; return how many files. Only for the owner, before anything is staged."""
        removed = 0
        for path in self._directory.glob(".*.tmp"):
            with contextlib.suppress(OSError):
                path.unlink()
                removed += 1
        return removed

    def close(self) -> None:
        """Close the pack."""
        if self._pack is not None:
            os.close(self._pack)
            self._pack = None

    def purpose(self, phase: str, attempt: int) -> str:
        """Return what the result of an attempt is sealed for."""
        return f"{self._session_id}/{phase}/{attempt}"

    # ------------------------------------------------------------------ private

    def _sign(self, phase: str, attempt: int, text: bytes) -> str:
        purpose = self.purpose(phase, attempt).encode()
        # Not `hmac.digest`: it lets go of the interpreter's lock, and a worker would wait for the recorder to give it back.
        mac = self._mac.copy()
        mac.update(b"%b%d\0%b%b" % (_PLAIN_SCHEME, len(purpose), purpose, text))
        return mac.hexdigest()

    def _load_plain(self, record: Mapping[str, Any], where: _Where) -> Any:
        value = record["value"]
        text = _plain_text(value)
        mac = self._sign(where.phase, where.attempt, text) if text is not None else ""
        if not text or not hmac.compare_digest(mac.encode(), where.seal.mac.encode()):
            raise ResultRefusedError(where.path, f"the value of '{where.phase}' does not carry your signature")
        return value

    def _record(self, one: Staged, offsets: Iterator[int]) -> dict[str, Any]:
        size, mac = one.seal
        if one.is_plain:
            record: dict[str, Any] = {"size": size, "mac": mac, "value": one.value}
        elif one.temporary is None:
            record = {"size": size, "mac": mac, "file": self._pack_name, "offset": next(offsets)}
        else:
            record = {"size": size, "mac": mac, "file": one.name}
        if one.facts:
            record.update(one.facts)
        return record

    def _where(self, record: Mapping[str, Any]) -> _Where:
        """Return what a record says, which may be anybody's."""
        try:
            name = record["file"] if "value" not in record else ""
            seal = Seal(int(record["size"]), str(record["mac"]))
            phase, attempt, offset = str(record["name"]), int(record["attempt"]), int(record.get("offset", 0))
        except (KeyError, TypeError, ValueError) as e:
            raise ResultRefusedError(self._directory, f"damaged: the journal does not say where it is ({e!r})") from e
        if "value" in record:
            return _Where(self._directory.parent / "events.jsonl", 0, seal, phase, attempt)
        if type(name) is not str or name != Path(name).name or name.startswith(".") or not name or offset < 0:
            raise ResultRefusedError(self._directory, f"damaged: the journal names no file of results but {name!r}")
        return _Where(self._directory / name, offset, seal, phase, attempt)

    def _rename(self, temporary: Path, name: str) -> None:
        """Give a file its name, after all that is in it is on disk."""
        final = self._directory / name
        if not temporary.exists() and final.exists():  # from an earlier try, of which a later step failed
            return
        fd = os.open(temporary, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        crash_point("result.synced")
        temporary.replace(final)

    def _append(self, small: Sequence[Staged]) -> list[int]:
        """Add results to the pack; return where each begins."""
        if self._pack is None or self._pack_size >= PACK_BYTES or not self._is_pack_there():
            self._open_pack()
        pack = cast("int", self._pack)
        offsets, at = [], self._pack_size
        for one in small:
            offsets.append(at)
            at += len(one.content)
        try:
            write_all(pack, b"".join([one.content for one in small]))
            os.fsync(pack)
        except OSError:
            try:
                os.ftruncate(pack, self._pack_size)
            except OSError:
                self.close()  # what it ends in is not known: the next try begins another
            raise
        self._pack_size = at
        return offsets

    def _is_pack_there(self) -> bool:
        ours = os.fstat(cast("int", self._pack))
        try:
            there = (self._directory / self._pack_name).stat()
        except OSError:
            return False
        return (there.st_ino, there.st_dev) == (ours.st_ino, ours.st_dev)

    def _open_pack(self) -> None:
        self.close()
        name = f"pack-{uuid4().hex[:12]}.bin"
        self._pack = os.open(self._directory / name, _NEW | os.O_APPEND, 0o600)
        self._pack_name, self._pack_size = name, 0
        sync_directory(self._directory)


def _plain_text(value: Any) -> bytes | None:
    """Return the one way to write a plain value as JSON; None for a value that is not plain, or not short."""
    kind = type(value)
    if value is None:
        return b"null"
    if kind is str:
        return quote(value).encode("ascii") if len(value) <= PLAIN_LETTERS else None
    if kind is bool:
        return b"true" if value else b"false"
    if kind is int:
        return b"%d" % value if -_PLAIN_NUMBER < value < _PLAIN_NUMBER else None
    if kind is float:
        return repr(value).encode("ascii") if isfinite(value) else None
    return None


_PLAIN_SCHEME: Final = b"milo_nb plain value 1\0"
_PLAIN_NUMBER: Final = 1 << 63
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class _Slice(BytesIO):
    """A part of a pack that knows which file it is of, for messages."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


class _Spool:
    """A file to write to that is in memory until it is large."""

    __slots__ = ("_directory", "_file", "_parts", "_size", "path", "token")

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._parts: list[bytes] = []
        self._size = 0
        self._file: BinaryIO | None = None
        self.path: Path | None = None
        self.token = ""

    def write(self, content: Any) -> int:
        """Take more; what is given may be changed afterwards."""
        if self._file is not None:
            return self._file.write(content)
        size = content.nbytes if type(content) is memoryview else memoryview(content).nbytes
        self._size += size
        if self._size <= SMALL_BYTES:
            self._parts.append(bytes(content))
            return size
        self._open()
        file = cast("BinaryIO", self._file)
        file.writelines(self._parts)
        crash_point("result.half")
        file.write(content)
        self._parts.clear()
        return size

    def flush(self) -> None:
        """Hand on what a file object holds back."""
        if self._file is not None:
            self._file.flush()

    def fileno(self) -> int:
        """Return the number of the file.

        Raises:
            OSError: If it is in memory.
        """
        if self._file is None:
            raise OSError("it is in memory")
        return self._file.fileno()

    def close(self) -> bytes:
        """End writing; return all of it if it is small."""
        if self._file is not None:
            self._file.close()
        return b"".join(self._parts)

    def drop(self) -> None:
        """Remove whatever was written."""
        if self.path is not None:
            with contextlib.suppress(OSError):
                cast("BinaryIO", self._file).close()
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)

    def _open(self) -> None:
        self.token = uuid4().hex[:12]
        path = self._directory / f".{self.token}.tmp"
        fd = os.open(path, _NEW, 0o600)
        self.path = path
        self._file = os.fdopen(fd, "wb")
