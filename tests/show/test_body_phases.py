"""What the body of a ``%%milo NAME.PHASE`` cell sees, and what becomes of what it binds."""

from __future__ import annotations

import pickle
import threading
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from milo_nb.show.notebook.detail import to_detail
from milo_nb.values.exports import Exports

if TYPE_CHECKING:
    from tests.show.conftest import Notebook


def run_one(notebook: Notebook, body: str, name: str = "a") -> Any:
    """Run a body as the phase `name` of a pipeline of its own; return its result."""
    notebook.names.pop("site", None)
    notebook.run(f"%%milo site.{name}\n{body}")
    notebook.run("%milo run site --wait")
    return notebook.names["site"][name].result


def fail_one(notebook: Notebook, *cells: str) -> BaseException:
    """Run a pipeline whose last cell fails; return what it raised."""
    for cell in cells:
        notebook.run(cell)
    notebook.fail("%milo run site --wait")
    error = notebook.names["site"][cells[-1].split()[1].partition(".")[2]].error
    assert error is not None
    return error.cause


# ---------------------------------------------------------------------- what comes out


def test_what_the_body_binds_is_its_result(notebook: Notebook) -> None:
    result = run_one(
        notebook, "df = [1]\nn, (m, *rest) = 2, (3, 4)\nfor i in range(3): pass\nwith open('f', 'w') as file: ..."
    )
    assert type(result) is Exports
    assert list(result) == ["df", "n", "m", "rest", "i", "file"]
    assert (result.df, result.n, result["m"], result.rest) == ([1], 2, 3, [4])
    assert result._ is None


def test_the_last_expression_is_the_result_too(notebook: Notebook) -> None:
    assert run_one(notebook, "x = 20\nx + 1")._ == 21
    assert list(run_one(notebook, "x = 20\nx + 1")) == ["x"]
    assert run_one(notebook, "(1,\n 2)\n")._ == (1, 2)
    assert run_one(notebook, "x = 1\nif x:\n    2")._ is None


def test_private_names_modules_and_imports_stay_in_the_body(notebook: Notebook) -> None:
    result = run_one(
        notebook,
        "import json, os.path as path\nfrom math import pi\n_hidden = pi\nmodule = json\n"
        "def helper(): return json.dumps(_hidden)\nclass Row: ...\ntry: 1 / 0\nexcept ZeroDivisionError as error: ...\nout = helper()",
    )
    assert list(result) == ["helper", "Row", "out"]
    assert not {"json", "helper", "out", "pi", "Row", "_hidden"} & set(notebook.names)


def test_a_name_that_is_imported_or_else_assigned_is_a_result(notebook: Notebook) -> None:
    body = "try:\n    from nowhere import fast\nexcept ImportError:\n    fast = None\nfrom math import *\nx = pi > 3"
    assert list(run_one(notebook, body)) == ["fast", "x"]


def test_names_of_the_notebook_that_were_only_used_are_no_result(notebook: Notebook) -> None:
    notebook.run("limit, rows = 3, [1]\nerror = 1")
    result = run_one(notebook, "rows.append(2)\nmore = limit\ntry: ...\nexcept OSError as error: ...")
    assert list(result) == ["more"]


def test_a_name_that_is_bound_to_what_the_notebook_holds_is_a_result(notebook: Notebook) -> None:
    notebook.run("limit = 3")
    assert run_one(notebook, "limit = 3").limit == 3


def test_names_bound_by_functions_and_by_exec_are_results(notebook: Notebook) -> None:
    body = "def f():\n    global x\n    x = 1\nf()\nexec('y = 2')\ndel f\n[z := i for i in range(3)]"
    assert vars(run_one(notebook, body)) == {"x": 1, "y": 2, "z": 2, "_": [0, 1, 2]}


def test_results_are_pickled(notebook: Notebook) -> None:
    result = pickle.loads(pickle.dumps(run_one(notebook, "x = 1\n'end'")))
    assert repr(result) == "<Exports x: int, _: str>"


# ---------------------------------------------------------------------- what goes in


def test_the_body_sees_the_notebook_as_it_is_when_the_attempt_starts(notebook: Notebook) -> None:
    notebook.run("limit = 1")
    notebook.run("%%milo site.a\nseen = limit\nlimit = 5\nhidden = 6")
    notebook.run("limit = 2")
    notebook.run("%milo run site")
    assert notebook.names["site"]["a"].result.seen == 2
    assert notebook.names["limit"] == 2
    assert "hidden" not in notebook.names


