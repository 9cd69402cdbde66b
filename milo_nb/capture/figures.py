"""Each phase has pyplot's figures to itself, and those left open at its end become its outputs.

pyplot keeps its figures in one ordered dict of the process, ``matplotlib._pylab_helpers.Gcf.figs`` (private, the same
since matplotlib 3.1). While capture is installed an object stands there that asks the context: in a phase, its
threads included, it is the phase's own dict, elsewhere the one that was there. Where matplotlib keeps no such dict the
figures stay shared, and those left open are shown by nobody.
"""

from __future__ import annotations

import io
import sys
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from milo_nb.capture.display import live_shell
from milo_nb.capture.importing import Awaited
from milo_nb.capture.outputs import make_output
from milo_nb.capture.patch import Patch
from milo_nb.capture.shown import CURRENT_SINK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milo_nb.capture.sink import Sink


class _OwnFigures:
    """The figures of one attempt."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.figures: OrderedDict[Any, Any] = OrderedDict()

    def end(self) -> None:
        """Show what is open, as a cell does at its end, and close it."""
        if not self.figures:
            return
        token = CURRENT_SINK.set(self._sink)
        try:
            inline = sys.modules.get("matplotlib_inline.backend_inline")
            if live_shell() is not None and inline is not None and _is_inline():
                inline.show(close=True)
            else:
                self._draw_all()
        except Exception as error:  # noqa: BLE001 - a figure that cannot be drawn does not fail its phase
            self._sink.record("ERROR", f"A figure could not be drawn: {type(error).__name__}: {error}")
        finally:
            CURRENT_SINK.reset(token)
            self.figures.clear()

    def _draw_all(self) -> None:
        for manager in list(self.figures.values()):
            figure = manager.canvas.figure
            file = io.BytesIO()
            figure.savefig(file, format="png", bbox_inches="tight")
            self._sink.output(make_output({"image/png": file.getvalue(), "text/plain": str(figure)}))
            with suppress(Exception):
                sys.modules["matplotlib._pylab_helpers"].Gcf.destroy(manager)


def _is_inline() -> bool:
    matplotlib = sys.modules.get("matplotlib")
    return matplotlib is not None and str(matplotlib.get_backend()).endswith("inline")


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


HOOKS: Final = (Awaited("matplotlib._pylab_helpers", _make_patches),)
