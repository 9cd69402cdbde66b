"""Sessions over the deaths of real kernels: killed, found again, gone on with, looked at and steered from another one."""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.manager import start_new_kernel

from tests import kernels
from tests.strategies import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
TIMEOUT_S = 60
SHOP = """%%milo shop {options}
import os, threading
@phase
def load():
    print("loading in", os.getpid())
    return [3, 1, 2]
@phase
def clean(load): return sorted(load)
@phase
def train(clean):
    threading.Event().wait(0 if os.path.exists("ready") else 60)
    return sum(clean)
@phase
def report(train): return f"{{train}} in all"
"""
BODIES = (
    "%%milo shop.load\nrows = [rate, 1]",
    "%%milo shop.parse --after load\ntotal = sum(rows)",
    "%%milo shop.save --after parse\nimport os, threading\nthreading.Event().wait(0 if os.path.exists('ready') else 60)",
)
KEPT = r"2 of 4 phases saved, \d+ (?:s|ms) ago"


class Kernel:
    """A kernel and the person, or the program, at it."""

    def __init__(self, folder: Path, *, person: bool) -> None:
        self.person = person
        self.manager, self.client = start_new_kernel(
            kernel_name="python3",
            extra_arguments=["--log-level=ERROR"],
            env=kernels.environment() | {"IPYTHONDIR": str(folder / "ipython")},
            cwd=str(folder),
        )
        self.run("%load_ext milo_nb\nimport milo_nb.show.notebook.widget as w; w.read_bundle = lambda name: '/* */'")

    def run(self, cell: str, *, status: str = "ok") -> str:
        """Run a cell; return what it showed as text."""
        out: list[str] = []

        def note(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                out.append(content["text"])
            elif message["msg_type"] == "error":
                out.append("\n".join(content["traceback"]))
            elif message["msg_type"] == "execute_result":
                out.append(content["data"]["text/plain"])

        reply = self.client.execute_interactive(
            cell, output_hook=note, timeout=TIMEOUT_S, allow_stdin=self.person, stdin_hook=lambda _: None
        )
        text = re.sub(r"\x1b\[[0-9;]*m", "", "".join(out)).strip()
        assert reply["content"]["status"] == status, text
        return text

    def fail(self, cell: str) -> str:
        """Run a cell that fails; return what it showed."""
        return self.run(cell, status="error")

    def wait_for(self, line: str, text: str) -> str:
        """Run a line again and again until it shows a text; return all it showed then."""
        said = ""

        def is_said() -> bool:
            nonlocal said
            said = self.run(line)
            return re.search(text, said) is not None

        wait_until(is_said)
        return said

    def kill(self) -> None:
        """End it without a word."""
        os.kill(self.manager.provisioner.pid, signal.SIGKILL)
        self.close()

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Kernel]]:
    """Starts kernels in one folder."""
    started: list[Kernel] = []

    def start(*, person: bool = True) -> Kernel:
        started.append(Kernel(tmp_path, person=person))
        return started[-1]

    yield start
    for kernel in started:
        kernel.close()


@pytest.fixture
def killed(start: Callable[..., Kernel]) -> Kernel:
    """A kernel that ran `shop`, and was killed while `train` ran."""
    kernel = start()
    kernel.run(SHOP.format(options="-p rate=2"))
    kernel.wait_for("%milo results shop", r"load .*yes[^\n]*\nclean .*yes[^\n]*\ntrain +running")
    kernel.kill()
    return kernel


def test_a_killed_kernel_costs_only_what_was_running(
    killed: Kernel, start: Callable[..., Kernel], tmp_path: Path
) -> None:
    kernel = start()
    listed = kernel.run("%milo runs").splitlines()[1].split()
    session = listed[0]
    assert (listed[1], listed[4], listed[5]) == ("shop", "interrupted", "2/4")
    assert re.search(rf"its session {session} is on disk \(interrupted, {KEPT}\)", kernel.fail("%milo resume shop"))
    assert "`shop_results` has 2 of 4 results" in kernel.run("%milo pull shop")
    assert kernel.run("shop_results['clean']") == "[1, 2, 3]"
    kernel.run(SHOP.format(options="--define"))
    assert "keep     clean   completed" in kernel.run("%milo resume shop --dry-run")
    (tmp_path / "ready").touch()
    assert kernel.run("%milo resume") == f"continued {session}: runs train, report; 2 kept"
    assert kernel.run("shop.wait(60).results['report']") == "'6 in all'"
    assert kernel.run("%milo logs shop load").startswith("loading in ")
    assert len(kernel.run("%milo logs shop load").splitlines()) == 1
    assert kernel.run("%milo runs shop").splitlines()[1].split()[3:5] == ["completed", "4/4"]


