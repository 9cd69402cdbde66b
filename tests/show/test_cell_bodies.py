"""What the body of a ``%%milo`` cell may do, what it may not, and what is left when it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from milo_nb import Phase
from milo_nb.errors import UsageError
from milo_nb.show.magic.reading import read_params, split

if TYPE_CHECKING:
    from tests.show.conftest import Notebook

# ---------------------------------------------------------------------- the line


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("site  --parallel", ["site", "--parallel"]),
        ("site -p x=[1, 2] -p y={'a': (1, 2)}", ["site", "-p", "x=[1, 2]", "-p", "y={'a': (1, 2)}"]),
        ("site -p 'title=All of it'", ["site", "-p", "title=All of it"]),
        ("site -p title='All of it'", ["site", "-p", "title='All of it'"]),
        ("--description='All of it' --work-dir \"my files\"", ["--description=All of it", "--work-dir", "my files"]),
        (r"--description 'It\'s'", ["--description", "It's"]),
        ("site -p word=don't # isn't read", ["site", "-p", "word=don't"]),
        ("site -p color=#fff", ["site", "-p", "color=#fff"]),
        ("site -p path=C:\\temp", ["site", "-p", "path=C:\\temp"]),
        ("site -p face=:-(", ["site", "-p", "face=:-("]),
        ("retry site load;", ["retry", "site", "load"]),
        ("", []),
        ("# nothing", []),
    ],
)
def test_a_line_is_read_as_people_write_it(line: str, words: list[str]) -> None:
    assert split(line) == words


@pytest.mark.parametrize(
    "line", ["site 'x", "site -p x='a", "site -p x=[1", "site -p x={'a]", 'site --description="a\\"']
)
def test_a_line_that_does_not_end_is_refused(line: str) -> None:
    with pytest.raises(UsageError, match=r"no closing (quotation|\])"):
        split(line)


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("x=3", 3),
        ("x=-0.5", -0.5),
        ("x= [1, 'a'] ", [1, "a"]),
        ("x='3'", "3"),
        ("x=None", None),
        ("x=plain text", "plain text"),
        ("x=", ""),
        ("x=a=b", "a=b"),
        ("x=__import__('os')", "__import__('os')"),
        (f"x={'[' * 9999}", "[" * 9999),
        ("\uff58=1", 1),
    ],
)
def test_a_value_is_read_as_python_writes_it_and_else_as_text(given: str, value: object) -> None:
    assert read_params([given], {}) == {"x": value}


def test_names_are_put_in_where_a_value_is_none_of_pythons(notebook: Notebook) -> None:
    notebook.run("rate, name = 0.5, 'site'")
    notebook.run(
        "%%milo {name} -p rate={rate * 2} -p set={1, 2} -p left={nowhere} -p at=$name\n@phase\ndef a(ctx): return ctx.params"
    )
    assert notebook.names["site"].results["a"] == {"rate": 1.0, "set": {1, 2}, "left": "{nowhere}", "at": "site"}


def test_a_name_is_spelt_as_python_spells_it(notebook: Notebook) -> None:
    notebook.run("%%milo \ufb01le\n@phase\ndef größe(): return 1")
    assert notebook.run("print(\ufb01le.results)") == "{'größe': 1}"
    notebook.run("%%milo über.\ufb01t --retry 1\nwert = 1")
    notebook.run("%milo run über")
    assert notebook.names["über"]["fit"].result.wert == 1


@pytest.mark.parametrize(("value", "python"), [("true", "True"), ("false", "False"), ("null", "None")])
def test_what_other_languages_write_is_pointed_at(notebook: Notebook, value: str, python: str) -> None:
    out = notebook.run(f"%%milo site -p fast={value}\n@phase\ndef a(fast): return fast")
    assert out.startswith(f"-p fast={value} is text, which counts as true. Python writes {python}.")
    assert notebook.names["site"].results == {"a": value}


def test_parameters_may_be_arrays(notebook: Notebook, built: None) -> None:
    notebook.arrive()
    notebook.names["rows"] = np.zeros(3)
    cell = "%%milo site -p rows\n@phase\ndef a(rows): return 1 / 0"
    notebook.run(cell)
    site = notebook.names["site"]
    site.wait(60)
    assert notebook.run(cell).startswith("continued ")
    site.wait(60)


# ---------------------------------------------------------------------- names of the notebook


@pytest.mark.parametrize("decorator", ["@phase", "@phase(retry=1)"])
@pytest.mark.parametrize("value", ["[1]", "__import__('json')", "3", "''"])
def test_a_phase_that_would_overwrite_the_persons_data_is_refused(
    notebook: Notebook, decorator: str, value: str
) -> None:
    notebook.run(f"rows = {value}")
    before = notebook.names["rows"]
    out = notebook.fail(f"%%milo site\nran = True\n{decorator}\nasync def rows(): ...")
    assert out == (
        f"UsageError: 'rows' is a variable of the notebook ({type(before).__name__}), which the phase would overwrite. "
        "Rename the phase, or first: del rows"
    )
    assert notebook.names["rows"] is before
    assert "ran" not in notebook.names
    assert "site" not in notebook.names


def test_a_function_may_become_a_phase(notebook: Notebook) -> None:
    notebook.run("def load(): return 1\nclass parse: ...\nrows = 3")
    notebook.run("%%milo site\n@phase\ndef load(): return 2\n@phase\ndef parse(load): return load\ndef rows(): ...")
    assert notebook.names["site"].results == {"load": 2, "parse": 2}


def test_hiding_a_name_of_pythons_own_is_said(notebook: Notebook) -> None:
    out = notebook.run("%%milo site\n@phase\ndef filter(): return 1")
    assert out.startswith("`filter` is the phase now, in all of this notebook, and no longer Python's own. Keep both:")
    notebook.run("del filter, site")
    assert "Python's own" not in notebook.run("%%milo site\n@phase(name='filter')\ndef keep(): return 1")
    notebook.run("del site")
    out = notebook.run("%%milo site.filter\n1")
    assert out.startswith("'site.filter' is defined. In the bodies after it `filter` is its result, not Python's own.")


# ---------------------------------------------------------------------- a body that fails


def test_of_a_body_that_fails_no_phase_is_left(notebook: Notebook) -> None:
    notebook.run("def load(): return 'mine'")
    mine = notebook.names["load"]
    notebook.fail("%%milo site\nhelper = 1\n@phase\ndef load(): ...\n@phase\ndef parse(load): ...\n1 / 0")
    assert notebook.names["load"] is mine
    assert "parse" not in notebook.names
    assert "phase" not in notebook.names
    assert "site" not in notebook.names
    assert notebook.names["helper"] == 1  # as in any cell


def test_a_body_that_fails_leaves_the_phases_of_before(notebook: Notebook) -> None:
    notebook.run("%%milo site\n@phase\ndef load(): return 1\n@phase\ndef parse(load): return 2")
    before = {name: notebook.names[name] for name in ("site", "load", "parse")}
    notebook.fail("%%milo site\n@phase\ndef load(): return 3\n@phase\ndef more(load): ...\n1 / 0")
    notebook.fail("%%milo site\n@phase\ndef load(nowhere): return 3")
    assert {name: notebook.names[name] for name in before} == before
    assert isinstance(notebook.names["parse"], Phase)
    assert "more" not in notebook.names
    assert notebook.run("%milo run site") == "site: completed (2 completed)"


def test_an_error_after_an_await_is_shown_from_the_persons_line(notebook: Notebook) -> None:
    out = notebook.fail("%%milo site\nimport asyncio\nawait asyncio.sleep(0)\n\n1 / 0")
    assert "----> 5 1 / 0" in out
    assert "asyncio/" not in out
    assert "body.py" not in out


# ---------------------------------------------------------------------- magics in the body


def test_a_body_and_its_phases_may_hold_magics_and_shell_commands(notebook: Notebook) -> None:
    notebook.run(
        "%%milo site\n%time made = 3\nfound = !echo in the body\n\n@phase\ndef load():\n    who = 'you'\n"
        "    !echo hello {who}\n    lines = !echo lines\n    %time 3\n    return list(lines)\n"
    )
    site = notebook.names["site"]
    assert (notebook.names["made"], list(notebook.names["found"])) == (3, ["in the body"])
    assert site.results["load"] == ["lines"]
    assert "hello you" in [log.line.strip() for log in site["load"].logs()]


def test_a_magic_that_is_not_there_fails_the_phase_at_its_line(notebook: Notebook) -> None:
    out = notebook.fail("%%milo site\n\n@phase\ndef load():\n    %nonsense\n")
    assert "[FAIL] load: UsageError: Line magic function `%nonsense` not found." in out
    assert notebook.names["site"]["load"].error.cause.__traceback__.tb_lineno == 5


def test_a_body_may_hold_lines_of_ours(notebook: Notebook) -> None:
    notebook.run("%%milo other\n@phase\ndef first(): return 1")
    assert "other: completed" in notebook.run("%%milo site\n%milo status other\n@phase\ndef load(): return 1")


# ---------------------------------------------------------------------- which cell


def test_another_cell_of_the_same_name_says_what_it_takes_the_place_of(notebook: Notebook, built: None) -> None:
    def run(cell_id: str, *phases: str) -> str:
        parent["metadata"] = {"cellId": cell_id}
        out = notebook.run("%%milo site\n" + "\n".join(f"@phase\ndef {name}(): return 1" for name in phases))
        notebook.names["site"].wait(60)
        return out

    notebook.arrive()
    parent = {"content": {"allow_stdin": True}, "header": {"msg_id": "1"}}
    notebook.shell.kernel.get_parent = lambda channel: parent
    for cell_id, *phases in (("a", "load", "parse"), ("a", "load"), ("a", "load", "parse"), ("b", "load", "parse")):
        assert "In place of" not in run(cell_id, *phases)
    assert run("c", "load").splitlines()[0] == "In place of another cell %%milo site; no longer defined: parse."


# ---------------------------------------------------------------------- times


def test_where_nobody_looks_no_times_are_printed(notebook: Notebook, built: None) -> None:
    notebook.fail("%%milo site\n@phase\ndef load(): ...\n@phase\ndef parse(load): 1 / 0")
    assert " ago" not in notebook.run("%milo retry site --dry-run")
    assert notebook.run("%milo status site").splitlines()[1] == "  [OK]    load"
    notebook.arrive()
    assert " s ago" in notebook.run("%milo retry site --dry-run")
    assert "0.0 s" in notebook.run("%milo status site")
