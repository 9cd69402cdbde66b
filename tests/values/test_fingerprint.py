"""An edit of a phase's code is noticed, wherever it is; what changes nothing is not."""

from __future__ import annotations

import ast
import functools
import importlib
import sys
import textwrap
import threading

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

from milo_nb.declare.phase import Phase
from milo_nb.show.magic.phase_body import make_body
from milo_nb.values.fingerprint import Body, differs, fingerprint, source_of
from milo_nb.values.outside import taken_from_outside

CELL = '''
import functools, json, threading
import numpy as np
from enum import Enum
from dataclasses import dataclass
K = 3
TABLE = np.arange(10)
LOCK = threading.Lock()
UNUSED = 1
class Kind(Enum):
    A = 1
@dataclass
class Options:
    """doc"""
    depth: int = 4
    names: tuple = ("x",)
class Model:
    """doc"""
    rate = 2
    def go(self, x):
        """doc"""
        return x * self.rate
    @property
    def half(self): return self.rate / 2
    @staticmethod
    def twice(x): return x * 2
    @functools.cached_property
    def slow(self): return 7
def deep(x): return x + 1
def helper(x, step=1):
    return deep(x) * step
@functools.lru_cache
def kept(x): return x ** 2
ACTIONS = {"a": deep, "k": Kind.A}
options = Options(5)
def make(n):
    def clean(x, y=1, *, z=2):
        """docstring"""
        total = [helper(i) for i in range(n)]   # a comment
        add = lambda q: q + K
        if y in {"a", "b", "c"}:
            raise ValueError(json.dumps(options.depth))
        with LOCK:
            return add(Model().go(sum(total))) + TABLE.sum() + y + kept(2) + ACTIONS["a"](1)
    return clean
clean = make(5)
'''

NOTHING = {
    "nothing": ("", ""),
    "a comment": ("# a comment", "# other words"),
    "a docstring": ('"""docstring"""', '"""another"""'),
    "a docstring taken away": ('        """docstring"""\n', ""),
    "a docstring of a class": ('"""doc"""', '"""other"""'),
    "a docstring of a class taken away": ('    """doc"""\n', ""),
    "blank lines": ("K = 3", "\n\n\nK = 3"),
    "blank lines within": ("add = lambda", "\n\n        add = lambda"),
    "what is not used": ("UNUSED = 1", "UNUSED = 2"),
    "line breaks": ("total = [helper(i) for i in range(n)]", "total = [\n  helper(i)\n  for i in range(n)\n]"),
    "the order of functions": ("def deep(x): return x + 1\n", "pass\n"),
}
EDITS = {
    "a default": ("y=1", "y=2", ["default of y changed"]),
    "a keyword's default": ("z=2", "z=3", ["default of z changed"]),
    "a captured value": ("make(5)", "make(6)", ["captured n changed"]),
    "the body": ("+ y", "- y", ["edited `clean`"]),
    "a constant in a set": ('"c"}', '"d"}', ["edited `clean`"]),
    "a global of a lambda": ("K = 3", "K = 4", ["global K changed"]),
    "the content of an array": ("arange(10)", "arange(10)[::-1]", ["global TABLE changed"]),
    "a helper of a helper": ("return x + 1", "return x + 2", ["edited helper `deep`"]),
    "a default of a helper": ("step=1", "step=2", ["edited helper `helper`"]),
    "a kept function": ("x ** 2", "x ** 3", ["edited helper `kept`"]),
    "an attribute of a class": ("rate = 2", "rate = 3", ["edited class `Model`"]),
    "a method": ("x * self.rate", "x * self.rate + 0", ["edited class `Model`"]),
    "a property": ("self.rate / 2", "self.rate / 3", ["edited class `Model`"]),
    "a static method": ("x * 2", "x * 4", ["edited class `Model`"]),
    "a cached property": ("return 7", "return 8", ["edited class `Model`"]),
    "a default of a field": ("depth: int = 4", "depth: int = 3", ["edited class `Options`"]),
    "the type of a field": ("depth: int", "depth: float", ["edited class `Options`"]),
    "a value of a class of the notebook": ("Options(5)", "Options(6)", ["global options changed"]),
    "a member": ("A = 1", "A = 11", ["edited class `Kind`", "global ACTIONS changed"]),
    "another helper": (
        "total = [helper(i)", "total = [deep(i)", ["edited `clean`", "does not use helper `helper` any more"],
    ),
    "another global": ("sum(total)", "sum(total) + UNUSED", ["edited `clean`", "reads global UNUSED now"]),
}  # fmt: skip


def run_cell(text=CELL):
    names = {"__name__": "__main__"}
    exec(compile(text, f"<cell {threading.get_ident()} {len(text)}>", "exec"), names)
    return names


