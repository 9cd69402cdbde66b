"""■ while a ``%%milo`` cell is at work, at the worst of all moments."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from tests.show.conftest import Notebook

SITE = """%%milo site
@phase
def load():
    return 3
@phase
def parse(load):
    return load * 2
"""


def test_what_an_interrupted_cell_has_started_is_bound_and_goes_on(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.raise_signal(signal.SIGINT)
        usual(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        assert "KeyboardInterrupt" in notebook.fail(SITE)
    assert notebook.names["site"].wait(60).results == {"load": 3, "parse": 6}
    assert notebook.run(SITE) == "site: completed (2 completed)"


def test_an_interrupt_of_the_body_starts_nothing_and_leaves_the_phases_of_before(notebook: Notebook) -> None:
    notebook.run(SITE)
    before = notebook.names["site"]
    changed = SITE.replace("* 2", "* 4") + "import signal; signal.raise_signal(signal.SIGINT)"
    assert "KeyboardInterrupt" in notebook.fail(changed)
    assert notebook.names["site"] is before
    assert notebook.names["parse"].handler(1) == 2
