"""One attribute of somebody else's class or module, replaced while capture is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Patch:
    """Replaces ``owner.name`` by ``wrap(original)``, and puts the original back.

    If somebody has replaced it again meanwhile, theirs stays: it may call ours, which then only passes
    through, because no context has a sink.
    """

    def __init__(self, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
        self._owner = owner
        self._name = name
        self._wrap = wrap
        self._original: Any = None
        self._ours: Any = None

    def install(self) -> None:
        """Put the wrapper in place."""
        self._original = vars(self._owner)[self._name]
        self._ours = self._wrap(self._original)
        setattr(self._owner, self._name, self._ours)

    def uninstall(self) -> None:
        """Put the original back, if the wrapper is still there."""
        if vars(self._owner).get(self._name) is self._ours:
            setattr(self._owner, self._name, self._original)
        self._original = self._ours = None