@pytest.mark.parametrize(("old", "new"), NOTHING.values(), ids=NOTHING)
def test_what_changes_nothing_is_no_edit(old, new):
    text = CELL.replace(old, new) if old else CELL
    if new == "pass\n":
        text = text.replace("ACTIONS = {", old + "ACTIONS = {")
    assert old in CELL
    before, after = fingerprint(run_cell()["clean"]), fingerprint(run_cell(text)["clean"])

    assert differs(before.parts, after.parts) == []
    assert before.digest == after.digest


@pytest.mark.parametrize(("old", "new", "said"), EDITS.values(), ids=EDITS)
def test_an_edit_is_noticed_and_named(old, new, said):
    assert old in CELL
    before, after = fingerprint(run_cell()["clean"]), fingerprint(run_cell(CELL.replace(old, new))["clean"])

    assert differs(before.parts, after.parts) == said
    assert before.digest != after.digest


def test_the_parts_have_names_for_people():
    found = fingerprint(run_cell()["clean"])

    assert sorted(found.parts) == [
        "Python", "captured n", "class Kind", "class Model", "class Options", "code of clean", "default of y",
        "default of z", "global ACTIONS", "global K", "global TABLE", "global options", "helper deep", "helper helper",
        "helper kept",
    ]  # fmt: skip
    assert found.untracked == ("LOCK (lock)",)
    assert len(found.digest) == 64


def test_of_packages_the_version_counts_and_of_python_nothing():
    def phase():
        return np.mean([1]), textwrap.dedent(""), pytest.approx(1)

    found = fingerprint(phase)

    assert found.parts["package numpy"] == np.__version__
    assert set(found.parts) == {"Python", "code of phase", "package numpy", "package pytest"}
    newer = found.parts | {"package numpy": "9.9", "Python": "9.9"}
    assert differs(found.parts, newer) == [
        f"numpy {np.__version__} became 9.9",
        f"Python {found.parts['Python']} became 9.9",
    ]


def test_shallow_looks_at_the_function_alone_and_off_not_at_all():
    before = run_cell()["clean"]
    for old, new, shallow in (("K = 3", "K = 4", True), ("return x + 1", "return x + 2", True), ("y=1", "y=2", False)):
        after = run_cell(CELL.replace(old, new))["clean"]
        assert (fingerprint(before, "shallow") == fingerprint(after, "shallow")) == shallow
        assert fingerprint(before, "off") == fingerprint(after, "off")
    assert fingerprint(before, "off").parts == {}
    assert sorted(fingerprint(before, "shallow").parts) == [
        "Python", "captured n", "code of clean", "default of y", "default of z",
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r"no mode 'deeper'\. Available modes: deep, shallow, off"):
        fingerprint(before, "deeper")


def test_a_phase_is_its_handler_and_phases_that_call_phases_are_followed():
    text = "def inner(): return 1\ndef outer(): return part()\n"
    names, other = run_cell(text), run_cell(text.replace("return 1", "return 2"))
    for one in (names, other):
        one["part"] = Phase("part", one["inner"])
    before, after = fingerprint(Phase("outer", names["outer"])), fingerprint(Phase("outer", other["outer"]))

    assert differs(before.parts, after.parts) == ["edited helper `inner`"]


@pytest.mark.parametrize(
    ("make", "old", "new"),
    [
        ("functools.partial(f, 1)", "(f, 1)", "(f, 2)"),
        ("functools.partial(f, 1)", "x + 1", "x + 2"),
        ("C().go", "self.n = 1", "self.n = 2"),
        ("C().go", "x * 3", "x * 4"),
        ("C()", "self.n = 1", "self.n = 2"),
        ("C()", "x * 3", "x * 4"),
        ("C", "x * 3", "x * 4"),
        ("functools.lru_cache(f)", "x + 1", "x + 2"),
        ("wrapped", "x + 1", "x + 2"),
        ("wrapped", "x - 5", "x - 6"),
        ("from_module", "x + 1", "x + 2"),
        ("gather", "return 5", "return 6"),
        ("ring_a", "7", "8"),
    ],
)
def test_whatever_can_be_called_is_followed(make, old, new):
    text = f"""
import functools, types
def f(x, y=0): return x + 1
class C:
    def __init__(self): self.n = 1
    def go(self, x): return x * 3
    __call__ = go
def around(function):
    @functools.wraps(function)
    def inner(x): return function(x - 5)
    return inner
wrapped = around(f)
tools = types.ModuleType("tools")
tools.f = f
def from_module(x): return tools.f(x)
async def gather():
    async def one(): return 5
    return await one()
def ring_a(n): return ring_b(n)
def ring_b(n): return ring_a(n - 7) if RING else RING
RING = [ring_a]
target = {make}
"""
    assert old in text
    before, same, after = (fingerprint(run_cell(t)["target"]) for t in (text, "\n#\n" + text, text.replace(old, new)))

    assert before.digest == same.digest
    assert before.digest != after.digest


