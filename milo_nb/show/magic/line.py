"""``%milo WORD NAME [PHASE...]``: commands for pipelines, the same ones that the view's buttons give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.errors import UsageError, available, suggest
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.execute.result import MARKS, count_statuses
from milo_nb.show.magic.made import count_phases, say_missing
from milo_nb.show.magic.options import Parser, make_cell_parser, make_phase_parser, positive, split

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from milo_nb.pipeline import Pipeline
    from milo_nb.show.magic.cell import Cells

HELP = """\
%%milo NAME [options]           a cell: its @phase functions are the pipeline NAME; --help lists the options
%%milo NAME.PHASE [options]     a cell: its body is the phase PHASE of the pipeline NAME; it only defines
%milo run NAME                  start it, or start it anew
%milo status [NAME]             how things stand
%milo plan NAME WORD [PHASE]    what a command would do
%milo retry NAME [PHASE...]     run failed phases again, all of them if none is named
%milo rerun NAME PHASE...       run phases again that have ended, and what was built on them
%milo skip NAME PHASE           go on without a phase; those that depend on it get None
%milo cancel NAME [PHASE...]    stop the session, or just some phases
%milo pause NAME                start nothing new
%milo resume NAME               go on after a pause, a failure or a cancel
%milo logs NAME PHASE [-n 20]   the last lines that a phase printed and logged
%milo help                      this

--dry-run shows the plan of a command and does nothing; --wait waits for the end.

examples:
  %milo retry site render
  %milo rerun site parse --dry-run
  %milo logs site parse -n 50
"""
COMMANDS = {  # word: (least, most) phases
    "retry": (0, None),
    "rerun": (1, None),
    "skip": (1, 1),
    "cancel": (0, None),
    "pause": (0, 0),
    "resume": (0, 0),
}
STARTING = frozenset({"retry", "rerun", "resume"})
OTHERS = ("run", "status", "plan", "logs", "help")
WORDS = (*COMMANDS, *OTHERS)
LATER = dict.fromkeys(("attach", "runs", "results", "pull", "clean", "approve"), "0.3") | {"report": "0.4"}


def make_line_parser() -> Parser:
    """Return the parser of what stands behind a word of ``%milo``."""
    parser = Parser(prog="%milo WORD", add_help=False, allow_abbrev=False)
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME [PHASE...]")
    add("--dry-run", action="store_true")
    add("--wait", action="store_true", default=None)
    add("--no-wait", action="store_false", dest="wait")
    add("--lines", "-n", type=positive, default=20)
    add("--help", "-h", action="store_true")
    return parser


class Line:
    """Carries out ``%milo``."""

    def __init__(self, cells: Cells) -> None:
        """Serve the pipelines of `cells`."""
        self._cells = cells
        self._parser = make_line_parser()

    def run(self, line: str) -> None:
        """Carry out one line.

        Raises:
            MiloError: If it is wrong, or does not fit the state; one line for people.
        """
        words = split(line)
        word = words[0] if words else "help"
        if word in ("help", "--help", "-h"):
            _print("\n".join((HELP, make_cell_parser().format_help(), make_phase_parser().format_help())))
            return
        if word in LATER:
            raise UsageError(f"%milo {word} comes with milo_nb {LATER[word]}.")
        if word not in WORDS:
            if self._cells.find(word) is not None:
                raise UsageError(f"First what to do, then the name: %milo status {word}. Words: {', '.join(WORDS)}.")
            raise UsageError(f"%milo knows no '{word}'.{suggest(word, WORDS)} Words: {', '.join(WORDS)}.")
        options = self._parser.read(words[1:])
        if options.help:
            _print(next(h for h in HELP.splitlines() if h.startswith(f"%milo {word} ")))
            return
        getattr(self, f"_{word}", self._command)(word, options)

    # ------------------------------------------------------------------ words

    def _status(self, word: str, options: argparse.Namespace) -> None:
        names = options.names or self._cells.names()
        if not names:
            _print("There is no pipeline yet. Define one in a cell that begins with: %%milo NAME")
        for name in names:
            _print(_status_of(name, self._held(word, [name])))

    def _run(self, word: str, options: argparse.Namespace) -> None:
        name, _ = self._named(word, options, 0, 0)
        held = self._held(word, [name])
        made = self._cells.made.get(name)
        if isinstance(held, PipelineExecutor):
            executor = held.run_again()
        elif made is not None and made.pipeline is held:
            executor = self._cells.bind(name, made.start())
        else:
            executor = self._cells.bind(name, held.run())
        self._cells.show(executor, wait=options.wait)

    def _plan(self, word: str, options: argparse.Namespace) -> None:
        if len(options.names) == 1:
            executor = self._executor(word, options.names)
            _print(str(executor.plan("resume" if _has_begun(executor) else "start")))
            return
        name, asked = self._named(word, options, 1, None)
        if asked[0] not in COMMANDS:
            raise UsageError(
                f"There is no command '{asked[0]}'.{suggest(asked[0], COMMANDS)} Commands: {', '.join(COMMANDS)}."
            )
        _check_count(asked[0], asked[1:])
        _print(str(self._executor(word, [name]).plan(*_command(asked[0], asked[1:]))))

    def _logs(self, word: str, options: argparse.Namespace) -> None:
        name, phases = self._named(word, options, 1, 1)
        lines = self._executor(word, [name])[phases[0]].logs()
        shown = lines[-options.lines :]
        if len(shown) < len(lines):
            _print(f"[{len(lines) - len(shown)} earlier lines: -n {len(lines)}]")
        _print("\n".join(f"{log.level}: {log.line}" if log.level else log.line for log in shown) or "No lines.")

    def _command(self, word: str, options: argparse.Namespace) -> None:
        least, most = COMMANDS[word]
        name, phases = self._named(word, options, least, most)
        executor = self._executor(word, [name])
        command = _command(word, phases)
        if options.dry_run:
            _print(str(executor.plan(*command)))
            return
        plan = executor.command(*command, by="terminal")
        runs, kept = plan.runs, len(plan.keeps)
        if word in STARTING:
            _print(f"{name}: {word} runs {', '.join(runs[:12])}{', ...' if len(runs) > 12 else ''}; {kept} kept")  # noqa: PLR2004 - a line's worth
            if options.wait or (options.wait is None and not self._cells.is_seen()):
                self._cells.wait(executor)
        else:
            _print(f"{name}: {word} {' '.join(phases)}".rstrip())

    # ------------------------------------------------------------------ names

    def _named(self, word: str, options: argparse.Namespace, least: int, most: int | None) -> tuple[str, Sequence[str]]:
        """Return the pipeline's name and what follows it."""
        names = options.names
        usage = next((h.partition("  ")[0] for h in HELP.splitlines() if h.startswith(f"%milo {word} ")), "")
        if not names:
            raise UsageError(f"Which pipeline? Usage: {usage}. {available('pipelines', '', self._cells.names())}")
        count = len(names) - 1
        if count < least:
            raise UsageError(f"Which phase? Usage: {usage}.")
        if most is not None and count > most:
            raise UsageError(f"Too many words. Usage: {usage}.")
        return names[0], names[1:]

    def _held(self, word: str, names: Sequence[str]) -> PipelineExecutor | Pipeline:
        held = self._cells.find(names[0])
        if held is None:
            raise UsageError(
                f"%milo {word}: there is no pipeline '{names[0]}'. {available('pipelines', names[0], self._cells.names())}"
            )
        return held

    def _executor(self, word: str, names: Sequence[str]) -> PipelineExecutor:
        held = self._held(word, names)
        if not isinstance(held, PipelineExecutor):
            raise UsageError(f"'{names[0]}' is defined and has not been started. Start it with: %milo run {names[0]}")
        return held


