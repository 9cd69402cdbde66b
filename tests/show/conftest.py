"""A shell with the magics, and a person at it if the test asks for one."""

from __future__ import annotations

import gc
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from milo_nb.execute.executor import PipelineExecutor
from milo_nb.show.magic.made import release
from milo_nb.show.notebook import bundle, interactive

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Notebook:
    """Runs cells, and tells what they showed."""

    def __init__(self, shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
        self.shell = shell
        self.names = shell.user_ns
        self._capsys = capsys

    def run(self, cell: str) -> str:
        """Run a cell that succeeds; return what it printed."""
        result = self.shell.run_cell(cell)
        out = self._out()
        assert result.success, out
        return out

    def fail(self, cell: str) -> str:
        """Run a cell that fails; return what it showed."""
        result = self.shell.run_cell(cell)
        assert not result.success
        return self._out()

    def _out(self) -> str:
        captured = self._capsys.readouterr()
        return ANSI.sub("", captured.out + captured.err).strip()

    def arrive(self) -> None:
        """A person sits down at a front end."""
        self.shell.kernel = SimpleNamespace(get_parent=lambda channel: {"content": {"allow_stdin": True}})

    def leave(self) -> None:
        self.shell.kernel = None
        interactive._heard = False


@pytest.fixture(scope="session")
def ipython(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InteractiveShell]:
    config = Config()
    config.HistoryManager.enabled = False
    config.BaseIPythonApplication.ipython_dir = config.InteractiveShell.ipython_dir = str(
        tmp_path_factory.mktemp("ipython")
    )
    shell = InteractiveShell.instance(config=config)
    shell.run_line_magic("colors", "nocolor")
    yield shell
    InteractiveShell.clear_instance()


@pytest.fixture
def notebook(
    ipython: InteractiveShell,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> Iterator[Notebook]:
    monkeypatch.chdir(tmp_path)
    made = Notebook(ipython, capsys)
    made.leave()
    made.run("%load_ext milo_nb")
    yield made
    made.leave()
    for executor in [v for v in made.names.values() if isinstance(v, PipelineExecutor)]:
        release(executor)
    ipython.run_line_magic("unload_ext", "milo_nb")
    ipython.reset(new_session=False)
    gc.collect()


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle, whether the front end has been built or not."""
    monkeypatch.setattr("milo_nb.show.notebook.widget.read_bundle", lambda name: f"/* {name} */")
    bundle.read_bundle.cache_clear()
