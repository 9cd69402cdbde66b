"""Displays in IPython without a kernel, and where there is no IPython, or one that is not as expected."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import milo_nb.capture
from milo_nb.capture.display import live_shell
from milo_nb.capture.router import installed

ROOT = Path(milo_nb.capture.__file__).parents[2]

IN_A_TERMINAL = """
import contextvars, json
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import clear_output, display, update_display
from milo_nb.capture.router import CURRENT_SINK, Sink, installed
InteractiveShell.instance()
shown, lines = [], []
def phase():
    sink = Sink(lambda blocks, late: lines.extend(line for block in blocks for line in block.lines), lambda: 0.0,
                lambda output, late: shown.append(output))
    CURRENT_SINK.set(sink)
    display(1, display_id='a'); update_display(2, display_id='a'); clear_output(wait=True); display({})
    sink.close()
with installed():
    contextvars.copy_context().run(phase)
    display('outside')
display('after')
print(json.dumps([shown, lines]))
"""


def run(code: str) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(ROOT / ".pytest_cache" / "ipython")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_in_a_terminal_displays_of_a_phase_are_outputs_and_those_of_others_are_printed() -> None:
    *printed, last = run(IN_A_TERMINAL)
    assert printed == ["'outside'", "'after'"]
    shown, lines = json.loads(last)
    assert lines == []
    assert [(output[0].get("text/plain"), *output[2:]) for output in shown] == [
        ("1", "a", False, False, False),
        ("2", "a", True, False, False),
        (None, None, False, True, True),
        ("{}", None, False, False, False),
    ]


def test_without_ipython_it_is_not_loaded_and_display_prints_into_the_log() -> None:
    code = (
        "import sys; from milo_nb.capture.router import installed\n"
        "with installed(): print(*[name for name in ('IPython', 'matplotlib', 'tqdm', 'bdb') if name in sys.modules])"
    )
    assert run(code) == [""]


@pytest.mark.parametrize("shell", [types.SimpleNamespace(), types.SimpleNamespace(display_pub=None)])
def test_a_shell_that_is_not_as_expected_is_left_alone(monkeypatch: pytest.MonkeyPatch, shell: Any) -> None:
    kind = types.SimpleNamespace(initialized=lambda: True, instance=lambda: shell)
    module = types.SimpleNamespace(InteractiveShell=kind)
    monkeypatch.setitem(sys.modules, "IPython.core.interactiveshell", module)  # type: ignore[arg-type]
    before = dict(vars(shell))
    with installed():
        assert live_shell() is shell
    assert vars(shell) == before


class _Publisher:
    """As older publishers: everything may come by position."""

    def __init__(self) -> None:
        self.published: list[tuple[Any, ...]] = []

    def publish(self, data: Any, metadata: Any = None, transient: Any = None, update: bool = False) -> None:
        self.published.append((data, metadata, transient, update))


def test_what_comes_by_position_is_understood(monkeypatch: pytest.MonkeyPatch, phase: Any) -> None:
    publisher = _Publisher()
    shell = types.SimpleNamespace(display_pub=publisher)
    kind = types.SimpleNamespace(initialized=lambda: True, instance=lambda: shell)
    module = types.SimpleNamespace(InteractiveShell=kind)
    monkeypatch.setitem(sys.modules, "IPython.core.interactiveshell", module)  # type: ignore[arg-type]
    taken: list[Any] = []
    monkeypatch.setattr(type(phase.sink), "output", lambda _sink, output: taken.append(output))
    with installed():
        phase.run(lambda: publisher.publish({"text/plain": "a"}, None, {"display_id": "x"}, True))
        publisher.publish({"text/plain": "b"})
    assert [(output.display_id, output.update) for output in taken] == [("x", True)]
    assert publisher.published == [({"text/plain": "b"}, None, None, False)]
