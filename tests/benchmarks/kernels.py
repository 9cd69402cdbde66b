"""The same prints inside a real kernel, against ipykernel's own stream."""

from __future__ import annotations

import json
import queue
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import Benchmark, Options, Row, Spent, per, ratios, take_turns
from jupyter_client.manager import KernelManager

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_S = 120
THREADS = (1, 4)
SETUP = """
import json, sys, threading, time
sys.path[:0] = {paths!r}
from capturing import captured, print_formatted, _side_by_side
from functools import partial

def own(lines, threads):
    _side_by_side([partial(print_formatted, lines // threads)] * threads)
    sys.stdout.flush()

def ours(lines, threads):
    captured(print_formatted, lines, threads, threads)

def measure(run, lines, threads):
    sys.stdout.flush()
    wall, cpu = time.perf_counter(), time.process_time()
    run(lines, threads)
    return json.dumps([time.process_time() - cpu, time.perf_counter() - wall])
"""


class Kernel:
    """A kernel that tells what a run in it took."""

    def __init__(self) -> None:
        """Start a kernel that can import what stands beside this file."""
        self._manager = KernelManager(kernel_name="python3")
        self._manager.start_kernel()
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=TIMEOUT_S)
        here = Path(__file__).parent
        self._run(SETUP.format(paths=[str(here), str(here.parents[1])]))

    def spend(self, run: str, lines: int, threads: int) -> Spent:
        """Return what printing `lines` lines took in the kernel."""
        return Spent(*json.loads(self._run(f"measure({run}, {lines}, {threads})").strip("'")))

    def _run(self, code: str) -> str:
        """Run a cell and take all that it sends; return its last expression."""
        message_id = self._client.execute(code)
        result = ""
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                message = self._client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != message_id:
                continue
            content: dict[str, Any] = message["content"]
            if message["msg_type"] == "execute_result":
                result = content["data"]["text/plain"]
            elif message["msg_type"] == "error":
                raise AssertionError("\n".join(content["traceback"]))
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                return result
        raise AssertionError(f"the kernel has not answered within {TIMEOUT_S} s")

    def close(self) -> None:
        """Stop the kernel."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


def in_kernel(options: Options) -> Iterator[Row]:
    """Captured print() against the kernel's own stream, CPU of the kernel per line."""
    lines = options.size(40_000, 400)
    kernel = Kernel()
    try:
        for threads in THREADS:
            contestants = {run: partial(kernel.spend, run, lines, threads) for run in ("ours", "own")}
            spent = take_turns(contestants, options.rounds)
            note = f"{per(spent['ours'], lines, 'us')} a line; ipykernel {per(spent['own'], lines, 'us')}"
            what = f"captured print in a kernel, {threads} thread{'s' * (threads > 1)}, over ipykernel's own stream"
            yield Row(what, "x", 0.5, 0.2, ratios(spent["ours"], spent["own"]), note)
    finally:
        kernel.close()


BENCHMARKS = (Benchmark("kernel", in_kernel),)
