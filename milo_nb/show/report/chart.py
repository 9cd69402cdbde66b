"""The timeline as a table: a row per phase, with its bars drawn and told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milo_nb.show.notebook.still import draw_icon, say_status, to_shown
from milo_nb.show.report.facts import say_time
from milo_nb.show.report.text import to_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from milo_nb.show.report.timeline import Bar, Scale, Timeline
    from milo_nb.state.model import PhaseStatus

KINDS = {"wait": "waited for its turn", "delay": "waited to try again", "review": "waited for approval"}
_LEAST = 0.25
"""Percent that even the shortest bar takes, so that it is seen."""


def to_chart(
    phases: Sequence[PhaseStatus], timeline: Timeline, chosen: Sequence[int], most: int, link: Mapping[str, str]
) -> str:
    """Return the timeline of `phases`; of more than `most` those that come first in `chosen`."""
    shown = sorted(chosen[:most])
    rows = "\n".join(_row(phases[i], timeline, i, link) for i in shown)
    left = len(phases) - len(shown)
    cut = f'\n<p class="cut">{left:,} more phases are not shown.</p>' if left else ""
    head = f'<th scope="col">Phase</th><th scope="col">Took</th><th scope="col"><div class="axis">{_axis(timeline)}</div></th>'
    return f'<table class="chart"><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table>{cut}{_legend(timeline, shown)}'


def _axis(timeline: Timeline) -> str:
    scale = timeline.scale
    ticks = "".join(f'<i style="left:{x:.2f}%">{_at(t)}</i>' for x, t in _apart(scale.ticks()))
    gaps = "".join(
        f'<i class="gap" style="left:{scale.at(a):.2f}%;width:{scale.at(b) - scale.at(a):.2f}%" title="{_said(b - a)}"></i>'
        for a, b in scale.gaps
    )
    return ticks + gaps


def _at(seconds: float) -> str:
    return say_time(seconds).replace(".00 ", " ").replace(".50 ", ".5 ").replace(".0 ", " ") if seconds else "0"


def _said(gap: float) -> str:
    return f"{say_time(gap)} in which nothing ran"


def _apart(ticks: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the ticks that have room for their words."""
    kept: list[tuple[float, float]] = []
    for x, t in ticks:
        if (not kept or x - kept[-1][0] >= 9) and x <= 94:  # noqa: PLR2004 - percent that a word takes
            kept.append((x, t))
    return kept


def _row(phase: PhaseStatus, timeline: Timeline, i: int, link: Mapping[str, str]) -> str:
    bars = timeline.rows[i]
    work = [bar for bar in bars if bar.kind == "work"]
    took = say_time(work[-1].end - work[-1].start) if work else ""
    name = to_name(phase.name)
    to = f'<a href="{link[phase.name]}">{name}</a>' if phase.name in link else name
    mark = ' class="critical"' if i in timeline.critical else ""
    drawn = "".join(_bar(bar, timeline.scale) for bar in bars)
    said = "; ".join(_tell(bar, timeline.scale) for bar in bars) or phase.reason or phase.status
    return (
        f'<tr data-status="{to_shown(phase)}"{mark}><th scope="row">{draw_icon(to_shown(phase))} {to}'
        f'<span class="sr"> {say_status(phase)}{", on the critical path" if mark else ""}</span></th>'
        f'<td>{took}</td><td><div class="lane" aria-hidden="true">{drawn}</div><span class="sr">{to_name(said, 400)}</span></td></tr>'
    )


def _bar(bar: Bar, scale: Scale) -> str:
    left = scale.at(bar.start)
    width = max(scale.at(bar.end) - left, _LEAST)
    status = f' data-status="{bar.status}"' if bar.status else ""
    return f'<i class="{bar.kind}"{status} style="left:{min(left, 100 - _LEAST):.2f}%;width:{width:.2f}%" title="{_tell(bar, scale)}"></i>'


def _tell(bar: Bar, scale: Scale) -> str:
    took = say_time(bar.end - bar.start)
    if bar.kind != "work":
        return f"{KINDS[bar.kind]} for {took}"
    how = f"has run for {took}" if bar.status == "running" else f"{bar.status} after {took}"
    return f"attempt {bar.attempt} started at {say_time(bar.start - scale.start)}, {how}"


def _legend(timeline: Timeline, shown: Sequence[int]) -> str:
    kinds = dict.fromkeys(bar.kind for i in shown for bar in timeline.rows[i])
    said = [f'<span><i class="{kind}"></i>{KINDS[kind]}</span>' for kind in KINDS if kind in kinds]
    if timeline.critical:
        said.append('<span><i class="work critical"></i>critical path</span>')
    if timeline.scale.gaps:
        total = sum(b - a for a, b in timeline.scale.gaps)
        said.append(f'<span><i class="gap"></i>{_said(total)}, shortened</span>')
    return f'<p class="legend">{"".join(said)}</p>' if said else ""