def _command(word: str, phases: Sequence[str]) -> tuple[str, ...]:
    return ("retry-failed",) if word == "retry" and not phases else (word, *phases)


def _check_count(word: str, phases: Sequence[str]) -> None:
    least, most = COMMANDS[word]
    if len(phases) < least or (most is not None and len(phases) > most):
        wanted = "no phase" if most == 0 else "the name of a phase"
        raise UsageError(f"{word} takes {wanted}. Usage: %milo plan NAME {word}{' PHASE' * bool(most != 0)}")


def _has_begun(executor: PipelineExecutor) -> bool:
    return executor.session.state.status != "pending"


def _status_of(name: str, held: PipelineExecutor | Pipeline) -> str:
    """Return a few lines that say how a pipeline stands."""
    if not isinstance(held, PipelineExecutor):
        missing = say_missing(held)
        return f"{name}: defined, {count_phases(held)}, not started{f'; {missing}' if missing else ''}"
    state = held.session.state
    counts = ", ".join(f"{n} {word}" for word, n in count_statuses(state.phases).items())
    doing = f", {state.requested}" if state.requested else ""
    lines = [f"{name}: {state.status}{doing} {state.progress:.0%} ({counts})"]
    wide = max((len(p.name) for p in state.phases), default=0)
    for phase in state.phases:
        said = (phase.error if phase.status in ("failed", "skipped") else "") or phase.reason or phase.message
        took = f"{phase.elapsed:7.1f} s" if phase.elapsed else " " * 9
        mark = f"[{MARKS[phase.status]}]"
        note = said.splitlines()[0] if said else ""
        lines.append(f"  {mark:<7} {phase.name:<{wide}} {took}  {note}".rstrip())
    return "\n".join(lines)


def _print(text: Any) -> None:
    print(str(text).rstrip())  # noqa: T201 - what a line magic shows