def test_an_attempt_keeps_its_snapshot(notebook: Notebook, built: None) -> None:
    gate, begun = threading.Event(), threading.Event()
    notebook.names.update(gate=gate, begun=begun, limit=1)
    notebook.arrive()
    notebook.run("%%milo site.a\nbegun.set()\ngate.wait(60)\nseen = limit")
    notebook.run("%milo run site")
    assert begun.wait(60)
    notebook.run("limit = 2")
    gate.set()
    notebook.names["site"].wait(60)
    assert notebook.names["site"]["a"].result.seen == 1
    notebook.run("%milo rerun site a")
    notebook.names["site"].wait(60)
    assert notebook.names["site"]["a"].result.seen == 2


def test_functions_classes_and_comprehensions_see_the_names_of_the_body(notebook: Notebook) -> None:
    body = (
        "base = 10\ndef add(x): return base + x\nclass Row:\n    value = add(1)\n    def get(self): return add(base)\n"
        "rows = [add(i) for i in range(2) if add]\nout = Row().get(), Row.value"
    )
    result = run_one(notebook, body)
    assert (result.rows, result.out) == ([10, 11], (20, 11))


def test_the_names_of_the_phases_before_are_there_and_so_are_they(notebook: Notebook) -> None:
    notebook.run("df = 'of the notebook'")
    notebook.run("%%milo site --define\n@phase\ndef plain(): return 40\n@phase\ndef far(): return 1")
    notebook.run("%%milo site.a --after far\ndf = [1]\nn = 2\n'the end'")
    notebook.run(
        "%%milo site.b --after a plain\nsame = df is a.df\ntotal = plain + n\nend = a._\nfar_seen = 'far' in globals()\n"
    )
    notebook.names.pop("far")
    notebook.run("%milo run site")
    assert vars(notebook.names["site"]["b"].result) == {"same": True, "total": 42, "end": "the end", "far_seen": False}
    assert notebook.names["df"] == "of the notebook"


def test_ctx_and_run_parameters_are_there(notebook: Notebook) -> None:
    notebook.run("%%milo site.a\nout = [ctx.attempt, ctx.params['limit'], limit]\nctx.progress(0.5)")
    notebook.run("%%milo site -p limit=7\n# only options")
    assert notebook.names["site"]["a"].result.out == [1, 7, 7]
    assert list(notebook.names["site"]["a"].result) == ["out"]


def test_the_nearer_name_hides_the_farther_one(notebook: Notebook) -> None:
    notebook.run("x = 'notebook'\ny = 'notebook'")
    notebook.run("%%milo site.a\ny = 'a'\nb = 'a'\nctx = 1")
    notebook.run("%%milo site.b\n1")
    notebook.run("%%milo site.c --after a b\nseen = x, y, type(b).__name__, ctx.attempt")
    notebook.run("%%milo site -p x='param' -p y='param'\n# only options")
    assert notebook.names["site"]["c"].result.seen == ("param", "a", "Exports", 1)


def test_a_skipped_phase_is_there_as_none(notebook: Notebook) -> None:
    notebook.run("%%milo site.a --on-fail skip\n1 / 0")
    notebook.run("%%milo site.b --after a\nseen = a")
    notebook.run("%milo run site")
    assert notebook.names["site"]["b"].result.seen is None


# ---------------------------------------------------------------------- a name of two phases

TWO = ("%%milo site.a\ndf = 1\nid = 1", "%%milo site.b\ndf = 2\nid = 2")


def test_a_name_that_two_phases_export_is_an_error_that_names_both(notebook: Notebook) -> None:
    notebook.run("df = 'of the notebook'")
    cause = fail_one(notebook, *TWO, "%%milo site.c --after a b\n\nprint('not yet')\nx = [df for i in range(3)]")
    assert type(cause) is NameError
    assert str(cause) == "df is exported by 'a' and 'b': use a.df or b.df"
    assert [f.lineno for f in traceback.extract_tb(cause.__traceback__)] == [4]
    assert notebook.names["site"]["c"].logs() == []


def test_three_phases_are_all_named(notebook: Notebook) -> None:
    cause = fail_one(notebook, *TWO, "%%milo site.d\ndf = 3", "%%milo site.c --after a b d\ndf")
    assert str(cause) == "df is exported by 'a', 'b' and 'd': use a.df, b.df or d.df"


@pytest.mark.parametrize(
    "body", ["x = [a.df, b.df]", "df = a.df + b.df\nx = [1, df - 1]", "def f(df): return [df, 2]\nx = f(1)"]
)
def test_a_name_of_two_phases_can_be_left_alone_or_bound_anew(notebook: Notebook, body: str) -> None:
    for cell in (*TWO, f"%%milo site.c --after a b\n{body}"):
        notebook.run(cell)
    notebook.run("%milo run site")
    assert notebook.names["site"]["c"].result.x == [1, 2]


