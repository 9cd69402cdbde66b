"""A real kernel that runs functions as phases, and tells what its cells were given."""

from __future__ import annotations

import queue
import textwrap
import time

from jupyter_client.manager import KernelManager

from tests import kernels

TIMEOUT_S = 60
SETUP = """
import contextvars, json, logging, os, subprocess, sys, threading, traceback, warnings
from concurrent.futures import ThreadPoolExecutor
from milo_nb.capture.router import *

def run_phases(*bodies):
    'Run each body as a phase in a thread of its own; return the lines of each.'
    global shown, told, errors
    outputs, shown, told, errors = ([[] for _ in bodies] for _ in range(4))
    def run(body, output, shown, told, errors):
        sink = Sink(lambda blocks, late: output.extend((b.stream, b.level, line) for b in blocks for line in b.lines),
                    lambda: 0.0, lambda output, late: shown.append(output), lambda *step: told.append(step))
        CURRENT_SINK.set(sink)
        try: body(sink)
        except Exception as error: errors.append(f'{type(error).__name__}: {error}')
        finally: sink.close()
    threads = [threading.Thread(target=run, args=row) for row in zip(bodies, outputs, shown, told, errors)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return outputs

def until(sink, text):
    'Wait until text that another thread brings has come.'
    for _ in range(1000):
        if sink._buffer is not None and text in ''.join(chunk[2] for chunk in sink._chunks): return
        threading.Event().wait(0.01)

from milo_nb.capture import drain
drain.DRAIN_INTERVAL_S = 3600  # what has come stays where until() sees it

made_before = logging.getLogger('before'); made_before.propagate = False
made_before.addHandler(logging.StreamHandler()); made_before.addHandler(logging.StreamHandler(sys.stdout))
streams = sys.stdout, sys.stderr, type(sys.stdout), type(sys.stderr)
"""


class Kernel:
    """A kernel and what its cells were given."""

    def __init__(self, ipykernel: str = kernels.OWN) -> None:
        self.manager = KernelManager(kernel_name="python3")
        environment = kernels.environment(ipykernel)
        environment.pop("PYTEST_CURRENT_TEST", None)  # ipykernel would leave the file descriptors alone
        self.manager.start_kernel(env=environment)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT_S)

    def run(self, code: str) -> dict[str, str]:
        """Run a cell; return what it was given, by stream, with its last expression as ``"result"``."""
        message_id = self.client.execute(textwrap.dedent(code), allow_stdin=False)
        given: dict[str, str] = {}
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                message = self.client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                given[content["name"]] = given.get(content["name"], "") + content["text"]
            elif kind == "execute_result":
                given["result"] = content["data"]["text/plain"]
            elif kind in ("display_data", "update_display_data"):
                given[kind] = given.get(kind, "") + str(content["data"].get("text/plain"))
            elif kind == "clear_output":
                given[kind] = str(content["wait"])
            elif kind == "error" and message["parent_header"].get("msg_id") == message_id:
                raise AssertionError("\n".join(content["traceback"]))
            elif content.get("execution_state") == "idle" and message["parent_header"].get("msg_id") == message_id:
                return given
        raise TimeoutError(code)

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
