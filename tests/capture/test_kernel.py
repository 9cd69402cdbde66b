"""In a real kernel: every row of the capture table ends in the phase's log, and no cell gets any of it."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.manager import KernelManager

import milo_nb.capture

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(milo_nb.capture.__file__).parents[2]
TIMEOUT_S = 60
SETUP = """
import contextvars, json, logging, os, subprocess, sys, threading, traceback, warnings
from concurrent.futures import ThreadPoolExecutor
from milo_nb.capture.router import *

def run_phases(*bodies):
    'Run each body as a phase in a thread of its own; return the lines of each.'
    outputs = [[] for _ in bodies]
    def run(body, output):
        sink = Sink(lambda blocks, late: output.extend((b.stream, b.level, line) for b in blocks for line in b.lines),
                    lambda: 0.0)
        CURRENT_SINK.set(sink)
        try: body(sink)
        finally: sink.close()
    threads = [threading.Thread(target=run, args=pair) for pair in zip(bodies, outputs)]
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

    def __init__(self) -> None:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        self.manager = KernelManager(kernel_name="python3")
        environment = {**os.environ, "PYTHONPATH": path, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        del environment["PYTEST_CURRENT_TEST"]  # ipykernel would leave the file descriptors alone
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
            elif kind == "error":
                raise AssertionError("\n".join(content["traceback"]))
            elif content.get("execution_state") == "idle" and message["parent_header"].get("msg_id") == message_id:
                return given
        raise TimeoutError(code)

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    kernel = Kernel()
    try:
        kernel.run(SETUP)
        kernel.run("install()")
        yield kernel
    finally:
        kernel.stop()


def run_phase(kernel: Kernel, body: str) -> list[list[str]]:
    """Run a phase between a cell's own prints; fail if the cell is given more than those."""
    code = (
        "print('cell before')\ndef body(sink):\n" + textwrap.indent(textwrap.dedent(body), "    ") + "\n"
        "lines = run_phases(body)[0]\nprint('cell after')\nsys.stdout.flush(); sys.stderr.flush()"
    )
    given = kernel.run(code)
    assert given == {"stdout": "cell before\ncell after\n"}
    result: Any = json.loads(kernel.run("print(json.dumps(lines))")["stdout"])
    return result


TABLE = {
    "print": ("print('a')", [["stdout", "", "a"]]),
    "partial line": ("print('a', end='')", [["stdout", "", "a"]]),
    "stderr": ("print('a', file=sys.stderr, flush=True)", [["stderr", "", "a"]]),
    "carriage return": ("print('1%\\r2%', flush=True)", [["stdout", "", "2%"]]),
    "handler made before": ("made_before.warning('a')", [["log", "WARNING", "a"]]),
    "handler made after": (
        "log = logging.Logger('after'); log.addHandler(logging.StreamHandler()); log.error('a')",
        [["log", "ERROR", "a"]],
    ),
    "no handler": ("logging.getLogger('none').warning('a')", [["log", "WARNING", "a"]]),
    "shell": ("get_ipython().system('echo a')", [["stdout", "", "a"]]),
    "subprocess": ("subprocess.run('echo a; echo b >&2', shell=True)", [["stdout", "", "a"], ["stderr", "", "b"]]),
    "Popen(stdout=sys.stdout)": ("subprocess.Popen(['echo', 'a'], stdout=sys.stdout).wait()", [["stdout", "", "a"]]),
    "child thread": (
        "t = threading.Thread(target=print, args=('a',)); t.start(); t.join()",
        [["stdout", "", "a"]],
    ),
    "pool": ("list(ThreadPoolExecutor(2).map(print, ['a']))", [["stdout", "", "a"]]),
    "os.write": ("os.write(1, b'a\\n'); until(sink, 'a\\n')", [["stdout", "", "a"]]),
    "os.system": ("os.system('echo a >&2'); until(sink, 'a\\n')", [["stderr", "", "a"]]),
    "sys.__stdout__": ("print('a', file=sys.__stdout__, flush=True); until(sink, 'a\\n')", [["stdout", "", "a"]]),
    "C stdio": (
        "import ctypes; c = ctypes.CDLL(None); c.puts(b'a'); c.fflush(None); until(sink, 'a\\n')",
        [["stdout", "", "a"]],
    ),
    "invalid UTF-8": ("os.write(1, b'\\xff\\n'); until(sink, '\\ufffd\\n')", [["stdout", "", "\ufffd"]]),
    "forked child": (
        "pid = os.fork()\nif pid == 0:\n    print('a'); os._exit(0)\nos.waitpid(pid, 0)",
        [["stdout", "", "a"]],
    ),
}


@pytest.mark.parametrize("row", TABLE)
def test_output_of_a_phase_goes_to_its_log_and_to_no_cell(kernel: Kernel, row: str) -> None:
    body, expected = TABLE[row]
    assert sorted(run_phase(kernel, body)) == sorted(expected)


def test_tracebacks_and_warnings_of_a_phase_go_to_its_log(kernel: Kernel) -> None:
    lines = run_phase(
        kernel,
        """
        warnings.simplefilter('default')
        warnings.warn('careful')
        t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()
        try: 1 / 0
        except ZeroDivisionError: traceback.print_exc()
        """,
    )
    assert [line for *_, line in lines if line.startswith("ZeroDivisionError")] == [
        "ZeroDivisionError: division by zero"
    ] * 2
    assert [line[:2] for line in lines if "careful" in line[2]] == [["warning", "WARNING"]] * 2


def test_the_output_of_phases_that_run_at_once_does_not_mix(kernel: Kernel) -> None:
    given = kernel.run(
        """
        def shout(name): return lambda sink: [print(name, n) for n in range(2000)]
        outputs = run_phases(shout('a'), shout('b'))
        for n in range(3): print('cell', n)
        [[line for *_, line in out] == [f'{name} {n}' for n in range(2000)] for name, out in zip('ab', outputs)]
        """
    )
    assert given == {"stdout": "cell 0\ncell 1\ncell 2\n", "result": "[True, True]"}


def test_descriptor_output_that_no_single_phase_can_claim_has_its_pane(kernel: Kernel) -> None:
    given = kernel.run(
        """
        pane = []
        unattributed = Sink(lambda blocks, late: pane.extend(blocks), lambda: 0.0)
        set_unattributed(unattributed)
        both = threading.Barrier(2)
        def body(sink):
            if both.wait() == 0: os.write(1, b'whose?\\n'); until(unattributed, 'whose?\\n')
            both.wait()
        unattributed.write('stderr', '')
        outputs = run_phases(body, body)
        unattributed.close(); set_unattributed(None)
        outputs, [block.lines for block in pane]
        """
    )
    assert given == {"result": "([[], []], [['whose?']])"}


def test_a_phase_does_not_fill_the_outputs_that_ipython_keeps(kernel: Kernel) -> None:
    given = kernel.run(
        """
        print('mine')
        run_phases(lambda sink: [print('phase') for _ in range(1000)])
        kept = [output for outputs in get_ipython().history_manager.outputs.values() for output in outputs]
        text = ''.join(text for output in kept for text in output.bundle.get('stream', ()))
        'mine' in text, 'phase' in text
        """
    )
    assert given == {"stdout": "mine\n", "result": "(True, False)"}


def test_a_stream_that_a_person_replaced_stays_theirs(kernel: Kernel) -> None:
    given = kernel.run(
        """
        import io, contextlib
        with contextlib.redirect_stdout(io.StringIO()) as mine:
            print('redirected')
        print('shown')
        mine.getvalue()
        """
    )
    assert given == {"stdout": "shown\n", "result": repr("redirected\n")}


def test_uninstall_restores_the_streams_also_while_a_cell_runs(kernel: Kernel) -> None:
    restored = "(sys.stdout, sys.stderr, type(sys.stdout), type(sys.stderr)) == streams"
    given = kernel.run("print('a'); uninstall(); print('b'); kept_write = sys.stdout.write; print('c')")
    assert given == {"stdout": "a\nb\nc\n"}
    assert kernel.run(f"print('d'); {restored}, is_installed(), sys.stdout.write('') ") == {
        "stdout": "d\n",
        "result": "(True, False, 0)",
    }
    # IPython's own wrapper is in the instance while a cell runs, ours is not.
    assert kernel.run("'milo' in repr(vars(sys.stdout)), kept_write('e\\n')") == {
        "stdout": "e\n",
        "result": "(False, 2)",
    }
    assert kernel.run("install(); print('f'); uninstall(); install(); print('g')") == {"stdout": "f\ng\n"}
    assert kernel.run(f"uninstall(); {restored}") == {"result": "False"}  # this cell's tee still holds it
    assert kernel.run(restored) == {"result": "True"}
    assert kernel.run("install()") == {}
    assert run_phase(kernel, "print('again')") == [["stdout", "", "again"]]


def test_cells_of_ipython_in_a_terminal_keep_their_output_too() -> None:
    cells = [
        "from milo_nb.capture.router import *; install(); print('one')",
        "Sink(print, float).close(); print('two')",
        "uninstall(); print('three')",
        "import sys; print(type(sys.stdout).__name__)",
    ]
    code = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        f"for cell in {cells!r}: assert shell.run_cell(cell, store_history=True).success\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=TIMEOUT_S,
    )
    assert done.stdout.splitlines()[-4:] == ["one", "two", "three", "TextIOWrapper"], done.stderr
