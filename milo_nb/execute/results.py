"""The results of a session: at hand, or on disk until somebody asks for one."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from milo_nb.errors import ResultNotAvailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping


class Results(MutableMapping[str, Any]):
    """Phase name to value. What is only on disk is loaded when it is asked for. Any thread."""

    __slots__ = ("_live", "_load", "_saved", "_wrote")

    def __init__(self) -> None:
        """Begin with none."""
        self._live: dict[str, Any] = {}
        self._saved: dict[str, Mapping[str, Any]] = {}
        self._wrote: dict[str, tuple[str, ...]] = {}
        self._load: Callable[[Mapping[str, Any]], Any] | None = None

    def back_with(self, load: Callable[[Mapping[str, Any]], Any]) -> None:
        """Load with `load`, which takes what PHASE_SAVED said of a result, from now on."""
        self._load = load

    def saved(self, record: Mapping[str, Any]) -> None:
        """Take note that a result is on disk."""
        self._saved[record["name"]] = record

    def renew(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Take note of all that is on disk now: what was another result before is let go of."""
        now = {record["name"]: record for record in records}
        self.forget([name for name in self if self._saved.get(name) != now.get(name)])
        self._saved.update(now)

    def record(self, name: str) -> Mapping[str, Any] | None:
        """Return what PHASE_SAVED said of a phase's result, or None if it is not on disk."""
        return self._saved.get(name)

    def wrote(self, name: str, digests: tuple[str, ...]) -> None:
        """Take note of the content of files that came with a result, which PHASE_SAVED will tell of later or never."""
        self._wrote[name] = digests

    def files(self, name: str) -> tuple[str, ...]:
        """Return the digests of the files that came with a result: what dependants may read beside it."""
        record = self._saved.get(name)
        return self._wrote.get(name, ()) if record is None else tuple(f[2] for f in record.get("files", ()))

    def is_at_hand(self, name: str) -> bool:
        """Tell whether a value is in memory."""
        return name in self._live

    def forget(self, names: Iterable[str]) -> None:
        """Let go of results: those of phases that are to run again."""
        for name in names:
            for known in (self._live, self._saved, self._wrote):
                known.pop(name, None)

    def reload(self, names: Iterable[str]) -> None:
        """Have results that are on disk loaded anew when they are asked for: an attempt may have changed the objects."""
        for name in names:
            if name in self._saved:
                self._live.pop(name, None)

    def copied(self, names: Iterable[str] | None = None) -> Results:
        """Return the results as they are now, or those of `names` that are there; what is on disk is not loaded."""
        made = Results()
        wanted = set(self) if names is None else set(names)
        made._live = {name: value for name, value in tuple(self._live.items()) if name in wanted}
        made._saved = {name: record for name, record in tuple(self._saved.items()) if name in wanted}
        made._load = self._load
        return made

    def __repr__(self) -> str:
        """Show what is at hand like a dict, and that the rest is on disk."""
        told = [f"{name!r}: {self._live[name]!r}" if name in self._live else f"{name!r}: <on disk>" for name in self]
        return f"{{{', '.join(told)}}}"

    def __getitem__(self, name: str) -> Any:
        """Return a result.

        Raises:
            KeyError: If there is none.
            ResultRefusedError: If it is only on disk, and damaged, missing or foreign there.
            ResultNotAvailableError: (a ``LookupError``) If there is not enough memory for it; it stays on disk.
        """
        try:
            return self._live[name]
        except KeyError:
            record = self._saved.get(name)
            if record is None or self._load is None:
                raise
        try:
            value = self._load(record)
        except MemoryError as e:
            size = f"{record.get('size', 0):,} bytes on disk"
            raise ResultNotAvailableError(
                f"The saved result of '{name}' ({size}) cannot be loaded: there is not enough memory. Nothing is lost: "
                "free some, or restart the kernel, and resume again."
            ) from e
        return self._live.setdefault(name, value)

    def __setitem__(self, name: str, value: Any) -> None:
        """Keep a new result; what was on disk is not it."""
        self._live[name] = value
        self._saved.pop(name, None)

    def __delitem__(self, name: str) -> None:
        """Let go of a result."""
        if name not in self:
            raise KeyError(name)
        self.forget((name,))

    def __contains__(self, name: object) -> bool:
        """Tell whether there is a result, wherever it is."""
        return name in self._live or name in self._saved

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, loading nothing."""
        return iter(dict.fromkeys([*tuple(self._saved), *tuple(self._live)]))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._saved.keys() | self._live.keys())
