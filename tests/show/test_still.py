"""The still: same state, same picture; nothing of it acts, and nothing in it differs from run to run."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase
from milo_nb.show.notebook.still import MOST_DRAWN, to_bundle, to_html, to_line
from milo_nb.show.notebook.still_layout import NODE, lay_out
from milo_nb.show.notebook.still_style import ICONS
from milo_nb.state.model import PhaseStatus, PipelineState
from tests.show.html import Page

if TYPE_CHECKING:
    from collections.abc import Sequence

STATUSES = ("pending", "running", "retrying", "completed", "failed", "skipped", "cancelled")
EVIL = '</text></svg></style><script>alert(1)</script><img src=x onerror="alert(2)">&amp;\'"'


def make(
    n: int, edges: Sequence[tuple[int, int]] = (), names: Sequence[str] | None = None, **fields: Any
) -> tuple[PipelineState, PhaseGraph]:
    """A pipeline of `n` phases; `fields` are lists with an entry per phase, in the order of execution."""
    names = names or [f"phase-{i:04}" for i in range(n)]
    phases = [Phase(names[i], int, depends_on=[names[a] for a, b in edges if b == i]) for i in range(n)]
    graph = PhaseGraph(phases)
    statuses = [
        PhaseStatus(name, **{field: values[i] for field, values in fields.items()})
        for i, name in enumerate(graph.names)
    ]
    return PipelineState("site", tuple(statuses), status="failed", stopped_at=9.0, session_id="5f2c"), graph


def test_it_tells_each_phase_by_shape_word_and_colour() -> None:
    state, graph = make(7, status=STATUSES, attempt=[1, 1, 3, 1, 2, 1, 1])
    html = to_html(state, graph)
    page = Page(html)
    assert [attrs["data-status"] for _, attrs in page.tags if attrs.get("class") == "p"] == list(STATUSES)
    for status in STATUSES:
        assert ICONS[status][0] in html
        assert re.search(rf"data-status={status}\][^{{]*{{--c:", html)
    assert "retrying, attempt 3" in page.text()
    assert "failed, attempt 2" in page.text()


def test_its_line_is_the_same_each_time() -> None:
    state, graph = make(3, status=["completed", "failed", "pending"])
    assert to_line(state) == "site: failed (1 completed, 1 failed, 1 pending)"
    assert to_bundle(state, graph)["text/plain"] == to_line(state)
    assert to_line(PipelineState("x")) == "x: pending (no phases)"


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"status": "running"}, "running"),
        ({"status": "running", "requested": "cancelling"}, "cancelling"),
        ({"status": "failed"}, "failed, some phases still run"),
        ({"status": "failed", "stopped_at": 2.0}, "failed"),
        ({"status": "paused", "stopped_at": 2.0}, "paused"),
    ],
)
def test_it_says_what_the_pipeline_is_doing(fields: dict[str, Any], word: str) -> None:
    assert to_line(PipelineState("x", (PhaseStatus("a", "running"),), **fields)) == f"x: {word} (1 running)"


def test_times_ids_and_addresses_are_not_in_it() -> None:
    state, graph = make(2, [(0, 1)], status=["failed", "pending"], error=["<Page object at 0x7f3a5c0d1e80>", ""])
    later = PipelineState(
        state.name,
        tuple(PhaseStatus(p.name, p.status, 7.5, 8.25, p.error.replace("3a5c", "99ff")) for p in state.phases),
        "",
        3.0,
        12.0,
        status="failed",
        session_id="another",
        stopped_at=99.0,
    )
    assert to_bundle(state, graph) == to_bundle(later, graph)
    assert "Page object at 0x…" in Page(to_html(state, graph)).text()


def test_names_and_errors_of_people_are_text_and_nothing_else() -> None:
    state, graph = make(
        2, [(0, 1)], [EVIL, f"a{EVIL}"], status=["failed", "pending"], error=[EVIL, ""], reason=["", EVIL]
    )
    page = Page(to_html(PipelineState(EVIL, state.phases, status="failed"), graph))
    known = {"div", "style", "p", "b", "span", "code", "svg", "g", "path", "rect", "text", "title", "desc", "details"}
    known |= {"summary", "table", "thead", "tbody", "tr", "th", "td"}
    assert {tag for tag, _ in page.tags} <= known
    assert not {name for _, attrs in page.tags for name in attrs if name.startswith("on") or name in ("href", "src")}
    assert EVIL in page.text()


def test_what_does_not_print_is_left_out() -> None:
    error = "\x1b[31mred\x1b[0m\x00 \ud800 \u202eevil\n  next"
    state, graph = make(1, status=["failed"], error=[error])
    html = to_html(state, graph)
    assert "red evil next" in Page(html).text().replace("? ", "").replace("  ", " ")
    html.encode("utf-8")


@pytest.mark.parametrize("letter", ["x", "&", '"', "\U0001f600", "漢"])
@pytest.mark.parametrize("count", [0, 50, 80, 120, 250, 1225])
def test_fifty_phases_take_less_than_100_kb_whatever_they_are(letter: str, count: int) -> None:
    n = 50
    pairs = [(a, b) for b in range(n) for a in range(b)]
    edges = random.Random(count).sample(pairs, count)
    names = [f"{i:03}{letter * 100}" for i in range(n)]
    status = [STATUSES[i % len(STATUSES)] if count else "failed" for i in range(n)]
    state, graph = make(n, edges, names, status=status, error=[letter * 5_000] * n, reason=[letter * 500] * n)
    html = to_html(state, graph)
    Page(html)
    assert len(html.encode("utf-8")) < 100_000
    assert html == to_html(state, graph)


def test_large_graphs_are_told_by_status() -> None:
    n = 2_000
    state, graph = make(n, status=["failed" if i % 40 == 0 else "completed" for i in range(n)], error=["no title"] * n)
    html = to_html(state, graph)
    page = Page(html)
    assert not [tag for tag, attrs in page.tags if attrs.get("class") == "p"]
    assert "completed 1,950" in page.text()
    assert "and 38 more" in page.text()
    assert "And 30 more phases with an error." in page.text()
    assert len(html) < 30_000


def test_who_does_not_see_the_picture_has_its_name_and_a_table() -> None:
    state, graph = make(2, [(0, 1)], status=["failed", "pending"], reason=["", "blocked by phase-0000"])
    page = Page(to_html(state, graph))
    (picture,) = [attrs for tag, attrs in page.tags if attrs.get("role") == "img"]
    assert picture["viewbox"].startswith(f"0 0 {picture['width']} ")
    assert picture["aria-label"] == "Graph of site: failed."
    assert "phase-0000 : failed ; phase-0001 : pending ;" in page.text()  # what is left where drawings are left out
    assert "phase-0001 pending 1 phase-0000 blocked by phase-0000" in page.text()
    (group,) = [attrs for _, attrs in page.tags if attrs.get("tabindex")]  # it may scroll: keys must reach it
    assert group["aria-label"] == "Graph"


def test_an_empty_pipeline_has_a_still_too() -> None:
    page = Page(to_html(PipelineState("none"), PhaseGraph([])))
    assert page.text() == "none pending no phases"


@st.composite
def graphs(draw: st.DrawFn) -> PhaseGraph:
    n = draw(st.integers(1, MOST_DRAWN))
    edges = draw(
        st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda e: e[0] < e[1]), max_size=200)
    )
    return make(n, sorted(edges))[1]


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_phases_stand_apart_inside_of_the_picture_and_after_what_they_depend_on(graph: PhaseGraph) -> None:
    layout = lay_out(graph)
    width, height = NODE
    for i, (x, y) in enumerate(layout.places):
        assert 0 <= x <= layout.width - width
        assert 0 <= y <= layout.height - height
        for k, (u, v) in enumerate(layout.places[:i]):
            assert abs(x - u) >= width or abs(y - v) >= height
            if k in graph.depends_on[i]:
                assert x >= u + width or y >= v + height


def test_a_long_narrow_graph_runs_downwards() -> None:
    _, chain = make(10, [(i, i + 1) for i in range(9)])
    layout = lay_out(chain)
    assert layout.width < layout.height
    assert len({x for x, _ in layout.places}) == 1


def test_an_edge_over_several_layers_goes_round_the_phases_between() -> None:
    _, graph = make(3, [(0, 1), (1, 2), (0, 2)])
    layout = lay_out(graph)
    (_, y) = layout.places[1]
    (way,) = [e for e in layout.edges.split("M") if "L" in e]
    lane = int(way.split("L")[1].split("C")[0].split()[1])
    assert not y <= lane <= y + NODE[1]
