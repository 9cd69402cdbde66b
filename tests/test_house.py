"""The house keeps its shape: sizes, the front door, what an import costs, what lies at the top."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import milo_nb

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "milo_nb"
MODULES = sorted(PACKAGE.rglob("*.py"))

MODULE_LINES = 450
CLASS_LINES = 200
LONGER: dict[str, int] = {  # a module or `module:Class` that may be longer, up to how long, and why
    "milo_nb/capture/sink.py:Sink": 220,  # one lock guards all of it: two classes would have to share it
    "milo_nb/execute/executor.py:PipelineExecutor": 315,  # the composition root: a third of it documents the options
    "milo_nb/execute/session.py:Session": 265,  # holds what one session is made of, and nothing else does
    "milo_nb/show/notebook/feed.py:Feed": 255,  # the state of one conversation with the browser
    "milo_nb/store/loop.py:Loop": 240,  # stepping, mail and stopping all turn on what a task waits for
}
TOP_LEVEL = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "docs",
    "js",
    "milo_nb",
    "notebooks",
    "pyproject.toml",
    "tests",
}
FOR_IPYTHON = {"load_ipython_extension", "unload_ipython_extension"}  # called by `%load_ext`, not by people
HEAVY = ("IPython", "anywidget", "ipywidgets", "ipykernel", "numpy", "dask", "mcp", "textual")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_short_enough_to_read_in_one_sitting(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())

    assert lines <= LONGER.get(name_of(path), MODULE_LINES)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_class_has_one_job(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    sizes = {node.name: node.end_lineno - node.lineno + 1 for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}

    allowed = {name: LONGER.get(f"{name_of(path)}:{name}", CLASS_LINES) for name in sizes}
    assert {name: lines for name, lines in sizes.items() if lines > allowed[name]} == {}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_is_for(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))

    assert ast.get_docstring(tree)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_inside_comes_in_by_the_front_door(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    from_root = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "milo_nb"]
    the_root = [
        node for node in ast.walk(tree) if isinstance(node, ast.Import) and "milo_nb" in {a.name for a in node.names}
    ]

    rooms = {child.stem for child in PACKAGE.iterdir()}
    names = {alias.name for node in from_root for alias in node.names}
    assert names - rooms == set()
    assert the_root == []


def test_the_front_door_lists_its_names_in_order():
    assert list(milo_nb.__all__) == sorted(milo_nb.__all__)
    assert len(set(milo_nb.__all__)) == len(milo_nb.__all__)


def test_every_name_on_the_front_door_opens():
    for name in milo_nb.__all__:
        assert getattr(milo_nb, name) is not None


def test_the_front_door_shows_all_that_is_public_and_nothing_else():
    public = {
        name
        for name, value in vars(milo_nb).items()
        if not name.startswith("_")
        and (isinstance(value, str) or getattr(value, "__module__", "").startswith("milo_nb"))
    }

    assert public - FOR_IPYTHON <= set(milo_nb.__all__)
    assert set(milo_nb.__all__) <= set(dir(milo_nb))


def test_import_milo_nb_loads_nothing_heavy():
    code = f"import sys, milo_nb; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert loaded.stdout.split() == []


def test_the_package_says_that_it_is_typed():
    assert (PACKAGE / "py.typed").is_file()


def test_the_top_of_the_repository_stays_tidy():
    if not (ROOT / ".git").exists():
        return  # an sdist: nothing is tracked there
    listing = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True, cwd=ROOT)
    tops = {line.split("/")[0] for line in listing.stdout.splitlines()}

    assert {top for top in tops if not top.startswith(".")} - TOP_LEVEL == set()
