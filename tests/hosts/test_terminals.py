"""Without Jupyter: IPython's magics in scripts and commands, and plain Python. Each waits, tells, and sets its exit status."""

from __future__ import annotations

import pytest

from tests.hosts.conftest import COMPLETED, FAILED, LOAD, SHOW, SITE, WHY, Host

BODY = SITE.strip().partition("\n")[2]
CELL = f"get_ipython().run_cell_magic('milo', 'site -p rows', {BODY!r})"
PLAIN = """
import sys
from milo_nb import Phase, Pipeline

def total(load):
    if not load:
        raise ValueError("no rows")
    return sum(load)

pipeline = Pipeline("site", Phase("load", lambda rows: list(range(rows))), Phase("total", total))
result = pipeline.run({"rows": int(sys.argv[1])}).wait()
print(result.summary)
raise SystemExit(not result.success)
"""


def in_a_script(host: Host, rows: int) -> tuple[str, ...]:
    return ("-m", "IPython", "--no-banner", host.script(f"{LOAD}\nrows = {rows}\n{CELL}\n{SHOW}\n", "site.ipy"))


def in_a_command(host: Host, rows: int) -> tuple[str, ...]:
    return ("-m", "IPython", "--no-banner", "-c", f"{LOAD}\nrows = {rows}\n{CELL}\n{SHOW}")


ipython = pytest.mark.parametrize("where", [in_a_script, in_a_command])


@ipython
def test_ipython_waits_and_prints_the_summary_only(host, where) -> None:
    ended = host.run(*where(host, 3))
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == f"{COMPLETED}\n{{'load': [0, 1, 2], 'total': 3}}\n"


@ipython
def test_ipython_ends_with_an_error_if_the_pipeline_failed(host, where) -> None:
    ended = host.run(*where(host, 0))
    assert ended.status == 1
    assert ended.out == f"{FAILED}\n{WHY}\n"


@pytest.mark.parametrize(("rows", "status", "summary"), [(3, 0, COMPLETED), (0, 1, FAILED)])
def test_plain_python_waits_and_sets_its_exit_status(host, rows, status, summary) -> None:
    ended = host.run(host.script(PLAIN, "site.py"), str(rows))
    assert (ended.status, ended.out, ended.err) == (status, f"{summary}\n", "")
