"""Hooks on libraries that may not be loaded yet: put in when a phase, or anybody, imports the module.

A finder at the head of `sys.meta_path` (documented) finds what the others find, and has the module's loader tell when
it has run. Nothing is imported for a hook's sake. Where a loader does not take the wish, or the module is not as
expected, the hook stays out, and the library works as it does without us.
"""

from __future__ import annotations

import logging
import sys
import threading
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from milo_nb.capture.patch import Patch

_log = logging.getLogger(__name__)
_lock = threading.RLock()
_awaited: dict[str, list[Awaited]] = {}


class Awaited:
    """Patches of one module, put in at once if it is loaded, else when it is."""

    def __init__(self, name: str, make: Callable[[Any], Iterable[Patch]]) -> None:
        """Patch the module ``name``; ``make`` looks at it and returns what to put in, nothing if it is not as expected."""
        self._name = name
        self._make = make
        self._patches: list[Patch] = []

    def install(self) -> None:
        """Put the patches in, now or later."""
        with _lock:
            if self._name in sys.modules:
                self.put_in(sys.modules[self._name])
            else:
                _awaited.setdefault(self._name, []).append(self)
                if _FINDER not in sys.meta_path:
                    sys.meta_path.insert(0, _FINDER)

    def put_in(self, module: ModuleType) -> None:
        """Put the patches in; the module is there."""
        try:
            for patch in self._make(module):
                patch.install()
                self._patches.append(patch)
        except Exception:  # noqa: BLE001 - a library that changed must still be importable
            _log.debug("%s is not as expected; its output may not be captured.", self._name, exc_info=True)

    def uninstall(self) -> None:
        """Take them out, or await the module no longer."""
        with _lock:
            waiting = _awaited.get(self._name, [])
            if self in waiting:
                waiting.remove(self)
                if not waiting:
                    del _awaited[self._name]
            if not _awaited and _FINDER in sys.meta_path:
                sys.meta_path.remove(_FINDER)
            while self._patches:
                self._patches.pop().uninstall()


class _Finder(MetaPathFinder):
    """Finds nothing by itself."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _awaited:
            return None
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(fullname, path, target)) is not None:
                _have_told(spec)
                return spec
        return None


def _have_told(spec: ModuleSpec) -> None:
    """Have the loader put awaited hooks in after it has run the module."""
    loader: Any = spec.loader
    try:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            vars(loader).pop("exec_module", None)  # loaders of archives serve many modules
            execute(module)
            with _lock:
                for hook in _awaited.pop(spec.name, []):
                    hook.put_in(module)

        loader.exec_module = exec_module
    except AttributeError:
        _log.debug("The loader of %s cannot be asked to tell.", spec.name)


_FINDER: Final = _Finder()
