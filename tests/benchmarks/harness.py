"""What all benchmarks share: contestants that take turns in one run, rows, and the table they make.

CPU time judges, of all threads of the process; wall time is shown beside it. Contestants take turns within each round, so
what else the machine does meets all of them, and a ratio is taken within a round; the table shows the median of the rounds.
"""

from __future__ import annotations

import gc
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import median

Run = Callable[[], object]


@dataclass(frozen=True)
class Options:
    """How thoroughly to measure; ``quick`` only proves that a benchmark works."""

    rounds: int = 5
    quick: bool = False

    def size(self, full: int, tiny: int) -> int:
        """Return how much to do."""
        return tiny if self.quick else full


@dataclass(frozen=True)
class Spent:
    """What one run of one contestant took, in seconds."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: What was measured, against what.
        unit: Of the figures: ``x`` for a ratio.
        must: The most that was promised; None where nothing was.
        aim: What we try for.
        values: One figure per round.
        note: The contestants' own figures.
        is_held: Overrides the comparison with `must`, for what is not a figure.
    """

    what: str
    unit: str
    must: float | None
    aim: float | None
    values: Sequence[float]
    note: str = ""
    is_held: bool | None = None

    @property
    def measured(self) -> float:
        """The median of the rounds."""
        return median(self.values)

    @property
    def verdict(self) -> str:
        """Whether the promise was kept."""
        if self.is_held is not None or self.must is None:
            return {True: "held", False: "missed", None: ""}[self.is_held]
        if self.aim is not None and self.measured <= self.aim:
            return "held, aim too"
        return "held" if self.measured <= self.must else "missed"

    def cells(self) -> tuple[str, ...]:
        """Return what the table says."""
        low, high = show(min(self.values)), show(max(self.values))
        spread = low if len(self.values) == 1 else f"{low}-{high}"
        return (
            self.what,
            "" if self.must is None else f"{show(self.must)} {self.unit}",
            "" if self.aim is None else f"{show(self.aim)} {self.unit}",
            f"{show(self.measured)} {self.unit}",
            spread,
            self.verdict,
            self.note,
        )


HEAD = ("what", "must", "aim", "measured", "min-max", "verdict", "CPU / wall, medians")


@dataclass(frozen=True)
class Benchmark:
    """A benchmark: its name for ``--only``, and what gives its rows."""

    name: str
    rows: Callable[[Options], Iterable[Row]]


def spend(run: Run, times: int = 1) -> Spent:
    """Return what `run` takes, done `times` times in a row; garbage of earlier runs is gone before."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(times):
        run()
    return Spent(time.process_time() - cpu, time.perf_counter() - wall)


def take_turns(contestants: Mapping[str, Callable[[], Spent]], rounds: int) -> dict[str, list[Spent]]:
    """Measure each contestant once a round, beginning with another one each round; one turn before is not counted."""
    spent: dict[str, list[Spent]] = {name: [] for name in contestants}
    names = list(contestants)
    for name in names:
        contestants[name]()
    for turn in range(rounds):
        k = turn % len(names)
        for name in (*names[k:], *names[:k]):
            spent[name].append(contestants[name]())
    return spent


def take_turns_afresh(
    measure: Callable[..., Mapping[str, Spent]], arguments: Sequence[object], rounds: int
) -> dict[str, list[Spent]]:
    """As :func:`take_turns`, but each round is a call of `measure` in a process of its own.

    How threads come to lie on cores is settled early in a process's life and changes what a hand-over costs by half: in one
    process the luck of its start would be taken for the cost of a contestant.
    """
    spent: dict[str, list[Spent]] = {}
    spawn = multiprocessing.get_context("spawn")
    for _ in range(rounds):
        with ProcessPoolExecutor(1, mp_context=spawn) as process:
            for name, one in process.submit(measure, *arguments).result().items():
                spent.setdefault(name, []).append(one)
    return spent


def middle(spent: Sequence[Spent]) -> Spent:
    """Return the medians of some runs."""
    return Spent(median(s.cpu for s in spent), median(s.wall for s in spent))


def ratios(ours: Sequence[Spent], theirs: Sequence[Spent]) -> list[float]:
    """Return the ratio of CPU times of each round."""
    return [mine.cpu / (other.cpu or 1e-9) for mine, other in zip(ours, theirs, strict=True)]


def per(spent: Sequence[Spent], count: float, unit: str) -> str:
    """Return the medians of CPU and wall time per piece, for a row's note; `unit` is ``us`` or ``ms``."""
    scale = {"us": 1e6, "ms": 1e3}[unit] / count
    return f"{show(median(s.cpu for s in spent) * scale)} / {show(median(s.wall for s in spent) * scale)} {unit}"


def show(figure: float) -> str:
    """Return a figure with three significant digits."""
    for limit, digits in ((100, 0), (10, 1), (0, 2)):
        if abs(figure) >= limit:
            return f"{figure:.{digits}f}"
    return str(figure)


def draw(rows: Iterable[Row]) -> Iterator[str]:
    """Give the lines of a Markdown table."""
    yield "| " + " | ".join(HEAD) + " |"
    yield "|" + "---|" * len(HEAD)
    for row in rows:
        yield "| " + " | ".join(row.cells()) + " |"
