"""What a report says of one phase: why it is where it is, attempts, error, last lines, displays, result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.show.notebook.detail import to_error
from milo_nb.show.notebook.still import draw_icon, say_status, to_shown
from milo_nb.show.report.facts import say_time
from milo_nb.show.report.results import to_displays, to_result
from milo_nb.show.report.text import to_coloured, to_html, to_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from milo_nb.show.report.timeline import Bar
    from milo_nb.state.model import PhaseStatus

LAST_LINES = 20
MOST_FRAMES = 6
MOST_CAUSES = 4
MOST_NAMED = 12
MAX_TEXT = 4_000


def to_section(session: Any, i: int, tries: Sequence[Bar], link: Mapping[str, str], *, is_told: bool) -> str:
    """Return all that a report says of the phase at position `i`.

    Args:
        session: The session, also one that is only looked at.
        i: The phase's position.
        tries: Its attempts.
        link: Where names of phases lead.
        is_told: Its error has been told with all its lines already.
    """
    phase: PhaseStatus = session.state.phases[i]
    is_open = " open" if phase.status == "failed" else ""
    took = f'<span class="took">{say_time(phase.elapsed)}</span>' if phase.elapsed else ""
    head = f"{draw_icon(to_shown(phase))} <b>{to_name(phase.name)}</b> <span>{say_status(phase)}</span>{took}"
    parts = [
        f'<details class="phase" data-status="{to_shown(phase)}"{is_open}><summary>{head}</summary>',
        f'<div class="body" id="{link[phase.name][1:]}">',
        *_about(session, i, link),
        *_attempts(phase, tries),
        *_error(session, phase, is_told=is_told),
        *to_result(session, i),
        *to_displays(session.outputs.get(phase.name)),
        *_lines(session, phase),
        "</div></details>",
    ]
    return "\n".join(parts)


# ---------------------------------------------------------------------- about


def _about(session: Any, i: int, link: Mapping[str, str]) -> Iterator[str]:
    graph, phase = session.graph, session.state.phases[i]
    declared = graph.phases[i]
    if declared.description:
        yield f"<p>{to_html(declared.description)}</p>"
    said = [phase.reason]
    if phase.origin not in ("", "ran"):
        said.append(f"result from {phase.origin}")
    if phase.edited:
        said.append("edited since")
    facts = [("Why", to_html("; ".join(filter(None, said))))] if any(said) else []
    if phase.status == "running" and (phase.fraction or phase.message):
        so_far = f"{phase.fraction:.0%}" if phase.fraction else ""
        facts.append(("Progress", to_html(", ".join(filter(None, [so_far, phase.message])))))
    facts.append(("After", _names((graph.names[d] for d in graph.depends_on[i]), link)))
    policy = declared.policy
    if policy.on_fail != "stop" or policy.max_retries:
        times = f", up to {policy.max_retries} times more" if policy.max_retries else ""
        facts.append(("If it fails", f"{policy.on_fail}{times}"))
    yield to_facts(facts)


def _names(names: Iterable[str], link: Mapping[str, str]) -> str:
    given = list(names)
    shown = ", ".join(f'<a href="{link[n]}">{to_name(n)}</a>' if n in link else to_name(n) for n in given[:MOST_NAMED])
    return shown + (f" and {len(given) - MOST_NAMED:,} more" if len(given) > MOST_NAMED else "") or "nothing"


def to_facts(facts: Iterable[tuple[str, str]]) -> str:
    """Return names and values, which are HTML, as a list."""
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts if value)
    return f"<dl>{rows}</dl>" if rows else ""


def _attempts(phase: PhaseStatus, tries: Sequence[Bar]) -> Iterator[str]:
    if len(tries) < 2:  # noqa: PLR2004 - of one attempt all is said already
        return
    errors = {one.attempt: one.failure for one in phase.history}
    rows = "".join(
        f'<tr data-status="{bar.status}"><td>{bar.attempt}</td><td>{draw_icon(bar.status)} {bar.status}</td>'
        f"<td>{say_time(bar.end - bar.start)}</td><td>{to_html(errors.get(bar.attempt, ''), 500)}</td></tr>"
        for bar in tries
    )
    head = "<tr><th>Attempt</th><th>Status</th><th>Took</th><th>Error</th></tr>"
    yield f"<h3>Attempts</h3><table><thead>{head}</thead><tbody>{rows}</tbody></table>"


# ---------------------------------------------------------------------- errors


def error_of(session: Any, phase: PhaseStatus) -> dict[str, Any] | None:
    """Return the error of a phase as views have it, None if it has none that counts."""
    error = session.errors.get(phase.name) if phase.status not in ("completed", "pending") else None
    return None if error is None else to_error(error)


def _error(session: Any, phase: PhaseStatus, *, is_told: bool) -> Iterator[str]:
    told = error_of(session, phase)
    if told is not None:
        yield f"<h3>Error</h3>{_raised(told) if is_told else to_trace(told)}"
        yield f"<details><summary>Traceback</summary><pre>{to_html(told['text'][-MAX_TEXT:], MAX_TEXT)}</pre></details>"
    elif phase.error and phase.status not in ("completed", "pending"):
        yield f'<h3>Error</h3><p class="wrong">{to_html(phase.failure)}</p>'


def to_trace(told: Mapping[str, Any]) -> str:
    """Return an error with the person's own lines, and what led to it."""
    parts = [_raised(told), *(_frame(frame) for frame in told["frames"][-MOST_FRAMES:])]
    for cause in told["causes"][:MOST_CAUSES]:
        parts += ["<p>It came after:</p>", _raised(cause), *(_frame(frame) for frame in cause["frames"][-2:])]
    return "\n".join(parts)


def _raised(told: Mapping[str, Any]) -> str:
    return f'<p class="wrong"><b>{to_name(told["type"])}</b>: <bdi>{to_html(told["message"])}</bdi></p>'


def _frame(frame: Mapping[str, Any]) -> str:
    lines = "\n".join(
        f"<mark>{n:>5}  {to_html(text, 500)}</mark>" if n == frame["line"] else f"{n:>5}  {to_html(text, 500)}"
        for n, text in frame["code"]
    )
    where = f"{to_name(frame['file'], 200)}, line {frame['line']}, in {to_name(frame['function'])}"
    return f'<p class="where">{where}</p>' + (f"<pre>{lines}</pre>" if lines else "")


# ---------------------------------------------------------------------- lines


def _lines(session: Any, phase: PhaseStatus) -> Iterator[str]:
    book = session.books.get(phase.name)
    if book is not None:
        total = len(book)
        rows = [(n + 1, stream, text) for n, _, stream, _, text in book.page(max(total - LAST_LINES, 0), LAST_LINES)]
    else:
        logs = list(phase.logs)[-LAST_LINES:]
        total = max(phase.log_count, len(logs))
        rows = [(total - len(logs) + k, log.stream, log.line) for k, log in enumerate(logs, 1)]
    if rows:
        left = f" <small>(the last {len(rows)} of {total:,})</small>" if total > len(rows) else ""
        yield f"<h3>Lines{left}</h3>"
        lines = "\n".join(_line(*row) for row in rows)
        yield f"<pre>{lines}</pre>"


def _line(number: int, stream: str, text: str) -> str:
    shown = to_coloured(text)
    if stream in ("warning", "milo"):
        shown = f'<span class="warned">{shown}</span>'
    return f'<span class="n">{number:>6}</span>  {shown}'
