"""What completes ``%milo`` and ``%%milo``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.completer import provisionalcompleter

from milo_nb import Phase, Pipeline
from milo_nb.show.magic.complete import complete
from milo_nb.show.magic.words import WORDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.show.conftest import Notebook

HELD: dict[str, Any] = {
    "site": Pipeline("site", Phase("load", int), Phase("parse", lambda load, rate: (load, rate))),
    "_hidden": 3,
    "limit": 3,
}
OF_PHASES = ["--after", "--retry", "--timeout", "--on-fail", "--parallel", "--weight", "--description", "--help"]


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ("%milo re", ["retry", "rerun", "resume", "results", "report"]),
        ("%milo retry s", ["site"]),
        ("%milo retry ", ["site"]),
        ("%milo retry site p", ["parse"]),
        ("%milo retry site load ", ["parse"]),
        ("%milo status site ", ["site"]),
        ("%milo pause site ", ["--dry-run", "--session", "--work-dir", "--help"]),
        ("%milo plan site sk", ["skip"]),
        ("%milo plan site r", ["run", "retry", "rerun", "resume"]),
        ("%milo plan site skip p", ["parse"]),
        ("%milo retry site --d", ["--dry-run"]),
        ("%milo retry --dry-run site p", ["parse"]),
        ("%milo run site --m", ["--max-workers"]),
        ("%milo run --max-workers 2 s", ["site"]),
        ("%milo run --max-workers ", []),
        ("%milo run site -p ", ["rate=", "site", "limit"]),
        ("%milo run site --param r", ["rate="]),
        ("%milo logs site load -n ", []),
        ("%milo resume site --stale re", ["rerun", "reuse"]),
        ("%milo resume site --only p", ["parse"]),
        ("%milo resume site --session ", []),
        ("%%milo site --resume ", []),
        ("%milo runs s", ["site"]),
        ("%milo pull site p", ["parse"]),
        ("%milo attach ", []),
        ("%milo help ret", ["retry"]),
        (
            "%milo help ",
            [*WORDS, "cell", "phase"],
        ),
        ("%milo help retry ", []),
        ("%milo nonsense nowhere x", []),
        ("%milo", []),
        ("%milonga re", []),
        ("x = 3", []),
        ("", []),
        ("   %milo re", ["retry", "rerun", "resume", "results", "report"]),
        ("%%milo", []),
        ("%%milo s", ["site"]),
        ("%%milo ", ["site"]),
        ("%%milo site --par", ["--parallel", "--param"]),
        ("%%milo site -p li", ["limit"]),
        ("%%milo site -p r", ["rate="]),
        ("%%milo site --max-workers ", []),
        ("%%milo site.", ["site.load", "site.parse"]),
        ("%%milo site.p", ["site.parse"]),
        ("%%milo nowhere.", []),
        ("%%milo site.write --a", ["--after"]),
        ("%%milo site.write ", OF_PHASES),
        ("%%milo site.write --after ", ["load", "parse"]),
        ("%%milo site.write --after load ", ["parse"]),
        ("%%milo site.parse --retry 3 --after load --after ", []),
        ("%%milo site.parse --retry ", []),
        ("%%milo site.write --after load --re", ["--retry"]),
        ("%%milo site.write --on-fail s", ["stop", "skip"]),
        ("%%milo --wa", ["--wait"]),
    ],
)
def test_words_pipelines_phases_options_and_parameters_are_completed(
    before: str, found: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert complete(before, HELD) == found


def test_phases_are_completed_while_some_are_not_defined_yet(notebook: Notebook) -> None:
    notebook.run("%%milo site.parse --after load\n1")
    assert complete("%milo retry site ", notebook.names) == ["parse"]
    assert complete("%%milo site.write --after ", notebook.names) == ["parse"]
    assert "site" in complete("%milo run site -p ", notebook.names)


def test_sessions_on_disk_are_completed_and_the_pipelines_that_have_any(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run("%%milo shop\n@phase\ndef load(): ...")
    session = str(notebook.names["shop"].session_id)[:8]
    assert complete("%milo attach ", notebook.names) == ["shop", session]
    for before in ("%milo resume shop ", "%milo pull shop --session ", "%%milo shop --resume "):
        assert complete(before, notebook.names) == [session]
    assert complete("%milo runs ", {}) == ["shop"]
    assert complete("%milo runs --work-dir other ", {}) == []
    notebook.run("%milo run shop --work-dir other")
    assert complete("%milo resume shop ", notebook.names) == [str(notebook.names["shop"].session_id)[:8]]
    assert complete("%milo attach --work-dir other ", {}) == ["shop", str(notebook.names["shop"].session_id)[:8]]
    assert (tmp_path / "other").is_dir()


def ask(notebook: Notebook, text: str) -> list[str]:
    """Return what the shell offers at the bar in `text`."""
    at = text.index("|")
    with provisionalcompleter():
        return [c.text for c in notebook.shell.Completer.completions(text.replace("|", ""), at)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("%milo re|", ["retry", "rerun", "resume", "results", "report"]),
        ("%milo retry si|", ["site"]),
        ("x = 1\n%milo retry site pa|", ["parse"]),
        ("%%milo site --par|\n@phase\ndef load(): ...", ["--parallel", "--param"]),
        ("%%milo site.pa|", ["site.parse"]),
        ("%%milo site.other --after pa|\nparse + 1", ["parse"]),
        ("%milo run site -p ra|", ["rate="]),
        ("%milo run site -p ra| --wait", ["rate="]),
    ],
)
def test_the_shell_offers_this_and_nothing_else(notebook: Notebook, text: str, found: list[str]) -> None:
    notebook.run("%%milo site -p rate=1\n@phase\ndef load(): ...\n@phase\ndef parse(load, rate): ...")
    assert ask(notebook, text) == found


def test_the_body_is_completed_as_python(notebook: Notebook) -> None:
    notebook.names["prefix_of_mine"] = 1
    assert "prefix_of_mine" in ask(notebook, "%%milo site\n@phase\ndef load():\n    return prefix_of|")


def test_without_the_extension_nothing_of_ours_is_offered(notebook: Notebook) -> None:
    notebook.run("%unload_ext milo_nb")
    assert "retry" not in ask(notebook, "%milo re|")
    notebook.run("%load_ext milo_nb")
    notebook.run("%reload_ext milo_nb")
    assert ask(notebook, "%milo re|") == ["retry", "rerun", "resume", "results", "report"]