def test_two_helpers_of_one_name_both_count():
    text = "def make(n):\n    def f(): return n\n    return f\na, b = make(1), make(2)\ndef phase(): return a() + b()"
    before, after = (fingerprint(run_cell(t)["phase"]) for t in (text, text.replace("make(2)", "make(3)")))

    assert differs(before.parts, after.parts) == ["edited helper `f (2)`"]


def test_what_runs_the_notebook_is_no_part_of_the_code():
    shell = InteractiveShell()
    names = run_cell("def phase(): return get_ipython().run_line_magic('pwd', ''), display(1), print(__file__)")
    names.update(get_ipython=shell.get_ipython, display=shell.display_pub, shell=shell, __file__="somewhere")

    found = fingerprint(names["phase"])
    shell.history_manager.end_session()
    assert set(found.parts) == {"Python", "code of phase"}
    assert found.untracked == ()


def test_a_name_that_does_not_exist_yet_is_noticed_when_it_does():
    names = run_cell("def phase(): return later")
    before = fingerprint(names["phase"])
    names["later"] = 1

    assert differs(before.parts, fingerprint(names["phase"]).parts) == ["reads global later now"]


# ---------------------------------------------------------------------- a person's own modules

SCORING = '''"""Scores."""
from .weights import WEIGHT, Scale
LIMIT = 10
def tidy(x):
    """doc"""
    return min(x * WEIGHT, LIMIT)  # never more
def unrelated(x): return x
class Scorer(Scale):
    def go(self, x): return tidy(x)
'''
WEIGHTS = "WEIGHT = 2\nclass Scale:\n    unit = 1\ndef load(): return 1\n"
USES = {
    "by name": "from scores.scoring import tidy\ndef phase(x): return tidy(x)",
    "by module": "import scores.scoring as scoring\ndef phase(x): return scoring.tidy(x)",
    "by package": "import scores.scoring\ndef phase(x): return scores.scoring.tidy(x)",
    "by class": "from scores.scoring import Scorer\ndef phase(x): return Scorer().go(x)",
    "by the whole module": "import scores.scoring\nTOOLS = [scores.scoring]\ndef phase(x): return TOOLS[0].tidy(x)",
    "by import within": "def phase(x):\n    from scores.scoring import tidy\n    return tidy(x)",
    "by module within": "def phase(x):\n    import scores.scoring as scoring\n    return scoring.tidy(x)",
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder of modules; gives what writes them, runs a cell that uses them, and fingerprints its phase."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "__init__.py").write_text("")

    def run(use, scoring=SCORING, weights=WEIGHTS):
        (tmp_path / "scores" / "scoring.py").write_text(scoring)
        (tmp_path / "scores" / "weights.py").write_text(weights)
        for name in [name for name in sys.modules if name.partition(".")[0] == "scores"]:
            del sys.modules[name]
        importlib.invalidate_caches()
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        return fingerprint(run_cell(use)["phase"])

    yield run
    for name in [name for name in sys.modules if name.partition(".")[0] == "scores"]:
        del sys.modules[name]


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_persons_own_modules_are_followed_however_they_are_used(project, use):
    before = project(use)
    text = (
        SCORING.replace("# never more", "# at most").replace('"""doc"""', '"""words"""').replace("LIMIT =", "\nLIMIT =")
    )

    assert project(use, text).digest == before.digest
    for edited in (SCORING.replace("x * WEIGHT", "x + WEIGHT"), SCORING.replace("LIMIT = 10", "LIMIT = 11")):
        assert project(use, edited).digest != before.digest
    assert project(use, SCORING, WEIGHTS.replace("WEIGHT = 2", "WEIGHT = 3")).digest != before.digest
    assert before.untracked == ()


def test_of_a_module_only_what_is_used_counts(project):
    before = project(USES["by module"])

    assert project(USES["by module"], SCORING.replace("return x\n", "return -x\n")).digest == before.digest
    assert set(before.parts) == {
        "Python", "code of phase", "helper scores.scoring.tidy", "global WEIGHT", "global LIMIT",
    }  # fmt: skip


def test_a_base_class_in_another_module_counts(project):
    before = project(USES["by class"])
    after = project(USES["by class"], SCORING, WEIGHTS.replace("unit = 1", "unit = 2"))

    assert differs(before.parts, after.parts) == ["edited class `scores.weights.Scale`"]


def test_an_import_within_a_phase_counts_the_same_before_and_after_it_ran(project):
    before = project(USES["by import within"])
    importlib.import_module("scores.scoring")
    after = fingerprint(run_cell(USES["by import within"])["phase"])

    assert before.parts == after.parts
    assert {"module scores.scoring", "module scores.weights", "module scores"} <= set(before.parts)


# ---------------------------------------------------------------------- bodies of cells


class CellBody:
    def __init__(self, text, names):
        self.tree, self.names = ast.parse(text), names
        self.code = compile(text, "<cell>", "exec")

    def __milo_fingerprint__(self):
        return Body(self.code, self.names, taken_from_outside(self.tree))

    def __call__(self):
        exec(self.code, dict(self.names))


def body(text, **names):
    return CellBody(text, run_cell("def tidy(x): return x + K\nK = 1\n") | names)


def test_the_body_of_a_cell_is_followed_into_the_notebook():
    text = '"""doc"""\ndf = [tidy(x) for x in rows]\ntotal = sum(df) * RATE\n'
    before = fingerprint(body(text, RATE=2, rows=[1], df="old", total=0), given=["rows"])

    assert set(before.parts) == {"Python", "code of the cell", "helper tidy", "global K", "global RATE"}
    for same in (
        body(text, RATE=2, rows=[2], df="other", total=1),
        body("\n# moved\n" + text, RATE=2),
        body(text.replace('"""doc"""\n', ""), RATE=2),
    ):
        assert fingerprint(same, given=["rows"]).digest == before.digest
    changed = fingerprint(body(text.replace("* RATE", "+ RATE"), RATE=3, K=5), given=["rows"])
    assert differs(before.parts, changed.parts) == ["edited `the cell`", "global RATE changed"]


@pytest.mark.parametrize(
    ("text", "outside"),
    [
        ("x = 1\ny = x + z", "z"),
        ("x = x + 1", "x"),
        ("x += 1", "x"),
        ("if a:\n    x = 1\nprint(x)", "a print x"),
        ("for k in rows:\n    x = k\nprint(x)", "k print rows x"),
        ("try:\n    x = f()\nexcept E as e:\n    print(e)\nx", "E e f print x"),
        ("with open(p) as file:\n    x = file\nx, file", "open p"),
        ("import a.b, c as d\nfrom e import f\na, d, f, c", "c"),
        ("def f(a): return a + g\nclass C(B): x = h\nf, C", "B a g h"),
        ("(x, [y, *z]) = w\nx, y, z", "w"),
        ("x: int = 1\ny: int\nx, y", "int y"),
        ("del q\nr.s = 1\nt[u] = v", "r t u v"),
    ],
)
def test_what_a_body_surely_bound_before_it_does_not_take_from_outside(text, outside):
    assert taken_from_outside(ast.parse(text)) == frozenset(outside.split())


# ---------------------------------------------------------------------- source


def test_the_source_of_a_function_is_for_reading():
    def phase(x):
        return x + 1  # one more

    text = "def phase(x):\n    return x + 1  # one more\n"
    assert source_of(phase) == source_of(Phase("p", phase)) == source_of(functools.partial(phase, 1)) == text
    assert source_of(functools.lru_cache(phase)) == text
    assert source_of(CellBody("1", {}).__call__).startswith("def __call__(self):")
    assert source_of(len) == source_of(run_cell("def f(): pass")["f"]) == ""


def test_the_source_of_an_object_that_can_be_called_is_its_call():
    class Add:
        def __call__(self, x):
            return x + 1

    assert source_of(Add()).startswith("def __call__(self, x):")


def test_the_body_of_a_phase_cell_is_followed_into_the_notebook():
    shell = InteractiveShell()
    exec("def tidy(x): return x + K\nK, rows, df = 1, 'stale', 'stale'", shell.user_ns)
    text = "df = [tidy(x) for x in rows]\nlen(df)\n"
    before = fingerprint(Phase("load", make_body(shell, "site.load", text)), given=["rows"])
    shell.user_ns.update(df="other", rows=5)
    same = fingerprint(Phase("load", make_body(shell, "site.load", "# moved\n\n" + text)), given=["rows"])
    shell.user_ns.update(K=2)
    after = fingerprint(Phase("load", make_body(shell, "site.load", text)), given=["rows"])
    shell.history_manager.end_session()

    assert set(before.parts) == {"Python", "code of the cell", "helper tidy", "global K"}
    assert same.digest == before.digest
    assert differs(before.parts, after.parts) == ["global K changed"]


def test_a_folder_that_code_works_in_is_its_path_and_not_its_content(tmp_path):
    space = {"HERE": tmp_path}
    exec("def work():\n    return HERE", space)
    before = fingerprint(space["work"])
    (tmp_path / "new.txt").write_text("more")
    assert fingerprint(space["work"]) == before
    space["HERE"] = tmp_path / "elsewhere"
    assert differs(before.parts, fingerprint(space["work"]).parts) == ["global HERE changed"]
