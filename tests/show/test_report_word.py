"""`%milo report`: this notebook's session, or one on disk, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from milo_nb.execute.executor import PipelineExecutor
from milo_nb.show.magic.made import release

if TYPE_CHECKING:
    from tests.show.conftest import Notebook

SHOP = """%%milo shop
@phase
def load(): return 3
@phase
def clean(load): return load + 1
"""


def test_it_writes_the_report_and_says_where(notebook: Notebook) -> None:
    notebook.run(SHOP)
    assert notebook.run("%milo report shop") == "Report of 'shop': shop-report.html"  # the same each time
    assert "shop: completed" in Path("shop-report.html").read_text("utf-8")
    notebook.arrive()
    said = notebook.run("%milo report shop --to mine.html")
    assert said == f"Report of 'shop': mine.html ({Path('mine.html').stat().st_size / 1000:.1f} kB)"
    Path("all").mkdir()
    notebook.run("%milo report shop --to all")
    assert Path("all/shop-report.html").is_file()


def test_a_session_on_disk_is_reported_without_its_code(notebook: Notebook) -> None:
    notebook.run(SHOP)
    session = str(notebook.names["shop"].session_id)
    for executor in [v for v in notebook.names.values() if isinstance(v, PipelineExecutor)]:
        release(executor)
    notebook.run("%unload_ext milo_nb")
    notebook.shell.reset(new_session=False)
    notebook.run("%load_ext milo_nb")
    assert notebook.run("%milo report shop") == "Report of 'shop': shop-report.html"
    assert session in Path("shop-report.html").read_text("utf-8")
    notebook.run(f"%milo report shop --session {session[:8]} --to past.html")
    assert "Past session" in Path("past.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("%milo report", "Which pipeline? Usage: %milo report NAME."),
        ("%milo report shop load", "Too many words. Usage: %milo report NAME."),
        ("%milo report shpo", "there is no pipeline 'shpo'."),
        ("%milo report shop --to nowhere/x.html", "The report cannot be written: "),
        ("%milo report shop --session ffff", "ffff"),
    ],
)
def test_mistakes_are_told_in_a_line(notebook: Notebook, line: str, says: str) -> None:
    notebook.run(SHOP)
    shown = notebook.fail(line)
    assert says in shown
    assert "Traceback" not in shown
    assert not list(Path().glob("*.html"))