def test_a_name_that_is_a_phases_own_is_not_in_doubt(notebook: Notebook) -> None:
    for cell in (
        "%%milo site.a\nb = 1",
        "%%milo site.b\nb = 2",
        "%%milo site.c\nb = 3",
        "%%milo site.d --after a b c\nx = b.b",
    ):
        notebook.run(cell)
    notebook.run("%milo run site")
    assert notebook.names["site"]["d"].result.x == 2


@pytest.mark.parametrize("wait", ["", "import asyncio\nawait asyncio.sleep(0)\n"])
def test_it_is_an_error_too_where_only_the_run_can_tell(notebook: Notebook, wait: str) -> None:
    cause = fail_one(notebook, *TWO, f"%%milo site.c --after a b\n{wait}if not ctx:\n    df = 1\nx = df")
    assert str(cause) == "df is exported by 'a' and 'b': use a.df or b.df"
    assert cause.__suppress_context__
    assert [f.line for f in traceback.extract_tb(cause.__traceback__)] == ["x = df"]


# ---------------------------------------------------------------------- how it runs


def test_the_body_may_await_at_its_top_level(notebook: Notebook) -> None:
    result = run_one(
        notebook, "import asyncio\nvalue = await asyncio.sleep(0, 5)\nasync def f(): return value\nawait f() + 1"
    )
    assert (result.value, result._) == (5, 6)


def test_the_body_may_hold_magics_and_shell_commands(notebook: Notebook) -> None:
    result = run_one(notebook, "who = 'you'\n!echo hello {who}\nout = !echo lines\n%time z = 3\nx = z")
    assert list(result.out) == ["lines"]
    assert result.x == result.z == 3
    assert "hello you" in [log.line.strip() for log in notebook.names["site"]["a"].logs()]


def test_what_the_body_prints_is_in_its_log(notebook: Notebook) -> None:
    run_one(notebook, "print('hello')")
    assert [log.line for log in notebook.names["site"]["a"].logs()] == ["hello"]


def test_annotations_and_future_imports_are_the_bodys_own(notebook: Notebook) -> None:
    notebook.run("x: int = 1")
    before = dict(notebook.names.get("__annotations__", {}))
    assert list(run_one(notebook, "from __future__ import annotations\ny: Unknown = 2")) == ["y"]
    assert notebook.names.get("__annotations__", {}) == before


def test_a_body_can_be_cancelled(notebook: Notebook, built: None) -> None:
    begun = notebook.names["begun"] = threading.Event()
    notebook.arrive()
    notebook.run("%%milo site.a\nbegun.set()\nctx.sleep(20)")
    notebook.run("%milo run site")
    assert begun.wait(60)
    notebook.run("%milo cancel site")
    assert notebook.names["site"].wait(60).status == "cancelled"


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize("wait", ["", "\nimport asyncio; await asyncio.sleep(0)"])
def test_an_error_points_at_the_persons_line_without_frames_of_ours(notebook: Notebook, wait: str) -> None:
    cause = fail_one(notebook, f"%%milo site.a\n\n{wait}\n\ndef f(x):\n    return 1 / x\n\nf(0)")
    shift = wait.count("\n")
    frames = traceback.extract_tb(cause.__traceback__)
    assert [(f.lineno, f.name, f.line) for f in frames] == [
        (8 + shift, "<module>", "f(0)"),
        (6 + shift, "f", "return 1 / x"),
    ]
    shown = to_detail(notebook.names["site"].session, 0)["error"]
    assert [f["line"] for f in shown["frames"]] == [8 + shift, 6 + shift]
    assert all(f["file"].startswith("Cell [") for f in shown["frames"])
    assert "phase_body" not in shown["text"]


def test_a_name_that_is_nowhere_is_pythons_own_error(notebook: Notebook) -> None:
    cause = fail_one(notebook, "%%milo site.a\nx = nowhere")
    assert str(cause) == "name 'nowhere' is not defined"
    assert len(traceback.extract_tb(cause.__traceback__)) == 1


def test_an_error_of_a_magic_points_at_the_persons_line_first(notebook: Notebook) -> None:
    cause = fail_one(notebook, "%%milo site.a\n\n%nonsense")
    assert traceback.extract_tb(cause.__traceback__)[0].lineno == 3


@pytest.mark.parametrize(
    ("body", "line", "says"),
    [
        ("\ndef load() return 3", 3, "SyntaxError: expected ':'"),
        ("x = 1\nreturn x", 3, "SyntaxError: 'return' outside function"),
        ("x = 1\n\n  y = 2", 4, "IndentationError: unexpected indent"),
    ],
)
def test_a_syntax_error_fails_the_cell_at_the_persons_line(notebook: Notebook, body: str, line: int, says: str) -> None:
    out = notebook.fail(f"%%milo site.a\n{body}")
    assert f"line {line}" in out
    assert body.splitlines()[-1].strip() in out
    assert out.endswith(says)
    assert "milo_nb" not in out
    assert "site" not in notebook.names
