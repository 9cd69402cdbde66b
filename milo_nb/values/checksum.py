"""What much content amounts to: SHA-256 of each four megabytes, several at a time, summed up or signed.

One SHA-256 over everything would be the slowest part of saving a large result (1.5 GB/s, where the disk's cache takes
5 GB/s); of pieces, every core can take some.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

PIECE_BYTES = 4 << 20
_SCHEME = b"milo_nb value 1\0"
_MOST_THREADS = 4
_NEAR_BYTES = 256 << 10
"""What was read or is to be written stays in a core's own cache between the two that look at it: 45 instead of 89 ms."""


class Checksum:
    """Takes content from front to back, from one thread; a context, since it may have threads.

    Attributes:
        size_bytes: How much it took.
    """

    def __init__(self) -> None:
        self.size_bytes = 0
        self._digests: list[bytes | Future[bytes]] = []
        self._open = hashlib.sha256()
        self._room = PIECE_BYTES
        self._threads: ThreadPoolExecutor | None = None

    def add(
        self, data: bytes | memoryview, *, stays: bool = False, first: Callable[[memoryview, int], None] | None = None
    ) -> None:
        """Take the next bytes.

        Args:
            data: The bytes; a view must be of single bytes.
            stays: They stay as they are until :meth:`seal`, so that threads may look at them meanwhile.
            first: Called with each part and where it begins before the part is looked at, in whichever thread does
                that: to read it from a file, or to write it to one. What it raises, this or :meth:`seal` raises.
        """
        view = memoryview(data)
        self.size_bytes += len(view)
        begin = min(self._room, len(view)) if self._room < PIECE_BYTES or not stays else 0
        whole = (len(view) - begin) // PIECE_BYTES if stays else 0
        rest = begin + whole * PIECE_BYTES
        # What threads can do they do while this one looks at the ends.
        later = [self._in_a_thread(view[at : at + PIECE_BYTES], at, first) for at in range(begin, rest, PIECE_BYTES)]
        self._look(view, 0, begin, first)
        self._digests += later
        self._look(view, rest, len(view), first)

    def _look(self, view: memoryview, start: int, stop: int, first: Callable[[memoryview, int], None] | None) -> None:
        while start < stop:
            part = view[start : min(start + min(self._room, _NEAR_BYTES), stop)]
            if first is not None:
                first(part, start)
            self._open.update(part)
            start += len(part)
            self._room -= len(part)
            if not self._room:
                self._close_piece()

    def seal(self, key: bytes, purpose: str) -> str:
        """Return the signature of all that was taken, for one purpose, as hex; call it once, at the end."""
        mac = hmac.new(key, _SCHEME + self._pieces(), "sha256")
        mac.update(self.size_bytes.to_bytes(8, "little"))
        mac.update(hashlib.sha256(purpose.encode()).digest())
        return mac.hexdigest()

    def digest(self) -> bytes:
        """Return a SHA-256 of all that was taken; call it once, at the end."""
        return hashlib.sha256(self._pieces()).digest()

    def _pieces(self) -> bytes:
        if self._room < PIECE_BYTES:
            self._close_piece()
        return b"".join(digest if isinstance(digest, bytes) else digest.result() for digest in self._digests)

    def _close_piece(self) -> None:
        self._digests.append(self._open.digest())
        self._open = hashlib.sha256()
        self._room = PIECE_BYTES

    def _in_a_thread(
        self, part: memoryview, at: int, first: Callable[[memoryview, int], None] | None
    ) -> Future[bytes] | bytes:
        if self._threads is None:
            count = min(os.cpu_count() or 1, _MOST_THREADS)
            self._threads = ThreadPoolExecutor(count, thread_name_prefix="milo-checksum")
        try:
            return self._threads.submit(_digest, part, at, first)
        except RuntimeError:  # no thread is to be had: the system allows no more, or the interpreter ends
            return _digest(part, at, first)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the threads; they look at nothing any more when this returns."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)


def _digest(piece: memoryview, at: int, first: Callable[[memoryview, int], None] | None) -> bytes:
    if first is None:
        return hashlib.sha256(piece).digest()
    digest = hashlib.sha256()
    for start in range(0, len(piece), _NEAR_BYTES):
        part = piece[start : start + _NEAR_BYTES]
        first(part, at + start)
        digest.update(part)
    return digest.digest()
