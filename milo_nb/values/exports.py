"""The result of a phase whose body is a cell: the names that the body bound, and its last expression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from milo_nb.errors import available

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Exports:
    """Names and their values, as attributes (``result.df``) and as items (``result["df"]``). It cannot be changed.

    Has no public methods, so that no name of a person's can hide one; ``vars(result)`` is all of it as a dict.

    Attributes:
        _: The value of the body's last expression; None if it ended with a statement.
    """

    _: Any = None

    def __init__(self, names: Mapping[str, Any], value: Any = None) -> None:
        """Hold `names`, and `value` as ``_``."""
        vars(self).update(names)
        if value is not None:
            vars(self)["_"] = value

    def __getattr__(self, name: str) -> NoReturn:
        """Say what there is instead; asked only for what is not there."""
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(self._nothing(name))

    def __getitem__(self, name: str) -> Any:
        """Return the value of a name.

        Raises:
            KeyError: If there is no such name.
        """
        if name in vars(self) or name == "_":
            return getattr(self, name)
        raise KeyError(self._nothing(name))

    def _nothing(self, name: str) -> str:
        return f"There is no '{name}'. {available('names', str(name), list(self))}"

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: the phases that come after share it."""
        raise AttributeError(f"A phase's result cannot be changed: '{name}' was not set.")

    def __delattr__(self, name: str) -> None:
        """Refuse, as above."""
        raise AttributeError(f"A phase's result cannot be changed: '{name}' was not deleted.")

    def __iter__(self) -> Iterator[str]:
        """Go over the names, without ``_``."""
        return (name for name in vars(self) if name != "_")

    def __len__(self) -> int:
        """Return how many names there are."""
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        """Tell whether a name is there."""
        return name != "_" and name in vars(self)

    def __bool__(self) -> bool:
        """Count as true, even if there are no names: it is a result."""
        return True

    def __repr__(self) -> str:
        """Show names and types."""
        shown = ", ".join(f"{name}: {type(value).__name__}" for name, value in vars(self).items())
        return f"<Exports {shown or 'nothing'}>"

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)