def test_a_cell_that_runs_in_a_new_kernel_starts_anew_and_offers_the_old_session(
    killed: Kernel, start: Callable[..., Kernel], tmp_path: Path
) -> None:
    kernel = start()
    said = kernel.run(SHOP.format(options=""))
    offered = re.fullmatch(
        rf"An earlier session was interrupted: {KEPT}\. %milo resume shop (\w+) goes on in it, after %milo cancel shop\.",
        said,
    )
    assert offered, said
    kernel.run("%milo cancel shop")
    (tmp_path / "ready").touch()
    assert f"continued {offered[1]}: runs train, report; 2 kept" in kernel.run(f"%milo resume shop {offered[1]}")
    assert kernel.run("shop.wait(60)") == "shop: completed (4 completed)"


def test_a_program_goes_on_with_resume_and_asks_nothing(
    killed: Kernel, start: Callable[..., Kernel], tmp_path: Path
) -> None:
    (tmp_path / "ready").touch()
    kernel = start(person=False)
    said = kernel.run(
        SHOP.format(options="--resume").replace("sorted(load)", "sorted(load, reverse=True)")
    ).splitlines()
    assert re.fullmatch(r"continued \w+: 1 kept\. Start anew with: %%milo shop --fresh", said[0])
    assert said[1] == "shop: completed (4 completed)"
    assert kernel.run("shop.results['clean']") == "[3, 2, 1]"


def test_a_person_is_asked_what_changed_code_means(
    killed: Kernel, start: Callable[..., Kernel], tmp_path: Path
) -> None:
    (tmp_path / "ready").touch()
    kernel = start()
    changed = SHOP.format(options="--resume").replace("sorted(load)", "sorted(load, reverse=True)")
    assert kernel.run(changed).splitlines() == [
        "'shop' is not what it was when its results were saved:",
        "  clean: edited `clean`",
        "Which is it?",
        "  %milo resume shop --stale rerun   runs it again, and what follows",
        "  %milo resume shop --stale reuse   keeps the saved result",
    ]
    assert kernel.run("%milo resume shop --stale reuse") == "shop: resume runs train, report; 2 kept"
    assert kernel.run("shop.wait(60).results['clean']") == "[1, 2, 3]"


def test_cells_that_are_phases_go_on_in_a_new_kernel(start: Callable[..., Kernel], tmp_path: Path) -> None:
    kernel = start()
    kernel.run("rate = 2\nrows = 'of the notebook'")
    for cell in BODIES:
        kernel.run(cell)
    kernel.run("%milo run shop")
    kernel.wait_for("%milo results shop", r"parse .*yes[^\n]*\nsave +running")
    kernel.kill()
    (tmp_path / "ready").touch()
    kernel = start()
    kernel.run("rate = 2\nrows = 'of another day'")
    for cell in BODIES:
        kernel.run(cell)
    assert "runs save; 2 kept" in kernel.run("%milo resume shop")
    assert kernel.run("shop.wait(60)") == "shop: completed (3 completed)"
    assert "'shop.load' is defined, as it was." in kernel.run(BODIES[0])


def test_a_session_is_looked_at_and_steered_from_another_kernel(start: Callable[..., Kernel], tmp_path: Path) -> None:
    owner, other = start(), start()
    owner.run(SHOP.format(options=""))
    owner.wait_for("%milo results shop", r"clean .*yes")
    pid = owner.run("os.getpid()")
    session = other.run("%milo runs").splitlines()[1].split()[0]
    assert f"process {pid}" in other.run("%milo runs")
    assert other.run("%milo attach") == f"shop: running, session {session}, process {pid}. `shop` looks at it."
    assert other.run("%milo status shop").startswith(f"shop (session {session}, process {pid}): running 50%")
    assert other.run("%milo logs shop load").startswith(f"loading in {pid}")
    assert other.run("%milo pause shop") == f"shop (session {session}, process {pid}): pause; train may end"
    assert "pausing" in owner.run("%milo status shop")
    assert "The session is paused already." in other.fail(f"%milo pause shop --session {session}")
    other.run(SHOP.format(options="--define"))
    refused = other.fail(f"%milo resume shop {session}")
    assert re.search(rf"Session {session}\S* is run by process {pid} on .* since ", refused)
    assert f"Session {session} runs in another kernel" in other.fail("%milo resume shop")
    assert other.run(f"%milo cancel shop --session {session}").startswith(
        f"shop (session {session}, process {pid}): cancel stops train"
    )
    assert "cancelled" in owner.run("shop.wait(60)")
    owner.kill()
    (tmp_path / "ready").touch()
    assert f"continued {session}: runs train, report; 2 kept" in other.run("%milo resume shop")
    assert other.run("shop.wait(60)") == "shop: completed (4 completed)"


def test_a_front_end_is_offered_sessions(killed: Kernel, start: Callable[..., Kernel]) -> None:
    kernel = start()
    session = kernel.run("%milo runs").splitlines()[1].split()[0]
    for text in ("%milo pull shop --session ", "%%milo shop --resume ", "%milo resume shop "):
        reply = kernel.client.complete(text, len(text), reply=True, timeout=TIMEOUT_S)["content"]
        assert reply["matches"] == [session], text
    reply = kernel.client.complete("%milo runs s", len("%milo runs s"), reply=True, timeout=TIMEOUT_S)["content"]
    assert reply["matches"] == ["shop"]
