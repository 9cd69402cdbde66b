"""The journal: what happened in a session, one line of JSON an action. Everything else is made from it.

1. The first line says of which session, and what its pipeline declares; each later owner adds a line of its own.
2. Lines are only ever added, by the one process that holds the session's lock, a batch in one write.
3. ``@@PHASE_COMPLETE`` of a phase whose result is saved says where in the same line; it is read as two actions.
4. Each line ends in a checksum of itself and the record lines are numbered, so whatever is damaged or missing is noticed.
5. Reading never writes. What cannot be read and all after it is left out, and ``damage`` says so.

Lines of logs, displays and progress are not here: they have files of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from milo_nb.errors import SchemaError, WorkDirError
from milo_nb.persist.crashing import crash_point, expects_crash
from milo_nb.persist.lines import parse_line, quick_line, to_line
from milo_nb.persist.rundir import read_regular, replace_file, sync_directory, write_all
from milo_nb.state import actions as a
from milo_nb.state.actions import Action, make_action

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SCHEMA: Final = 1
HEADER: Final = "@@JOURNAL"
OWNER: Final = "@@OWNER"
DECLARED: Final = "@@DECLARED"
REPAIRED: Final = "@@REPAIRED"
GAP: Final = "@@GAP"

JOURNALLED: Final = frozenset({
    a.INIT, a.COMMAND,
    a.PIPELINE_START, a.PIPELINE_COMPLETE, a.PIPELINE_FAILED, a.PIPELINE_PAUSED, a.PIPELINE_RESUMED, a.PIPELINE_CANCELLED,
    a.PHASE_START, a.PHASE_COMPLETE, a.PHASE_FAILED, a.PHASE_SKIPPED, a.PHASE_RETRY, a.PHASE_CANCELLED, a.PHASE_REVIEW,
    a.PHASE_EDITED, a.PHASE_SAVED, a.CHECKPOINT_FAILED,
})  # fmt: skip
"""Types of the actions that a journal holds."""
_NOTHING: Final[Mapping[str, Any]] = {}
_KIND: Final = {kind: kind for kind in JOURNALLED}  # one string object a type, however many lines


class Entry(NamedTuple):
    """A line to come that is more, or less, than an action.

    Attributes:
        type: Its type.
        action: What happened; None for what is no action.
        facts: What else stands in the line: ``extra`` and ``saved`` beside an action.
    """

    type: str
    action: Action | None
    facts: Mapping[str, Any] = {}


@dataclass(slots=True)
class Journalled:
    """What a journal says.

    Attributes:
        header: Its first line: ``pipeline``, ``session_id``, ``declared``, ``fail_fast``, ``wall`` and ``clock``.
        owners: The lines of later owners, with their ``wall`` and ``clock``.
        actions: What happened.
        extras: What was noted beside an action, by its position in `actions`.
        declared: Declared graphs that took the place of the first one, with the position from which on they did.
        damage: What could not be read, in a sentence; "" if nothing.
        good_bytes: How much of the file could be read.
        is_torn: Only the end cannot be read, as a crash leaves it.
        missed: How many actions were never written, as the disk took none.
        next_n: Number of the next record.
    """

    header: dict[str, Any]
    owners: list[dict[str, Any]] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    extras: dict[int, dict[str, Any]] = field(default_factory=dict)
    declared: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    damage: str = ""
    good_bytes: int = 0
    is_torn: bool = False
    missed: int = 0
    next_n: int = 1

    @property
    def wall_offset(self) -> float:
        """What to add to the session's clock to get seconds since the epoch, by the latest owner."""
        latest = self.owners[-1] if self.owners else self.header
        return float(latest["wall"]) - float(latest["clock"])

    @property
    def last_clock(self) -> float:
        """Time of the latest thing that happened, on the session's clock."""
        latest = self.owners[-1] if self.owners else self.header
        return max(self.actions[-1].timestamp if self.actions else 0.0, float(latest["clock"]))


