"""Values to files and back: streamed without a copy, signed, and never unpickled before the signature was checked.

A file is a pickle (protocol 5, by cloudpickle), the large buffers of the value one after the other as they lie in
memory, their lengths, and a tail. The tail names the key, so that a file of somebody else's can be told from a damaged
one; neither is opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import io
import mmap
import os
import pickle
import stat
import struct
from collections import ChainMap
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, NamedTuple, NoReturn

import cloudpickle

from milo_nb.errors import NotSavableError, ResultRefusedError, describe, in_words
from milo_nb.values.checksum import Checksum
from milo_nb.values.trust import is_ours
from milo_nb.values.where import find

if TYPE_CHECKING:
    from collections.abc import Callable

_MAGIC = b"milo-1\r\n"
_TAIL = struct.Struct("<QQ8s8s")  # length of the pickle, number of buffers, which key, magic
_LENGTH = struct.Struct("<Q")
_ASIDE_BYTES = 1 << 16  # a buffer from this size on lies beside the pickle
_OWN_PAGES_BYTES = 8 << 20  # and from this size on gets pages of its own when it is read
_HURRY_BYTES = 32 << 20  # the disk is asked to begin whenever there is so much for it
_KEPT_BYTES = 64 << 20  # a longer pickle is read twice rather than held


class Seal(NamedTuple):
    """What proves that a file is the one that was written.

    Attributes:
        size_bytes: Of the file.
        mac: Hex of a keyed SHA-256 over content, size and purpose.
    """

    size_bytes: int
    mac: str


def dump(value: Any, file: BinaryIO, key: bytes, purpose: str) -> Seal:
    """Write a value to a file that is open for writing, and return its seal.

    Takes no memory for large arrays and frames. The value must not change meanwhile. Syncs nothing.

    Args:
        value: Anything that cloudpickle can write, but no open files and views of memory: it would copy these into
            something else.
        file: Where to write, from its current position on; not closed.
        key: Signs the file.
        purpose: What the file is for; it opens for that only.

    Raises:
        NotSavableError: If the value or a part of it cannot be saved; says which part.
        OSError: If the file cannot be written.
    """
    with Checksum() as checksum:
        sink = _Sink(file, checksum)
        buffers: list[pickle.PickleBuffer] = []
        pickler = _Pickler(sink, buffers)
        try:
            pickler.dump(value)
        except Exception as error:
            if sink.trouble is not None:
                raise sink.trouble from None
            raise pickler.say_why(value, error) from error
        head = checksum.size_bytes
        views = [buffer.raw() for buffer in buffers]
        sink.write_large(views)
        sink.write(b"".join(_LENGTH.pack(len(view)) for view in views))
        sink.write(_TAIL.pack(head, len(views), _name_of(key), _MAGIC))
        return Seal(checksum.size_bytes, checksum.seal(key, purpose))


def load(file: BinaryIO, key: bytes, purpose: str, seal: Seal) -> Any:
    """Return the value that a file holds, after all of it was found to be what was written.

    Args:
        file: Open for reading, at any position; see :func:`open_own`.
        key: As it was written with.
        purpose: As it was written for.
        seal: What :func:`dump` gave.

    Raises:
        ResultRefusedError: If it is damaged, foreign, or cannot be made in this process.
    """
    name = getattr(file, "name", "result")
    try:
        size = file.seek(0, os.SEEK_END)
        if size != seal.size_bytes:
            raise ResultRefusedError(name, f"damaged: it has {size} bytes instead of {seal.size_bytes}")
        lengths = _read_lengths(file, size, key, name)
        head, buffers, mac = _read_all(file, size, lengths, key, purpose)
    except OSError as error:
        raise ResultRefusedError(name, f"cannot be read: {error.strerror}") from error
    if not hmac.compare_digest(mac, seal.mac):
        raise ResultRefusedError(name, "damaged: its signature does not fit its content")
    try:
        return pickle.load(head, buffers=buffers)  # noqa: S301 - we wrote it: its signature was checked above
    except MemoryError:
        raise
    except (Exception, SystemExit, GeneratorExit) as error:  # a person's object may even exit when it is made
        raise ResultRefusedError(name, f"cannot be made in this process: {in_words(error)}") from error


def open_own(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading if it is a plain file of ours; nobody else can put another in its place.

    Raises:
        ResultRefusedError: If it is missing, a link, not a file, or somebody else's.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        fd = os.open(path, flags)
    except FileNotFoundError:
        raise ResultRefusedError(os.fspath(path), "missing") from None
    except OSError as error:
        why = "foreign: it is a link" if os.path.islink(path) else f"cannot be read: {error.strerror}"  # noqa: PTH114
        raise ResultRefusedError(os.fspath(path), why) from error
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or not is_ours(status):
        os.close(fd)
        what = "it belongs to another user" if stat.S_ISREG(status.st_mode) else "it is not a plain file"
        raise ResultRefusedError(os.fspath(path), f"foreign: {what}")
    os.set_blocking(fd, True)
    with contextlib.ExitStack() as undo:
        undo.callback(os.close, fd)
        named = _Named(fd, os.fspath(path))
        undo.pop_all()
    return io.BufferedReader(named)


# ---------------------------------------------------------------------- writing


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc] # it has no types
    """Puts large buffers aside, refuses what would become something else, and remembers what it came to last."""

    dispatch_table: ClassVar[Any] = ChainMap(
        {
            io.TextIOWrapper: lambda file: _refuse(file, "it is an open file; return its path or its content"),
            memoryview: lambda view: _refuse(view, "it would come back as bytes; return bytes or the array"),
        },
        cloudpickle.Pickler.dispatch_table,
    )

    def __init__(self, sink: _Sink, aside: list[pickle.PickleBuffer]) -> None:
        def put_aside(buffer: pickle.PickleBuffer) -> bool:
            if buffer.raw().nbytes < _ASIDE_BYTES:
                return True
            aside.append(buffer)
            return False

        super().__init__(sink, protocol=5, buffer_callback=put_aside)
        self._last: Any = None

    def reducer_override(self, obj: Any) -> Any:
        """Remember the object: if it cannot be written, pickle does not say which it was."""
        self._last = obj
        kind = type(obj)
        if kind is not FunctionType and not issubclass(kind, type):
            return NotImplemented
        return super().reducer_override(obj)

    def say_why(self, value: Any, error: Exception) -> NotSavableError:
        """Return the error that says which part of a value could not be written."""
        culprit = error.part if isinstance(error, _RefusedError) else self._last
        if isinstance(error.__cause__ or error.__context__, RecursionError):
            return NotSavableError("result", type(value).__name__, "it is nested too deeply")
        where = "result" if culprit is None else find(value, culprit)
        usual = isinstance(
            error, (_RefusedError, TypeError, AttributeError, pickle.PicklingError)
        )  # whose message says all
        why = describe(error) if usual else in_words(error)
        return NotSavableError(where, type(value if culprit is None else culprit).__name__, why)


class _RefusedError(Exception):
    """A part that cloudpickle would copy into something else."""

    def __init__(self, part: Any, why: str) -> None:
        super().__init__(why)
        self.part = part


def _refuse(part: Any, why: str) -> NoReturn:
    raise _RefusedError(part, why)


class _Sink:
    """Writes to the file and the checksum.

    Attributes:
        trouble: What the file raised; pickle would let a value's own code swallow or wrap it.
    """

    def __init__(self, file: BinaryIO, checksum: Checksum) -> None:
        self.trouble: OSError | None = None
        self._file = file
        self._checksum = checksum

    def write(self, data: Any) -> int:
        """Write what may be gone when this returns."""
        view = memoryview(data).cast("B")
        self._checksum.add(view)
        self._write(view)
        return len(view)

    def write_large(self, views: list[memoryview]) -> None:
        """Write what stays until the checksum is done; the threads that compute it write as well."""
        for view in views:
            fd = _number_of(self._file) if len(view) >= _OWN_PAGES_BYTES else None
            if fd is None:
                self._write(view)
                self._checksum.add(view, stays=True)
            else:
                self._file.flush()
                begin = os.lseek(fd, 0, os.SEEK_CUR)
                self._checksum.add(view, stays=True, first=partial(self._write_at, fd, begin))
                os.lseek(fd, begin + len(view), os.SEEK_SET)

    def _write_at(self, fd: int, begin: int, part: memoryview, at: int) -> None:
        at += begin
        try:
            while len(part):
                written = os.pwrite(fd, part, at)
                part, at = part[written:], at + written
                if at // _HURRY_BYTES != (at - written) // _HURRY_BYTES and hasattr(os, "posix_fadvise"):  # macOS: none
                    os.posix_fadvise(fd, 0, at, os.POSIX_FADV_DONTNEED)  # begins to write, does not wait
        except OSError as error:
            self.trouble = error
            raise

    def _write(self, view: memoryview) -> None:
        try:
            while len(view):  # a raw file may take less than all
                view = view[self._file.write(view) :]
        except OSError as error:
            self.trouble = error
            raise


# ---------------------------------------------------------------------- reading


class _Named(io.FileIO):
    """A file that knows its path, though it was opened by its number."""

    def __init__(self, fd: int, path: str) -> None:
        super().__init__(fd, "rb")
        self.name = path


def _read_lengths(file: BinaryIO, size: int, key: bytes, name: object) -> list[int]:
    """Return the lengths of pickle and buffers; as they are not trusted yet, they must add up to the size."""
    if size < _TAIL.size:
        raise ResultRefusedError(name, "damaged: it is too short")
    file.seek(size - _TAIL.size)
    head, count, signer, magic = _TAIL.unpack(_read(file, _TAIL.size))
    if magic != _MAGIC:
        raise ResultRefusedError(name, "damaged: it does not end as a result does")
    if signer != _name_of(key):
        raise ResultRefusedError(name, "foreign: it was signed with another key")
    table = count * _LENGTH.size
    if table > size:
        raise ResultRefusedError(name, "damaged: its lengths do not add up")
    file.seek(size - _TAIL.size - table)
    lengths = [head, *(length for (length,) in _LENGTH.iter_unpack(_read(file, table)))]
    if sum(lengths) + table + _TAIL.size != size:
        raise ResultRefusedError(name, "damaged: its lengths do not add up")
    return lengths


def _read_all(
    file: BinaryIO, size: int, lengths: list[int], key: bytes, purpose: str
) -> tuple[BinaryIO, list[Any], str]:
    """Return the pickle to read from, the buffers, and the signature of it all."""
    file.seek(0)
    head_size, *buffer_sizes = lengths
    with Checksum() as checksum:
        if head_size <= _KEPT_BYTES:
            kept = _read(file, head_size)
            checksum.add(kept)
            head: BinaryIO = io.BytesIO(kept)
        else:
            _skim(file, head_size, checksum.add)
            head = file
        buffers = [_read_buffer(file, length, checksum) for length in buffer_sizes]
        _skim(file, size - sum(lengths), checksum.add)
        mac = checksum.seal(key, purpose)
    if head is file:
        file.seek(0)
    return head, buffers, mac


def _read(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) != length:
        raise _shorter(getattr(file, "name", "result"))
    return data


def _skim(file: BinaryIO, length: int, add: Callable[[bytes], None]) -> None:
    while length:
        data = _read(file, min(length, 1 << 20))
        add(data)
        length -= len(data)


def _read_buffer(file: BinaryIO, length: int, checksum: Checksum) -> Any:
    """Return memory with the next bytes of the file: the value's own, no copy is made of it."""
    memory = _room_for(length)
    view = memoryview(memory)
    fd = _number_of(file) if length >= _OWN_PAGES_BYTES else None
    if fd is not None:
        begin = file.tell()
        checksum.add(view, stays=True, first=partial(_read_at, fd, begin, getattr(file, "name", "result")))
        file.seek(begin + length)
        return memory
    if file.readinto(view) != length:  # type: ignore[attr-defined]
        raise _shorter(getattr(file, "name", "result"))
    checksum.add(view, stays=True)
    return memory


def _read_at(fd: int, begin: int, name: object, part: memoryview, at: int) -> None:
    while len(part):
        count = os.preadv(fd, [part], begin + at)
        if not count:
            raise _shorter(name)
        part, at = part[count:], at + count


def _shorter(name: object) -> ResultRefusedError:
    return ResultRefusedError(name, "damaged: it became shorter while it was read")


def _number_of(file: BinaryIO) -> int | None:
    """Return the number of a real file, if the system lets several threads read and write it at places of their own."""
    if not hasattr(os, "preadv"):
        return None
    try:
        return file.fileno()
    except (OSError, AttributeError):
        return None


def _room_for(length: int) -> bytearray | mmap.mmap:
    """Return writable memory; much of it by large pages, which nobody has to fill with zeros first."""
    if length < _OWN_PAGES_BYTES or not hasattr(mmap, "MAP_PRIVATE"):
        return bytearray(length)
    memory = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def _name_of(key: bytes) -> bytes:
    """Return what tells keys apart and gives none away."""
    return hashlib.sha256(b"milo_nb key\0" + key).digest()[:8]
