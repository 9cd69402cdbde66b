"""The page of a report: head, errors, graph, timeline, phases, parameters. What does not fit is named.

Nothing in it can act: no script, no form, nothing that is loaded from elsewhere, and a policy that forbids all of it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from milo_nb.execute.result import outcome_of
from milo_nb.show.notebook.beside import SessionBeside
from milo_nb.show.notebook.still import draw_graph, draw_icon, say_counts, to_look, to_word
from milo_nb.show.report.chart import to_chart
from milo_nb.show.report.facts import say_time, to_params, to_versions
from milo_nb.show.report.phases import MOST_NAMED, error_of, to_facts, to_section, to_trace
from milo_nb.show.report.style import STYLE
from milo_nb.show.report.text import to_html, to_name
from milo_nb.show.report.timeline import make_timeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from milo_nb.show.report.timeline import Timeline
    from milo_nb.state.model import PhaseStatus

MAX_BYTES = 8_000_000
"""Of the phases' sections; the rest is bounded by how much of each there may be."""
MOST_DRAWN = 120
MOST_ERRORS = 20
MOST_ROWS = 2_000
MOST_SECTIONS = 400
URGENT = {"failed": 0, "running": 1, "retrying": 1, "cancelled": 2, "skipped": 3}
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def to_page(session: Any) -> str:
    """Return the page that tells a session as it is now; it may be one that is only looked at."""
    state = session.state
    phases: Sequence[PhaseStatus] = list(state.phases)
    timeline = make_timeline(state, session.graph, session.now())
    chosen = sorted(range(len(phases)), key=lambda i: (URGENT.get(phases[i].status, 4), i))
    link = {phases[i].name: f"#phase-{i}" for i in chosen[:MOST_SECTIONS]}
    sections, left = _sections(session, timeline, chosen, link)
    parts = [
        *_head(session, phases),
        *_errors(session, phases, link),
        *_graph(session, phases, link),
        "<h2>Timeline</h2>",
        to_chart(phases, timeline, chosen, MOST_ROWS, link),
        "<h2>Phases</h2>",
        *sections,
        *(
            [f'<p class="cut">{left:,} more phases are not told one by one: the report would be too large.</p>']
            * (left > 0)
        ),
        *_run(session),
    ]
    name = to_html(state.name, 200)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<title>{name}: {to_word(state)}</title>\n{STYLE}\n</head>\n'
        f'<body>\n<main class="milo-still" data-status="{to_look(state)}">\n'
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


# ---------------------------------------------------------------------- head


def _head(session: Any, phases: Sequence[PhaseStatus]) -> Iterator[str]:
    state, outcome = session.state, outcome_of(session)
    status = to_look(state)
    yield f"<header>\n<h1>{draw_icon(status)} {to_name(state.name)} <span>{to_word(state)}</span></h1>"
    facts = [
        ("Phases", say_counts(phases)),
        ("Started", _say_when(outcome.started)),
        ("Ended", _say_when(outcome.ended)),
        ("Active", say_time(_active(session)) if state.started_at else ""),
        ("Session", f"<code>{to_html(str(session.id))}</code>" if state.status != "pending" else ""),
    ]
    if not outcome.ended:
        facts.append(("As of", _say_when(datetime.now(UTC))))
    yield to_facts(facts)
    for kind, said, _ in SessionBeside(session).now().banners:
        yield f'<p class="banner {kind}">{to_html(said)}</p>'
    yield "</header>"


def _active(session: Any) -> float:
    state = session.state
    if state.stopped_at:
        return float(state.elapsed)
    return float(session.now() - state.started_at - state.idle)


def _say_when(time: datetime | None) -> str:
    return (
        ""
        if time is None
        else f'<time datetime="{time:%Y-%m-%dT%H:%M:%SZ}">{time.astimezone():%Y-%m-%d %H:%M:%S %z}</time>'
    )


# ---------------------------------------------------------------------- what went wrong


def _errors(session: Any, phases: Sequence[PhaseStatus], link: Mapping[str, str]) -> Iterator[str]:
    """Yield each error once, at its root, and who only waited for it."""
    failed = [phase for phase in phases if phase.status == "failed"]
    if not failed:
        return
    yield "<h2>What went wrong</h2>"
    for phase in failed[:MOST_ERRORS]:
        told = error_of(session, phase)
        yield f'<section class="error" data-status="failed"><h3>{_link(phase.name, link)} <small>attempt {phase.attempt}</small></h3>'
        yield to_trace(told) if told is not None else f'<p class="wrong">{to_html(phase.failure)}</p>'
        yield "</section>"
    if len(failed) > MOST_ERRORS:
        yield f'<p class="cut">And {len(failed) - MOST_ERRORS:,} more phases that failed.</p>'
    waited = [p.name for p in phases if p.status == "pending" and p.reason.startswith("blocked by ")]
    if waited:
        names = ", ".join(_link(name, link) for name in waited[:MOST_NAMED])
        more = f" and {len(waited) - MOST_NAMED:,} more" if len(waited) > MOST_NAMED else ""
        yield f"<p>Never ran, as what they need failed: {names}{more}.</p>"
    others = sum(phase.status == "pending" for phase in phases) - len(waited)
    if others and session.ended.is_set():
        yield f"<p>{others:,} {'others' if waited else 'phases'} had not started when the session ended.</p>"


def _link(name: str, link: Mapping[str, str]) -> str:
    return f'<a href="{link[name]}">{to_name(name)}</a>' if name in link else to_name(name)


# ---------------------------------------------------------------------- graph, phases, run


def _graph(session: Any, phases: Sequence[PhaseStatus], link: Mapping[str, str]) -> Iterator[str]:
    yield "<h2>Graph</h2>"
    if not phases:
        yield "<p>There are no phases.</p>"
    elif len(phases) > MOST_DRAWN:
        yield f'<p class="cut">{len(phases):,} phases are too many to draw here; each names below what it came after.</p>'
    else:
        yield draw_graph(session.state, session.graph, phases, lambda i: link[phases[i].name])


def _sections(
    session: Any, timeline: Timeline, chosen: Sequence[int], link: Mapping[str, str]
) -> tuple[list[str], int]:
    """Return the sections of phases in the order of the graph, the urgent ones for sure; and how many had no room."""
    made, room = {}, MAX_BYTES
    for rank, i in enumerate(chosen[:MOST_SECTIONS]):
        tries = [bar for bar in timeline.rows[i] if bar.kind == "work"]
        section = to_section(
            session, i, tries, link, is_told=rank < MOST_ERRORS and session.state.phases[i].status == "failed"
        )
        room -= len(section.encode("utf-8", "replace"))
        if room < 0:
            name = session.graph.names[i]
            section = f'<p class="cut" id="{link[name][1:]}">{to_name(name)} is not told here: the report would be too large.</p>'
        made[i] = section
    return [made[i] for i in sorted(made)], max(len(chosen) - MOST_SECTIONS, 0)


def _run(session: Any) -> Iterator[str]:
    params = [(to_name(name), f"<code>{to_html(value)}</code>") for name, value in to_params(session)]
    if params:
        yield f"<h2>Parameters</h2>{to_facts(params)}"
    versions = [(to_name(name), to_html(said)) for name, said in to_versions(session)]
    if versions:
        yield f"<h2>Versions</h2>{to_facts(versions)}"
