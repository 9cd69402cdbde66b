"""The still: one picture of a pipeline as HTML and SVG, for where no view is alive. Same state, same bytes.

Hosts that do not trust a notebook leave out styles and drawings and keep their text: what lies between the words of the
picture, which no picture shows, makes sentences of them then.

It holds no script, time, id or address, so that two runs that went alike read alike. Names and errors are people's:
all are cut, cleaned and escaped. Colours follow the host's theme where it has one, else the system's.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from milo_nb.execute.result import count_statuses
from milo_nb.show.notebook.still_layout import lay_out
from milo_nb.show.notebook.still_style import ICONS, STYLE
from milo_nb.state.model import AWAITS_APPROVAL, ENDED
from milo_nb.state.wire import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.show.notebook.still_layout import Layout
    from milo_nb.state.model import PhaseStatus, PipelineState

MOST_DRAWN = 60
"""Larger graphs are told by status: nobody reads so many names in a picture."""
MOST_NAMED = 12
MOST_ERRORS = 20
MAX_ERRORS = 3_000
"""Characters of all errors together."""
MAX_NAME = 40
MAX_LABEL = 17
LEAST_SCALE = 0.7
"""A picture that is too wide shrinks so far; then it scrolls."""
MOST_AFTER = 4
REVIEW_WORD = "needs review"
"""Of a phase, and of a pipeline that waits for nothing else."""
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}")
_COLOUR = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]")


def to_bundle(state: PipelineState, graph: PhaseGraph) -> dict[str, str]:
    """Return the still as a mimebundle: a line of text, and HTML."""
    return {"text/plain": to_line(state), "text/html": to_html(state, graph)}


def to_line(state: PipelineState) -> str:
    """Return where a pipeline is in one line."""
    return f"{clean(state.name)}: {to_word(state)} ({say_counts(state.phases)})"


def to_html(state: PipelineState, graph: PhaseGraph) -> str:
    """Return the picture of a pipeline, less than 100 KB for 50 phases whatever their names and errors are."""
    phases = list(state.phases)
    is_drawn = 0 < len(phases) <= MOST_DRAWN
    status = to_look(state)
    parts = [
        f'<div class="milo-still" data-status="{status}">{STYLE}',
        (
            f'<p class="milo-still-head">{draw_icon(status)} <b>{to_text(state.name, MAX_NAME)}</b> '
            f"<span>{to_word(state)}</span> {say_counts(phases)}</p>"
        ),
    ]
    if is_drawn:
        parts.append(draw_graph(state, graph, phases))
    parts += _errors(phases)
    parts.append(_table(graph, phases) if is_drawn else _table_by_status(phases))
    parts.append("</div>")
    return "\n".join(part for part in parts if part)


# ---------------------------------------------------------------------- words


def to_word(state: PipelineState) -> str:
    """Return what a pipeline is doing, in words."""
    if state.status in ENDED and not state.stopped_at:
        return f"{state.status}, some phases still run"
    return state.requested or (REVIEW_WORD if to_look(state) == "review" else state.status)


def to_look(state: PipelineState) -> str:
    """Return the status whose shape and colour a pipeline has."""
    if state.status == "paused" and state.waiting_for:
        return "review"
    return state.status if state.status in ICONS else "pending"


def to_shown(phase: PhaseStatus) -> str:
    """Return the status whose shape and colour a phase has: what waits for a person is not done for them."""
    return "review" if phase.status == "completed" and phase.reason == AWAITS_APPROVAL else phase.status


def say_counts(phases: Sequence[PhaseStatus]) -> str:
    """Return how many phases are in each status, in words."""
    counts = count_statuses(phases)
    if to_review := sum(to_shown(phase) == "review" for phase in phases):
        counts["completed"] -= to_review
        counts["to review"] = to_review
    return ", ".join(f"{n:,} {word}" for word, n in counts.items() if n) or "no phases"


def say_status(phase: PhaseStatus) -> str:
    """Return where a phase is, with its attempt if it is not the first."""
    word = REVIEW_WORD if to_shown(phase) == "review" else phase.status
    return word if phase.attempt == 1 else f"{word}, attempt {phase.attempt}"


def clean(text: str) -> str:
    """Return a text on one line, without colour codes, addresses and what does not print."""
    one_line = " ".join(_ADDRESS.sub("0x…", _COLOUR.sub("", text)).split())
    return clip("".join(c for c in one_line if c.isprintable()))


def to_text(text: str, most: int) -> str:
    """Return a text for HTML, cut to `most` characters."""
    cleaned = clean(text[: 4 * most])
    return escape(cleaned if len(cleaned) <= most else f"{cleaned[: most - 1]}…", quote=False)


# ---------------------------------------------------------------------- picture


def draw_icon(status: str, x: int | None = None, y: int = 0) -> str:
    """Return the shape of a status; by itself, or placed in a picture."""
    drawn = f'<path class="{{}}" d="{ICONS[status][0]}"/>'.format("f" if ICONS[status][1] else "l")
    drawn += f'<path class="g" d="{ICONS[status][2]}"/>' if ICONS[status][2] else ""
    if x is None:
        return (
            f'<svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" data-status="{status}">{drawn}</svg>'
        )
    return f'<g transform="translate({x} {y})">{drawn}</g>'


def draw_graph(
    state: PipelineState, graph: PhaseGraph, phases: Sequence[PhaseStatus], link: Callable[[int], str] | None = None
) -> str:
    """Return the graph as a picture.

    Args:
        state: What is known of the pipeline.
        graph: What depends on what.
        phases: The phases of `state`.
        link: Returns where a click on the phase at a position leads; without it, nowhere.
    """
    layout = lay_out(graph)
    name = to_text(state.name, MAX_NAME)
    drawn = (_node(phase, *layout.places[i], layout) for i, phase in enumerate(phases))
    nodes = "\n".join(drawn if link is None else (f'<a href="{link(i)}">{node}</a>' for i, node in enumerate(drawn)))
    said = f"Graph of {name}: {to_word(state)}.".replace('"', "&quot;")
    return (
        '<div class="milo-still-graph" tabindex="0" role="group" aria-label="Graph">\n'
        f'<svg role="{"img" if link is None else "group"}" aria-label="{said}" width="{layout.width}" style="min-width:{LEAST_SCALE * layout.width:.0f}px" '
        f'viewBox="0 0 {layout.width} {layout.height}">\n'
        f'<path class="e" fill="none" stroke="#888" d="{layout.edges}"/>\n'
        f'<path class="a" fill="#888" d="{layout.tips}"/>\n{nodes}\n</svg>\n</div>'
    )


def _node(phase: PhaseStatus, x: int, y: int, layout: Layout) -> str:
    width, height = layout.node
    name, whole = to_text(phase.name, MAX_LABEL), to_text(phase.name, MAX_NAME)
    full = "" if name == whole else f"<title>{whole}</title> "
    return (
        f'<g class="p" data-status="{to_shown(phase)}">{full}'
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="none" stroke="#888"/>'
        f"{draw_icon(to_shown(phase), x + 10, y + (height - 16) // 2)} "
        f'<text class="n" x="{x + 34}" y="{y + 20}">{name}</text>: '
        f'<text x="{x + 34}" y="{y + 36}">{say_status(phase)}</text>; </g>'
    )


# ---------------------------------------------------------------------- text


def _errors(phases: Iterable[PhaseStatus]) -> list[str]:
    wrong = [p for p in phases if p.error and p.status not in ("completed", "pending")]
    wrong.sort(key=lambda p: p.status != "failed")
    most = min(MAX_ERRORS // max(min(len(wrong), MOST_ERRORS), 1), 1_000)
    lines = [
        (
            f'<p class="milo-still-error" data-status="{p.status}">{draw_icon(p.status)} <b>{to_text(p.name, MAX_NAME)}</b> '
            f"<span>{say_status(p)}</span> <code>{to_text(p.failure, most)}</code></p>"
        )
        for p in wrong[:MOST_ERRORS]
    ]
    if len(wrong) > MOST_ERRORS:
        lines.append(f"<p>And {len(wrong) - MOST_ERRORS:,} more phases with an error.</p>")
    return lines


def _table(graph: PhaseGraph, phases: Sequence[PhaseStatus]) -> str:
    """Return what the picture shows, for who does not see it."""
    rows = [
        (to_text(p.name, MAX_NAME), p.status, str(p.attempt), _after(graph, i), to_text(_why(p), MAX_NAME))
        for i, p in enumerate(phases)
    ]
    return _details("Phases as a table", ("Phase", "Status", "Attempt", "After", "Why"), rows)


def _table_by_status(phases: Sequence[PhaseStatus]) -> str:
    rows = []
    for status, n in count_statuses(phases).items():
        names = [to_text(p.name, MAX_NAME) for p in phases if p.status == status][:MOST_NAMED]
        rows.append((status, f"{n:,}", ", ".join(names) + (f" and {n - MOST_NAMED:,} more" if n > MOST_NAMED else "")))
    return _details("Phases by status", ("Status", "Phases", "Names"), rows, is_open=True) if rows else ""


def _after(graph: PhaseGraph, i: int) -> str:
    needed = graph.depends_on[i]
    names = ", ".join(to_text(graph.names[d], MAX_LABEL) for d in needed[:MOST_AFTER])
    return names + (f" and {len(needed) - MOST_AFTER} more" if len(needed) > MOST_AFTER else "")


def _why(phase: PhaseStatus) -> str:
    """Return why a phase is where it is; not when it will be tried again."""
    return "" if phase.status in ("retrying", "running") else phase.reason


def _details(summary: str, head: Sequence[str], rows: Iterable[Sequence[str]], *, is_open: bool = False) -> str:
    cells = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    heads = "".join(f'<th scope="col">{h}</th>' for h in head)
    return (
        f"<details{' open' if is_open else ''}><summary>{summary}</summary>\n"
        f"<table><thead><tr>{heads}</tr></thead><tbody>\n{cells}\n</tbody></table></details>"
    )
