"""In a real kernel: every row of the capture table ends in the phase's log, and no cell gets any of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.capture.kernel import TIMEOUT_S
from tests.kernels import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.capture.kernel import Kernel


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
    "os.system": (
        "assert os.system('echo a >&2; exit 3') == 3 << 8; print('b')",
        [["stderr", "", "a"], ["stdout", "", "b"]],
    ),
    "asyncio subprocess": (
        "import asyncio\nasync def main(): await (await asyncio.create_subprocess_shell('echo a')).wait()\nasyncio.run(main())",
        [["stdout", "", "a"]],
    ),
    "%%bash": (
        "get_ipython().run_cell_magic('bash', '', 'echo a; echo b >&2')",
        [["stdout", "", "a"], ["stderr", "", "b"]],
    ),
    "Popen(stderr=STDOUT)": (
        "subprocess.Popen('echo a >&2', shell=True, stdout=sys.stdout, stderr=subprocess.STDOUT).wait()",
        [["stdout", "", "a"]],
    ),
    "subprocess with output of its own": (
        "print(subprocess.run(['echo', 'a'], capture_output=True, text=True).stdout, end='')",
        [["stdout", "", "a"]],
    ),
    "Popen(stdout=sys.stdout)": ("subprocess.Popen(['echo', 'a'], stdout=sys.stdout).wait()", [["stdout", "", "a"]]),
    "child thread": (
        "t = threading.Thread(target=print, args=('a',)); t.start(); t.join()",
        [["stdout", "", "a"]],
    ),
    "pool": ("list(ThreadPoolExecutor(2).map(print, ['a']))", [["stdout", "", "a"]]),
    "os.write": ("os.write(1, b'a\\n'); until(sink, 'a\\n')", [["stdout", "", "a"]]),
    "sys.__stdout__": ("print('a', file=sys.__stdout__, flush=True); until(sink, 'a\\n')", [["stdout", "", "a"]]),
    "C stdio": (
        "import ctypes; c = ctypes.CDLL(None); c.puts(b'a'); c.fflush(None); until(sink, 'a\\n')",
        [["stdout", "", "a"]],
    ),
    "C stdio from a child thread": (
        (
            "import ctypes; c = ctypes.CDLL(None)\n"
            "t = threading.Thread(target=c.puts, args=(b'a',)); t.start(); t.join(); c.fflush(None); until(sink, 'a\\n')"
        ),
        [["stdout", "", "a"]],
    ),
    "binary": (
        "subprocess.run(['printf', '\\\\000\\\\377\\\\n'])\nsys.stdout.write('\\0\\x1b[31m\\n')",
        [["stdout", "", "\0\ufffd"], ["stdout", "", "\0\x1b[31m"]],
    ),
    "invalid UTF-8": ("os.write(1, b'\\xff\\n'); until(sink, '\\ufffd\\n')", [["stdout", "", "\ufffd"]]),
    "forked child": (
        "pid = os.fork()\nif pid == 0:\n    print('a'); os._exit(0)\nos.waitpid(pid, 0)",
        [["stdout", "", "a"]],
    ),
    "multiprocessing with fork": (
        "import multiprocessing\nf = multiprocessing.get_context('fork').Process(target=print, args=('a',)); f.start(); f.join()",
        [["stdout", "", "a"]],
    ),
    "multiprocessing with spawn": (
        (
            "import multiprocessing\ns = multiprocessing.get_context('spawn').Process(target=print, args=('a',)); s.start(); s.join()\n"
            "until(sink, 'a\\n')"
        ),
        [["stdout", "", "a"]],
    ),
    "warning": ("warnings.warn_explicit('a', UserWarning, 'f', 1)", [["warning", "WARNING", "f:1: UserWarning: a"]]),
    "traceback": ("traceback.print_exception(ValueError('a'))", [["stderr", "", "ValueError: a"]]),
    "stream replaced by a wrapper": (
        (
            "class Tee:\n    def __init__(self, below): self.below = below\n    def __getattr__(self, name): return getattr(self.below, name)\n"
            "    def write(self, text): return self.below.write(text.upper())\n"
            "sys.stdout = Tee(sys.stdout)\ntry: print('a')\nfinally: sys.stdout = sys.stdout.below"
        ),
        [["stdout", "", "A"]],
    ),
    "stream replaced by another one": (
        "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as mine: print('hidden')\nprint('a' + mine.getvalue(), end='')",
        [["stdout", "", "ahidden"]],
    ),
    "kept stream": ("streams[0].write('a'); streams[1].write('b')", [["stdout", "", "a"], ["stderr", "", "b"]]),
    "kept write": ("write = sys.stdout.write; write('a'); sys.stdout.writelines(['b', 'c'])", [["stdout", "", "abc"]]),
    "async": ("import asyncio\nasync def say(): print('a')\nasyncio.run(say())", [["stdout", "", "a"]]),
    "asyncio.to_thread": ("import asyncio; asyncio.run(asyncio.to_thread(print, 'a'))", [["stdout", "", "a"]]),
    "timer": ("t = threading.Timer(0, print, ('a',)); t.start(); t.join()", [["stdout", "", "a"]]),
}


@pytest.mark.parametrize("row", TABLE)
def test_output_of_a_phase_goes_to_its_log_and_to_no_cell(kernel: Kernel, row: str) -> None:
    body, expected = TABLE[row]
    assert sorted(run_phase(kernel, body)) == sorted(expected)


def read(kernel: Kernel, name: str) -> Any:
    """Read a value that `run_phases` has left, as JSON; bytes by what they begin with."""
    code = f"print(json.dumps(({name}), default=lambda value: str(value[:4])))"
    return json.loads(kernel.run(code)["stdout"])


def show_in_phase(kernel: Kernel, body: str) -> list[list[Any]]:
    """Run a phase as `run_phase` does; return the fields of its outputs."""
    run_phase(kernel, body)
    assert read(kernel, "errors") == [[]]
    outputs: list[list[Any]] = read(kernel, "shown[0]")
    return outputs


def plain(text: str, display_id: str | None = None, *, update: bool = False) -> list[Any]:
    return [{"text/plain": text}, {}, display_id, update, False, False]


FIGURE = "<Figure size 640x480 with 1 Axes>"
DISPLAYS = {
    "display": ("display(1)", [plain("1")]),
    "child thread": ("t = threading.Thread(target=display, args=(1,)); t.start(); t.join()", [plain("1")]),
    "value of a cell that it runs": ("get_ipython().run_cell('40 + 2')", [plain("42")]),
    "update": (
        "handle = display(1, display_id='x'); handle.update(2)",
        [plain("1", "x"), plain("2", "x", update=True)],
    ),
    "update of a cell's display": ("in_cell.update(2)", [plain("2", "cell", update=True)]),
    "clear_output": (
        "from IPython.display import clear_output\nclear_output(); clear_output(wait=True)",
        [[{}, {}, None, False, True, False], [{}, {}, None, False, True, True]],
    ),
    "widget": (
        "import ipywidgets; display(ipywidgets.IntSlider())",
        [
            plain(
                "[IntSlider is not shown here: a widget lives in the output of a cell, and a phase has none. "
                "Return it from the phase and show it in a cell of its own from the phase's result.]"
            )
        ],
    ),
    "other forms": (
        "display({'text/html': '<b>', 'application/json': [1], 'image/png': b'\\x89PNG'}, raw=True)",
        [[{"text/html": "<b>", "application/json": "[1]", "image/png": "b'\\x89PNG'"}, {}, None, False, False, False]],
    ),
}


@pytest.mark.parametrize("row", DISPLAYS)
def test_what_a_phase_displays_goes_to_its_outputs_and_to_no_cell(kernel: Kernel, row: str) -> None:
    kernel.run("in_cell = display('in a cell', display_id='cell')")
    body, expected = DISPLAYS[row]
    assert show_in_phase(kernel, body) == expected


def test_cells_keep_their_displays_while_capture_is_installed(kernel: Kernel) -> None:
    given = kernel.run("h = display(1, display_id=True); h.update(2); from IPython.display import *; clear_output()")
    assert given == {"display_data": "1", "update_display_data": "2", "clear_output": "False"}


def test_warnings_name_the_cell_whose_code_warns(kernel: Kernel) -> None:
    (head, line) = run_phase(kernel, "warnings.warn('careful', stacklevel=1)")
    assert re.fullmatch(r"Cell \[\d+\]:3: UserWarning: careful", head[2])
    assert line[2].strip() == "warnings.warn('careful', stacklevel=1)"


def test_cells_keep_the_values_of_their_last_expressions(kernel: Kernel) -> None:
    assert kernel.run("40 + 2") == {"result": "42"}


def test_an_object_that_fails_to_show_itself_puts_its_traceback_into_the_log(kernel: Kernel) -> None:
    lines = run_phase(
        kernel,
        """
        class Broken:
            def __repr__(self): return 'broken'
            def _repr_html_(self): return 1 / 0
        display(Broken())
        """,
    )
    assert any("ZeroDivisionError" in text for stream, _, text in lines if stream == "stderr")
    assert read(kernel, "shown[0]") == [plain("broken")]


def test_a_phase_that_asks_fails_at_once_also_between_cells(kernel: Kernel, tmp_path: Path) -> None:
    for question in ("input('a')", "__import__('getpass').getpass()", "breakpoint()", "__import__('pdb').set_trace()"):
        run_phase(kernel, question)
        assert read(kernel, "errors")[0][0].startswith("NoInputError: "), question
    kernel.run(
        f"""
        import builtins, pathlib
        def body(sink):
            while 'raw_input' in builtins.input.__qualname__: threading.Event().wait(0.01)
            try: input('b')
            except BaseException as error: pathlib.Path({str(tmp_path / "asked")!r}).write_text(repr(error))
        background = threading.Thread(target=run_phases, args=(body,)); background.start()
        """
    )
    deadline = time.monotonic() + TIMEOUT_S
    while not (tmp_path / "asked").exists():  # asked of the kernel it would be a cell
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
    assert kernel.run("background.join()") == {}
    assert (tmp_path / "asked").read_text().startswith("NoInputError")


def test_figures_that_are_shown_or_left_open_go_to_the_outputs(kernel: Kernel) -> None:
    # The first phase that plots also is the first to import matplotlib.
    bodies = ("plt.plot([1, 2]); plt.show(); plt.plot([2, 1])", "fig, ax = plt.subplots(); print(plt.get_fignums())")
    for body, count in zip(bodies, (2, 1), strict=True):
        outputs = show_in_phase(kernel, "import matplotlib.pyplot as plt\n" + body)
        assert [output[0] for output in outputs] == [{"image/png": "b'\\x89PNG'", "text/plain": FIGURE}] * count
    assert kernel.run("import matplotlib.pyplot as plt; plt.get_fignums()") == {"result": "[]"}


def test_figures_of_phases_that_plot_at_once_and_of_cells_do_not_mix(kernel: Kernel) -> None:
    given = kernel.run(
        """
        import matplotlib.pyplot as plt
        plt.figure(num='of the cell')
        both = threading.Barrier(2)
        def plot(name):
            def body(sink):
                plt.figure(figsize=(1, 1)); plt.title(name); both.wait()
                print(plt.get_fignums(), plt.gca().get_title()); both.wait()
                if name == 'a': plt.show()
            return body
        outputs = run_phases(plot('a'), plot('b'))
        cells = plt.get_figlabels()
        """
    )
    assert read(kernel, "cells, outputs, [len(of) for of in shown]") == [
        ["of the cell"],
        [[["stdout", "", "[1] a"]], [["stdout", "", "[1] b"]]],
        [1, 1],
    ]
    assert given == {"display_data": "<Figure size 640x480 with 0 Axes>"}  # by the cell, at its end


def test_bars_of_notebooks_are_one_line_of_the_log_and_drive_the_progress(kernel: Kernel) -> None:
    lines = run_phase(
        kernel,
        """
        from tqdm.auto import tqdm
        for _ in tqdm(range(2), desc='outer', ncols='100%', colour='green'):
            for _ in tqdm(range(3), desc='inner', leave=False): pass
        """,
    )
    assert [[*line[:2], line[2].split("|")[0]] for line in lines] == [["stderr", "", "outer: 100%"]]
    assert read(kernel, "(errors[0], shown[0], told[0][-1])") == [[], [], [1.0, "2/2"]]
    given = kernel.run("from tqdm.auto import tqdm; [0 for _ in tqdm(range(2), desc='widget')]; None")
    assert list(given) == ["display_data"]


def test_bars_of_text_and_of_child_threads_are_lines_of_the_log_too(kernel: Kernel) -> None:
    lines = run_phase(
        kernel,
        """
        from tqdm import tqdm
        from concurrent.futures import ThreadPoolExecutor
        def work(name):
            for _ in tqdm(range(2), desc=name): pass
        work('own')
        with ThreadPoolExecutor(2) as pool: list(pool.map(work, ['one', 'two']))
        t = threading.Thread(target=work, args=('child',)); t.start(); t.join()
        print('between', file=sys.stderr)
        """,
    )
    bars = sorted(line.split(":")[0] for *_, line in lines)
    assert bars == ["between", "child", "one", "own", "two"]
    assert {tuple(line[:2]) for line in lines} == {("stderr", "")}
    assert read(kernel, "(errors[0], told[0][-1])") == [[], [1.0, "2/2"]]


@pytest.mark.parametrize("words", ["os.write(1, b'last\\n')", "c.puts(b'last'); c.fflush(None)"])
def test_the_last_words_of_a_session_that_come_up_from_a_descriptor_reach_no_cell(kernel: Kernel, words: str) -> None:
    given = kernel.run(
        f"""
        import ctypes; c = ctypes.CDLL(None)
        from milo_nb.capture import owners, streams as hooks
        usual = owners.SURFACING_S, hooks._LAST_WORDS_S
        owners.SURFACING_S, hooks._LAST_WORDS_S = 60, 1  # this machine may be busy
        uninstall(); install()
        def body(sink): {words}
        last = run_phases(body)[0]
        uninstall()
        print('cell')
        owners.SURFACING_S, hooks._LAST_WORDS_S = usual
        install()
        """
    )
    assert given == {"stdout": "cell\n"}
    # Cut anywhere: what comes late is not waited for until its line ends.
    assert "".join(text for *_, text in read(kernel, "last")) == "last"


def test_floods_of_a_phase_reach_its_log_whole(kernel: Kernel) -> None:
    given = kernel.run(
        """
        from milo_nb.capture.logbook import LogBook
        book = LogBook()
        def flood(sink):
            sink._emit = book.extend
            sys.stdout.write('\\n'.join(map(str, range(10_000))) + '\\n')
            print('x' * 100_000_000)
            for n in range(1_000_000): print(n)
        run_phases(flood)
        long = book.page(0, len(book))
        [row[4] for row in long[:10_000]] == list(map(str, range(10_000))), len(book), long[-1][4], sum(len(row[4]) for row in long) < 40e6
        """
    )
    assert given == {"result": "(True, 1010001, '999999', True)"}


def test_a_line_of_100_mb_is_shown_by_its_start(kernel: Kernel) -> None:
    given = kernel.run(
        """
        book = LogBook()
        def long_line(sink):
            sink._emit = book.extend
            print('x' * 100_000_000)
        run_phases(long_line)
        len(book), len(book.page(0, 1)[0][4]), book.page(0, 1)[0][4][-40:]
        """
    )
    assert given == {"result": repr((1, 100_034, "xxxxxx… [99,900,000 more characters cut]"))}


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


@pytest.mark.parametrize("deed", ["sys.stdout.close(); print('a')", "print('a'); sys.stdout = None"])
def test_a_phase_cannot_take_the_stream_away_from_the_cells(kernel: Kernel, deed: str) -> None:
    given = kernel.run(
        f"""
        uninstall(); install()
        def body(sink): {deed}
        lines = run_phases(body)[0]
        uninstall()
        print('cell')
        install()
        [line for *_, line in lines]
        """
    )
    assert given == {"stdout": "cell\n", "result": "['a']"}


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
        add_unattributed(unattributed)
        both = threading.Barrier(2)
        def body(sink):
            if both.wait() == 0: os.write(1, b'whose?\\n'); until(unattributed, 'whose?\\n')
            both.wait()
        unattributed.write('stderr', '')
        outputs = run_phases(body, body)
        unattributed.close(); remove_unattributed(unattributed)
        outputs, [block.lines for block in pane]
        """
    )
    assert given == {"result": "([[], []], [['whose?']])"}


def test_what_is_printed_after_a_display_comes_while_the_phase_still_runs(kernel: Kernel) -> None:
    given = kernel.run(
        """
        from IPython.display import display
        from milo_nb import Phase, Pipeline
        seen = threading.Event()
        def body():
            display('shown'); print('said')
            return seen.wait(60)
        executor = Pipeline('p', Phase('a', body)).run(work_dir=None)
        for _ in range(1000):
            drain_now()  # what the drain thread does, to the sinks that it watches
            if executor['a'].known.log_count: seen.set()
            if executor.session.ended.wait(0.02): break
        executor.close(); executor.results['a']
        """
    )
    assert given == {"result": "True"}


def test_a_phase_does_not_fill_the_outputs_that_ipython_keeps(kernel: Kernel) -> None:
    given = kernel.run(
        """
        print('mine')
        run_phases(lambda sink: [print('zebra') for _ in range(1000)])
        kept = [output for outputs in get_ipython().history_manager.outputs.values() for output in outputs]
        text = ''.join(text for output in kept for text in output.bundle.get('stream', ()))
        'mine' in text, 'zebra' in text
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
