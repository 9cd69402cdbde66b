"""Code of a phase cannot ask: input(), getpass(), breakpoint() and pdb fail at once, and say what to do instead.

A phase runs in the background, perhaps with nobody there; a question would hold it for ever, or end in the input box
of a cell that has nothing to do with it. Hooks `builtins.input`, `getpass.getpass`, `sys.breakpointhook` and
`bdb.Bdb.set_trace`. In a kernel, ipykernel (6.31 to 7.4) puts methods of its own in the place of the first two for the
time of each cell: these are hooked in their class, and what it has put aside is wrapped too. Where ipykernel is not as
expected its own answer stands: an error that it cannot ask, or the input box of a cell.
"""

from __future__ import annotations

import builtins
import sys
from typing import TYPE_CHECKING, Any, Final

from milo_nb.capture.display import find_patches, live_shell
from milo_nb.capture.importing import Awaited
from milo_nb.capture.patch import Patch
from milo_nb.capture.shown import CURRENT_SINK
from milo_nb.errors import NoInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_INSTEAD: Final = (
    "Give the value as a parameter (-p name=value, which a handler takes as a parameter `name`), "
    "or let a person look in between: review=True on a phase pauses the session after it."
)


def _refuse_to_ask(what: str, prompt: object = "") -> None:
    if CURRENT_SINK.get() is not None:
        asked = f" for {str(prompt).strip()!r}" if str(prompt).strip() else ""
        raise NoInputError(
            f"{what} was called{asked} in a phase, which runs in the background and cannot ask. {_INSTEAD}"
        )


def _refuse_to_stop(what: str) -> None:
    if CURRENT_SINK.get() is not None:
        raise NoInputError(
            f"{what} was called in a phase, which runs in the background and has no debugger. "
            f"Call the phase's function in a cell to debug it. {_INSTEAD}"
        )


def _asking(what: str) -> Callable[[Callable[..., str]], Callable[..., str]]:
    def wrap(original: Callable[..., str]) -> Callable[..., str]:
        def ask(prompt: object = "", /, *args: Any, **options: Any) -> str:
            _refuse_to_ask(what, options.get("prompt", prompt))
            return original(*((prompt,) if prompt != "" else ()), *args, **options)

        ask.milo_original = original  # type: ignore[attr-defined]
        return ask

    return wrap


def _asking_method(what: str) -> Callable[[Callable[..., str]], Callable[..., str]]:
    def wrap(original: Callable[..., str]) -> Callable[..., str]:
        def ask(kernel: Any, prompt: object = "", *args: Any, **options: Any) -> str:
            _refuse_to_ask(what, prompt)
            return original(kernel, prompt, *args, **options)

        return ask

    return wrap


def _stopping(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def stop(*args: Any, **options: Any) -> Any:
            _refuse_to_stop(what)
            return original(*args, **options)

        return stop

    return wrap


_WRAP_INPUT: Final = _asking("input()")
_WRAP_GETPASS: Final = _asking("getpass()")


class _AskHook:
    """Wraps every place where the functions stand that ask."""

    def __init__(self) -> None:
        self._patches: list[Patch] = []

    def install(self) -> None:
        for owner, name, wrap in self._places():
            value = getattr(owner, name, None)
            if callable(value) and not hasattr(value, "milo_original"):
                setattr(owner, name, wrap(value))
        kernel = getattr(live_shell(), "kernel", None)
        if kernel is not None:
            wrappers = {"raw_input": _asking_method("input()"), "getpass": _asking_method("getpass()")}
            self._patches = list(find_patches(kernel, wrappers))
            for patch in self._patches:
                patch.install()

    def uninstall(self) -> None:
        for owner, name, _ in self._places():
            original = getattr(getattr(owner, name, None), "milo_original", None)
            if original is not None:
                setattr(owner, name, original)
        while self._patches:
            self._patches.pop().uninstall()

    @staticmethod
    def _places() -> Iterator[tuple[Any, str, Callable[..., Any]]]:
        yield builtins, "input", _WRAP_INPUT
        if "getpass" in sys.modules:
            yield sys.modules["getpass"], "getpass", _WRAP_GETPASS
        kernel = getattr(live_shell(), "kernel", None)
        if kernel is not None:
            yield kernel, "_sys_raw_input", _WRAP_INPUT  # what a cell puts back at its end
            yield kernel, "_save_getpass", _WRAP_GETPASS


def _make_getpass_patches(module: Any) -> Iterator[Patch]:
    if not hasattr(module.getpass, "milo_original"):  # loaded since; else `_AskHook` has wrapped it
        yield Patch(module, "getpass", _WRAP_GETPASS)


def _make_debugger_patches(module: Any) -> Iterator[Patch]:
    yield Patch(module.Bdb, "set_trace", _stopping("A debugger"))


HOOKS: Final = (
    _AskHook(),
    Patch(sys, "breakpointhook", _stopping("breakpoint()")),
    Awaited("getpass", _make_getpass_patches),
    Awaited("bdb", _make_debugger_patches),
)
