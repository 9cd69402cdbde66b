"""A phase, as the capture room sees one: a context with a sink."""

import contextvars
import threading
import time
from collections.abc import Callable, Generator, Iterator

import pytest

from milo_nb.capture import drain
from milo_nb.capture.router import CURRENT_SINK, Block, Sink, drain_now, installed
from tests import kernels
from tests.capture.kernel import SETUP, Kernel


class Phase:
    """Runs functions as one attempt of a phase and keeps what comes out."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.late: list[Block] = []
        self.clock = 0.0
        self.sink = Sink(self._emit, lambda: self.clock)

    def _emit(self, blocks: list[Block], late: bool) -> None:
        assert blocks
        (self.late if late else self.blocks).extend(blocks)

    def run(self, function: Callable[[], object]) -> "Phase":
        """Run a part of the attempt."""

        def body() -> None:
            CURRENT_SINK.set(self.sink)
            function()

        contextvars.copy_context().run(body)
        return self

    def finish(self, function: Callable[[], object] = lambda: None) -> "Phase":
        """Run the rest of the attempt and end it."""
        self.run(function)
        self.sink.close()
        return self

    def wait_for(self, blocks: list[Block]) -> None:
        """Wait until output that another thread or process brings has come to this list."""
        deadline = time.monotonic() + 30
        while not blocks:
            assert time.monotonic() < deadline
            drain_now()
            threading.Event().wait(0.001)

    def lines(self, stream: str = "stdout") -> list[str]:
        return [line for block in self.blocks if block.stream == stream for line in block.lines]

    @property
    def all(self) -> list[tuple[str, str, str]]:
        return [(block.stream, block.level, line) for block in self.blocks for line in block.lines]


@pytest.fixture
def phase() -> Phase:
    return Phase()


@pytest.fixture
def new_phase() -> type[Phase]:
    return Phase


@pytest.fixture
def capture() -> None:
    """Ask for capture to be installed while the test's body runs.

    Not while fixtures are set up: in between, pytest replaces the standard streams.
    """


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    if "capture" not in pyfuncitem.fixturenames:
        return (yield)
    with pytest.MonkeyPatch.context() as patch, installed():
        # Tests say themselves when to drain.
        patch.setattr(drain, "DRAIN_INTERVAL_S", 3600)
        return (yield)


@pytest.fixture(scope="module", params=[kernels.OWN, kernels.OLDEST])
def kernel(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    """A kernel with capture installed: tests that ask for one run on the newest ipykernel and on the oldest."""
    kernel = Kernel(request.param)
    try:
        kernel.run(SETUP)
        kernel.run("install()")
        yield kernel
    finally:
        kernel.stop()