def make_header(  # noqa: PLR0913 - what a header holds
    pipeline: str,
    session_id: str,
    declared: Mapping[str, Any],
    *,
    wall: float,
    clock: float,
    fail_fast: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """Return the facts of a journal's first line.

    Args:
        pipeline: Name of the pipeline.
        session_id: UUID of the session.
        declared: What the pipeline declares, by :func:`declared_to_json`.
        wall: Now, in seconds since the epoch.
        clock: Now, on the session's clock.
        fail_fast: Any failure forbids new starts.
        more: Further facts, as ``host`` and ``pid``.
    """
    return {
        "pipeline": pipeline,
        "session_id": session_id,
        "wall": wall,
        "clock": clock,
        "fail_fast": fail_fast,
        **more,
        "declared": declared,
    }


class Journal:
    """A journal that its session's owner writes to. One thread at a time.

    Attributes:
        path: The file.
        journalled: What it said when it was opened; None for one just made.
    """

    def __init__(self, path: Path, fd: int, size_bytes: int, next_n: int, journalled: Journalled | None = None) -> None:
        """Write to an open file; use :meth:`create` or :meth:`open`."""
        self.path = path
        self.journalled = journalled
        self._fd = fd
        self._size = size_bytes
        self._next_n = next_n
        self._is_torn = False

    @classmethod
    def create(cls, path: Path, header: Mapping[str, Any]) -> Journal:
        """Make a journal with its first line, which is on disk when this returns.

        Raises:
            WorkDirError: If there is one already.
            OSError: If it cannot be written.
        """
        if path.exists():
            raise WorkDirError(f"There is a journal already: {path}. Open it to go on.")
        line = to_line({"schema": SCHEMA, "type": HEADER, **header})
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        fd = _open(temporary, os.O_CREAT | os.O_TRUNC)
        try:
            write_all(fd, line)
            os.fsync(fd)
            temporary.replace(path)  # whoever finds a journal finds its first line
            sync_directory(path.parent)
        except OSError:
            os.close(fd)
            temporary.unlink(missing_ok=True)
            raise
        return cls(path, fd, len(line), 1)

    @classmethod
    def open(cls, path: Path) -> Journal:
        """Open a journal to go on with it, repaired if need be: a line ``@@REPAIRED`` then says what was left out.

        Raises:
            WorkDirError: If its first line cannot be read.
            SchemaError: If a newer version wrote it.
            OSError: If it cannot be read or written.
        """
        journalled = read(path)
        is_bad = journalled.damage and not journalled.is_torn
        kept = _keep_bad(path, journalled.good_bytes) if is_bad else ""
        fd = _open(path)
        journal = cls(path, fd, journalled.good_bytes, journalled.next_n, journalled)
        if journalled.damage:
            dropped = os.fstat(fd).st_size - journalled.good_bytes
            os.ftruncate(fd, journalled.good_bytes)
            note = {"damage": journalled.damage, "dropped_bytes": dropped, "kept_as": kept}
            journal.append_entries([Entry(REPAIRED, None, note)])
            journal.sync()
        return journal

    # ------------------------------------------------------------------ writing

    def append(self, actions: Iterable[Action]) -> None:
        """Append actions in one write; those of types that are not journalled are left out.

        Raises:
            OSError: If they cannot be written; none of them is then in the journal.
        """
        self.append_entries([action for action in actions if action.type in JOURNALLED])

    def append_entries(self, entries: Iterable[Action | Entry]) -> None:
        """Append actions and entries in one write.

        Raises:
            OSError: If they cannot be written; none of them is then in the journal.
        """
        mark = self.mark
        try:
            self._write(b"".join(self._encode(entries)))
        except OSError:
            self.rewind(mark)
            raise

    def own(self, wall: float, clock: float, **who: Any) -> None:
        """Append that this process owns the session from now on; on disk when this returns.

        Raises:
            OSError: If it cannot be written.
        """
        facts = {"schema": SCHEMA, "wall": wall, "clock": clock, **who}
        self.append_entries([Entry(OWNER, None, facts)])
        self.sync()

    @property
    def mark(self) -> tuple[int, int]:
        """Where it ends: bytes, and the number of the next record."""
        return self._size, self._next_n

    def rewind(self, mark: tuple[int, int]) -> None:
        """Forget what was written after a mark: at once, or if that fails before the next write."""
        self._size, self._next_n = mark
        self._is_torn = True
        with contextlib.suppress(OSError):
            self._mend()

    def sync(self) -> None:
        """Have all that was written on disk when this returns.

        Raises:
            OSError: If that failed; what of it is on disk is not known.
        """
        os.fsync(self._fd)
        crash_point("journal.synced")

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _encode(self, entries: Iterable[Action | Entry]) -> list[bytes]:
        n, lines = self._next_n, []
        for entry in entries:
            action, facts = (entry, _NOTHING) if isinstance(entry, Action) else (entry.action, entry.facts)
            line = None
            if action is not None and (not facts or (len(facts) == 1 and "saved" in facts)):
                line = quick_line(n, action, facts.get("saved"))
            if line is None:
                told = {"t": action.timestamp, "payload": action.payload} if action is not None else {}
                line = to_line({"n": n, "type": entry.type, **told, **facts})
            lines.append(line)
            n += 1
        self._next_n = n
        return lines

    def _write(self, content: bytes) -> None:
        if not content:
            return
        self._check()
        if expects_crash("journal.half"):
            write_all(self._fd, content[: len(content) // 2])
            crash_point("journal.half")
            write_all(self._fd, content[len(content) // 2 :])
        else:
            write_all(self._fd, content)
        self._size += len(content)
        crash_point("journal.written")

    def _check(self) -> None:
        """Refuse to write where nobody would find it, or after half a line."""
        there, ours = self.path.stat(), os.fstat(self._fd)
        if (there.st_ino, there.st_dev) != (ours.st_ino, ours.st_dev):
            raise FileNotFoundError(2, "the journal was removed or replaced", str(self.path))
        if self._is_torn:
            self._mend()

    def _mend(self) -> None:
        os.ftruncate(self._fd, self._size)
        self._is_torn = False


# ---------------------------------------------------------------------- reading


def read(path: Path) -> Journalled:
    """Return what a journal says, as far as it can be read. Never writes.

    Raises:
        WorkDirError: If its first line cannot be read.
        SchemaError: If a newer version wrote it.
        OSError: If there is none, or it may not be read.
    """
    content = read_regular(path)
    first, _, _ = content.partition(b"\n")
    header = parse_line(first)
    _check_schema(path, first, header)
    if header is None or not _is_header(header):
        raise WorkDirError(
            f"The journal {path} cannot be read: its first line is damaged. "
            f"Start the pipeline anew; what the session saved is still in {path.parent}."
        )
    journalled = Journalled(header, good_bytes=len(first) + 1)
    _read_records(path, content, journalled)
    return journalled


def _read_records(path: Path, content: bytes, journalled: Journalled) -> None:
    actions, extras = journalled.actions, journalled.extras
    at, end, n = journalled.good_bytes, len(content), 1
    find, kinds = content.find, _KIND
    while at < end:
        stop = find(b"\n", at)
        record = parse_line(content[at:stop]) if stop >= 0 else None
        if record is None or record.get("n") != n:
            break
        try:
            kind = kinds.get(record["type"])
            if kind is not None:
                extra = record.get("extra")
                if extra is not None:
                    extras[len(actions)] = extra
                payload, t = record["payload"], record["t"]
                actions.append(make_action(kind, payload, float(t)))
                if "saved" in record:
                    saved = {"name": payload["name"], "attempt": payload["attempt"], **record["saved"]}
                    actions.append(make_action(a.PHASE_SAVED, saved, float(t)))
            else:
                _read_note(path, content[at:stop], record, journalled)
        except (KeyError, TypeError, ValueError, AttributeError):  # a good checksum, and yet not what we write
            break
        at, n = stop + 1, n + 1
    journalled.good_bytes, journalled.next_n = at, n
    if at < end:
        _describe_damage(content, at, n, journalled)


def _read_note(path: Path, line: bytes, record: dict[str, Any], journalled: Journalled) -> None:
    kind = record["type"]
    if kind == OWNER:
        _check_schema(path, line, record)
        journalled.owners.append(record)
    elif kind == DECLARED:
        journalled.declared.append((len(journalled.actions), record["declared"]))
    elif kind == GAP:
        journalled.missed += int(record["missed"])


def _describe_damage(content: bytes, at: int, n: int, journalled: Journalled) -> None:
    rest = content[at:].split(b"\n")
    journalled.is_torn = not any(parse_line(line) for line in rest[1:])
    what = "its end is torn" if journalled.is_torn else f"record {n} cannot be read"
    journalled.damage = f"{what}: {len(content) - at:,} of {len(content):,} bytes are left out"


def _is_header(header: dict[str, Any]) -> bool:
    facts = (
        ("pipeline", str),
        ("session_id", str),
        ("declared", dict),
        ("wall", (int, float)),
        ("clock", (int, float)),
    )
    return header.get("type") == HEADER and all(isinstance(header.get(name), kind) for name, kind in facts)


def _check_schema(path: Path, line: bytes, record: dict[str, Any] | None) -> None:
    """Refuse what a newer version wrote, also if it no longer has our checksum; not what only looks so by damage."""
    if record is None and b',"crc":' not in line:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            return
    schema = record.get("schema") if isinstance(record, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise SchemaError(path, schema, SCHEMA)


def _open(path: Path, flags: int = 0) -> int:
    safe = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    return os.open(path, os.O_RDWR | os.O_APPEND | flags | safe, 0o600)


def _keep_bad(path: Path, good_bytes: int) -> str:
    """Keep a damaged journal whole under another name and put its good part in its place; return that name."""
    n = 1
    while (bad := path.with_name(f"{path.name}.bad-{n}")).exists():
        n += 1
    content = read_regular(path)
    replace_file(bad, content)
    replace_file(path, content[:good_bytes])
    return bad.name
