"""Each phase has pyplot's figures to itself, and those left open at its end become its outputs.

pyplot keeps its figures in one ordered dict of the process, ``matplotlib._pylab_helpers.Gcf.figs`` (private, the same
since matplotlib 3.1). While capture is installed an object stands there that asks the context: in a phase, its
threads included, it is the phase's own dict, elsewhere the one that was there. Where matplotlib keeps no such dict the
figures stay shared, and those left open are shown by nobody.

``matplotlib.pyplot.show`` is hooked for all backends but IPython's inline one, which displays what a phase shows.
"""

from __future__ import annotations

import io
import sys
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from milo_nb.capture.display import live_shell
from milo_nb.capture.importing import Awaited
from milo_nb.capture.outputs import make_output
from milo_nb.capture.patch import Patch
from milo_nb.capture.shown import CURRENT_SINK
from milo_nb.errors import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from milo_nb.capture.sink import Sink


class _OwnFigures:
    """The figures of one attempt."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.figures: OrderedDict[Any, Any] = OrderedDict()

    def end(self) -> None:
        """Show what is left open, as a cell does at its end."""
        if self.figures:
            token = CURRENT_SINK.set(self._sink)
            try:
                self.show()
            finally:
                CURRENT_SINK.reset(token)

    def show(self) -> None:
        """Show all figures, and close them; in the attempt's context."""
        inline = _inline_backend()
        if inline is not None:
            inline.show(close=True)  # in the formats that the person has set
        for manager in list(self.figures.values()):
            try:
                self._draw(manager)
            except Exception as error:  # noqa: BLE001 - a figure that cannot be drawn does not fail its phase
                self._sink.record("ERROR", f"A figure could not be drawn: {in_words(error)}")
        self.figures.clear()

    def _draw(self, manager: Any) -> None:
        figure = manager.canvas.figure
        file = io.BytesIO()
        figure.savefig(file, format="png", bbox_inches="tight")
        self._sink.output(make_output({"image/png": file.getvalue(), "text/plain": str(figure)}))
        sys.modules["matplotlib._pylab_helpers"].Gcf.destroy(manager)


def _inline_backend() -> Any:
    """Return IPython's backend if it shows figures, and shows those of the context, else None."""
    backend, helpers = sys.modules.get("matplotlib_inline.backend_inline"), sys.modules["matplotlib._pylab_helpers"]
    is_used = str(sys.modules["matplotlib"].get_backend()).endswith("inline")
    return backend if is_used and live_shell() is not None and isinstance(helpers.Gcf.figs, _Figures) else None


class _Figures:
    """Stands for pyplot's dict of figures."""

    def __init__(self, shared: OrderedDict[Any, Any]) -> None:
        self._shared = shared

    def _here(self) -> OrderedDict[Any, Any]:
        sink = CURRENT_SINK.get()
        return self._shared if sink is None else sink.own(_OwnFigures).figures

    def __getattr__(self, name: str) -> Any:
        return getattr(self._here(), name)

    def __getitem__(self, key: Any) -> Any:
        return self._here()[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._here()[key] = value

    def __delitem__(self, key: Any) -> None:
        del self._here()[key]

    def __contains__(self, key: object) -> bool:
        return key in self._here()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._here())

    def __reversed__(self) -> Iterator[Any]:
        yield from reversed(self._here())

    def __len__(self) -> int:
        return len(self._here())


def _make_patches(helpers: Any) -> Iterator[Patch]:
    if isinstance(vars(helpers.Gcf).get("figs"), OrderedDict):
        yield Patch(helpers.Gcf, "figs", _Figures)


def _wrap_show(original: Callable[..., Any]) -> Callable[..., Any]:
    def show(*args: Any, **options: Any) -> Any:
        sink = CURRENT_SINK.get()
        if sink is None or _inline_backend() is not None:
            return original(*args, **options)
        # Another backend would open a window, wait for somebody to close it, or warn that it cannot.
        sink.own(_OwnFigures).show()
        return None

    return show


HOOKS: Final = (
    Awaited("matplotlib._pylab_helpers", _make_patches),
    Awaited("matplotlib.pyplot", lambda pyplot: [Patch(pyplot, "show", _wrap_show)]),
)
