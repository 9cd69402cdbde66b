"""Where the phases of a still stand: in layers, from left to right, or downwards where the graph is long and narrow.

Edges over several layers take slots of their own in those between, so that none runs through a phase. Layers are sorted
by the mean place of what each depends on and what depends on it (K. Sugiyama et al., "Methods for visual understanding of
hierarchical system structures", 1981). Pure, and small: for some sixty phases.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from milo_nb.declare.graph import PhaseGraph

NODE = (172, 46)
MARGIN = 4
ALONG = {False: 46, True: 30}
"""Room between layers; key: downwards."""
BESIDE = 14
LANE = 6
"""Room that an edge takes on its way between two phases."""
MOST_ACROSS = 6
MOST_STEPS = 250
"""Layers that all edges together may cross; of more, only those are drawn that do not follow from others."""
SWEEPS = 4

Slot = tuple[int, int, int]
"""A place in a layer: the layer, and a phase; or of an edge on its way: where from and where to."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are, in pixels.

    Attributes:
        places: Left upper corner of each phase.
        edges: Path of all edges.
        tips: Path of their arrowheads.
        width: Of the picture.
        height: Of the picture.
        node: Width and height of a phase.
    """

    places: tuple[tuple[int, int], ...]
    edges: str
    tips: str
    width: int
    height: int
    node: tuple[int, int] = NODE


def lay_out(graph: PhaseGraph) -> Layout:
    """Return where the phases of a graph stand."""
    level = graph.level
    depends_on = graph.depends_on
    if _steps(level, depends_on) > MOST_STEPS:
        depends_on = _few(depends_on)
    has_lanes = _steps(level, depends_on) <= 2 * MOST_STEPS  # else: no picture of it could be followed by eye
    layers: list[list[Slot]] = [[] for _ in range(max(level, default=-1) + 1)]
    ways: list[list[Slot]] = []
    near: dict[Slot, list[Slot]] = defaultdict(list)
    for i, needed in enumerate(depends_on):
        layers[level[i]].append((level[i], i, i))
        for d in needed:
            way = [(level[d], d, d), *((k, d, i) for k in range(level[d] + 1, level[i]) if has_lanes), (level[i], i, i)]
            ways.append(way)
            for a, b in pairwise(way):
                near[a].append(b)
                near[b].append(a)
            for slot in way[1:-1]:
                layers[slot[0]].append(slot)
    _sort(layers, near)
    widest = max((sum(s[1] == s[2] for s in layer) for layer in layers), default=0)
    down = len(layers) > MOST_ACROSS and widest <= MOST_ACROSS // 2
    return _place(layers, ways, len(graph), down=down)


def _steps(level: Sequence[int], depends_on: Sequence[Sequence[int]]) -> int:
    return sum(level[i] - level[d] for i, needed in enumerate(depends_on) for d in needed)


def _few(depends_on: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """Return the dependencies that do not follow from others."""
    reach = [0] * len(depends_on)
    few = []
    for i, needed in enumerate(depends_on):
        behind = 0
        for d in needed:
            behind |= reach[d]
        few.append(tuple(d for d in needed if not behind >> d & 1))
        reach[i] = behind | sum(1 << d for d in set(needed))
    return tuple(few)


def _sort(layers: list[list[Slot]], near: Mapping[Slot, Sequence[Slot]]) -> None:
    """Sort each layer by the mean place of its neighbours, forwards and backwards in turn."""
    rank = {slot: float(k) for layer in layers for k, slot in enumerate(layer)}
    for sweep in range(SWEEPS):
        step = 1 if sweep % 2 == 0 else -1
        for layer in layers[::step]:
            wanted = {}
            for slot in layer:
                ranks = [rank[other] for other in near[slot] if (other[0] - slot[0]) * step < 0]
                wanted[slot] = sum(ranks) / len(ranks) if ranks else rank[slot]
            layer.sort(key=lambda slot, wanted=wanted: (wanted[slot], slot))  # type: ignore[misc]
            # Spread evenly over the same breadth, so that layers of different sizes can be compared.
            rank.update((slot, (k + 0.5) / len(layer)) for k, slot in enumerate(layer))


def _place(layers: Sequence[Sequence[Slot]], ways: Sequence[Sequence[Slot]], n: int, *, down: bool) -> Layout:
    long, broad = NODE[::-1] if down else NODE
    rooms = [[_breadth(slot, broad) for slot in layer] for layer in layers]
    breadth = max(map(sum, rooms), default=BESIDE) - BESIDE
    middle: dict[Slot, int] = {}
    for layer, room in zip(layers, rooms, strict=True):
        at = MARGIN + (breadth - sum(room) + BESIDE) // 2
        for slot, width in zip(layer, room, strict=True):
            middle[slot] = at + (width - BESIDE) // 2
            at += width
    pitch = long + ALONG[down]
    places = [(0, 0)] * n
    for layer in layers:
        for slot in layer:
            if slot[1] == slot[2]:
                along, across = MARGIN + slot[0] * pitch, middle[slot] - broad // 2
                places[slot[1]] = (across, along) if down else (along, across)
    edges = "".join(_edge(way, middle, long, pitch, down=down) for way in ways)
    ends = sorted({way[-1] for way in ways})
    tips = "".join(_tip(MARGIN + end[0] * pitch, middle[end], down=down) for end in ends)
    size = (2 * MARGIN + max(len(layers) * pitch - ALONG[down], 0), 2 * MARGIN + breadth)
    width, height = size[::-1] if down else size
    return Layout(tuple(places), edges, tips, width, height)


def _breadth(slot: Slot, broad: int) -> int:
    return (broad if slot[1] == slot[2] else LANE) + BESIDE


def _edge(way: Sequence[Slot], middle: Mapping[Slot, int], long: int, pitch: int, *, down: bool) -> str:
    def at(along: int, across: int) -> str:
        return f"{across} {along}" if down else f"{along} {across}"

    drawn = ""
    for a, b in pairwise(way):
        start, end = MARGIN + a[0] * pitch + long, MARGIN + b[0] * pitch
        half = (start + end) // 2
        if not drawn:
            drawn = f"M{at(start, middle[a])}"
        elif a[1] != a[2]:
            drawn += f"L{at(start, middle[a])}"
        drawn += f"C{at(half, middle[a])} {at(half, middle[b])} {at(end, middle[b])}"
    return drawn


def _tip(along: int, across: int, *, down: bool) -> str:
    return f"M{across} {along}l-4-7h8z" if down else f"M{along} {across}l-7-4v8z"
