"""What a phase displays goes to its sink: display(), plt.show(), updates by display_id, clear_output().

Hooks ``publish`` and ``clear_output`` of the shell's publisher class (IPython's own, and ipykernel's 6.31 to 7.4 that
overrides it), ``write_format_data`` of ipykernel's display hook, which sends the value of a cell that a phase runs (in a
terminal that is printed), and the shell's ``_showtraceback``, by which an object that fails to show itself would send its
traceback to a cell. All are found on the live shell, by name: what is not there is not hooked, and goes where it went
before. Without IPython there is nothing to hook: display() prints then.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from milo_nb.capture.outputs import Output, make_output
from milo_nb.capture.patch import Patch
from milo_nb.capture.shown import CURRENT_SINK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def live_shell() -> Any:
    """Return IPython's shell, or None; does not load IPython."""
    module = sys.modules.get("IPython.core.interactiveshell")
    shell = getattr(module, "InteractiveShell", None)
    return shell.instance() if shell is not None and shell.initialized() else None


def cell_of(file: str) -> str | None:
    """Return "Cell [3]" for the file that holds the code of cell 3, else None."""
    shell = live_shell()
    number = None if shell is None else getattr(shell.compile, "_filename_map", {}).get(file)
    return None if number is None else f"Cell [{number}]"


def _sending_hook(shell: Any) -> Any:
    """Return the class of the display hook that sends to a front end, ``object`` if the shell's prints."""
    hook = getattr(shell, "displayhook", None)
    return type(hook) if hasattr(hook, "pub_socket") else object


def find_patches(live: Any, wrappers: dict[str, Callable[[Any], Any]]) -> Iterator[Patch]:
    """Return patches of methods, each where ``live``, an object or a class, has it: in itself or in a class."""
    kind = live if isinstance(live, type) else type(live)
    for name, wrap in wrappers.items():
        if live is not kind and name in getattr(live, "__dict__", ()):
            yield Patch(live, name, partial(_wrap_bound, live, wrap))
            continue
        owner = next((base for base in kind.__mro__ if name in vars(base)), None)
        if owner is not None:
            yield Patch(owner, name, wrap)


def _wrap_bound(live: Any, wrap: Callable[[Any], Any], bound: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a method that the object itself holds (ipykernel's start leaves ``shell._showtraceback`` like that)."""

    def method(_live: Any, *args: Any, **options: Any) -> Any:
        return bound(*args, **options)

    return partial(wrap(method), live)


class _DisplayHook:
    """Puts the patches on whatever shell there is when capture is installed."""

    def __init__(self) -> None:
        self._patches: list[Patch] = []

    def install(self) -> None:
        shell = live_shell()
        if shell is None:
            return
        # The class it was configured with: `%%capture` puts another publisher in its place for the time of a cell.
        publisher = getattr(shell, "display_pub_class", None) or type(getattr(shell, "display_pub", None))
        self._patches = [
            *find_patches(publisher, {"publish": _wrap_publish, "clear_output": _wrap_clear_output}),
            *find_patches(shell, {"_showtraceback": _wrap_showtraceback}),
            *find_patches(_sending_hook(shell), {"write_format_data": _wrap_write_format_data}),
        ]
        for patch in self._patches:
            patch.install()

    def uninstall(self) -> None:
        while self._patches:
            self._patches.pop().uninstall()


def _wrap_publish(original: Callable[..., None]) -> Callable[..., None]:
    def publish(publisher: Any, data: Any, metadata: Any = None, *rest: Any, **options: Any) -> None:
        sink = CURRENT_SINK.get()
        if sink is None:
            original(publisher, data, metadata, *rest, **options)
            return
        # Older publishers take both by position, others take more.
        transient = options.get("transient") or next((value for value in rest if isinstance(value, dict)), {})
        update = options.get("update", True in rest)
        sink.output(make_output(data, metadata, transient.get("display_id"), update=bool(update)))

    return publish


def _wrap_write_format_data(original: Callable[..., None]) -> Callable[..., None]:
    def write_format_data(hook: Any, format_dict: Any, md_dict: Any = None) -> None:
        sink = CURRENT_SINK.get()
        if sink is None:
            original(hook, format_dict, md_dict)
        else:
            sink.output(make_output(format_dict, md_dict))  # the hook sends nothing where it was given nothing

    return write_format_data


def _wrap_clear_output(original: Callable[..., None]) -> Callable[..., None]:
    def clear_output(publisher: Any, wait: bool = False) -> None:  # noqa: FBT001, FBT002 - IPython's own
        sink = CURRENT_SINK.get()
        if sink is None:
            original(publisher, wait)
        else:
            sink.output(Output({}, clear=True, wait=wait))

    return clear_output


def _wrap_showtraceback(original: Callable[..., None]) -> Callable[..., None]:
    def showtraceback(shell: Any, kind: Any, value: Any, lines: Any) -> None:
        sink = CURRENT_SINK.get()
        if sink is None:
            original(shell, kind, value, lines)
        else:
            sink.record("", lines if isinstance(lines, str) else "\n".join(lines), "stderr")

    return showtraceback


HOOKS: Final = (_DisplayHook(),)
