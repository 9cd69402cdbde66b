"""The Info tab: the code of each attempt of a phase, how it differs from the one before, and the files it wrote.

Where attempts of this kernel are concerned, their functions are known. Of earlier ones there is the session's ``source``
folder, in which an attempt has a file if no phase had run that code before.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from milo_nb.execute.phase_view import PhaseView
from milo_nb.persist.files import read_files
from milo_nb.persist.rundir import open_regular
from milo_nb.persist.workdir import file_name
from milo_nb.show.notebook import asked
from milo_nb.show.notebook.beside import is_attached
from milo_nb.show.notebook.detail import name_of_file
from milo_nb.state.wire import clip
from milo_nb.values.fingerprint import source_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from milo_nb.declare.phase import Phase
    from milo_nb.execute.executor import PipelineExecutor

MOST_ATTEMPTS = 20
MOST_BYTES = 120_000
MOST_SOURCE = 40_000
MOST_LINES = 1_500
"""Of code that is compared: longer code takes too long."""
MOST_FILES = 200
CONTEXT_LINES = 3


class Written(NamedTuple):
    """The code of an attempt.

    Attributes:
        text: The code; "" if it is not known.
        where: Where it stands, for people.
    """

    text: str = ""
    where: str = ""


def answer_source(executor: PipelineExecutor, args: Mapping[str, Any], tell: asked.Tell) -> None:
    """Answer ``source {phase}``."""
    tell(to_sources(executor.session, asked.phase_of(executor, args)))


def to_sources(session: Any, i: int) -> dict[str, Any]:
    """Return the code of the attempts of the phase at position `i`, the latest last, and the files that it wrote.

    Code that the next attempt would run is the last one, as ``is_next``, if it is not what ran last.
    """
    name = session.graph.names[i]
    numbers = [attempt.attempt for attempt in PhaseView(session, name).attempts]
    written = [
        (number, False, code) for number, code in zip(numbers, _of_attempts(session, name, numbers), strict=True)
    ]
    now = None if is_attached(session) else _of_phase(session.graph.phases[i])
    if now is not None and now.text and (not written or written[-1][2].text != now.text):
        written.append((numbers[-1] + 1 if numbers else 1, True, now))
    record = session.results.record(name)
    files = [[clip(file.path, 400), file.size] for file in read_files(record)]
    return {
        "attempts": list(_to_json(written))[-MOST_ATTEMPTS:],
        "files": files[:MOST_FILES],
        "more_files": max(len(files) - MOST_FILES, 0),
        "folder": _shown(_folder(session)) if files else "",
    }


def _to_json(written: list[tuple[int, bool, Written]]) -> Iterator[dict[str, Any]]:
    """Give attempts as the browser takes them: code that ran before is not told again, nor is more than fits."""
    before: tuple[int, str] | None = None
    room = MOST_BYTES
    for number, is_next, code in written:
        told: dict[str, Any] = {"attempt": number, "is_next": is_next, "where": clip(code.where, 400)}
        text = clip(code.text, MOST_SOURCE)
        same = before[0] if before is not None and before[1] == code.text and code.text else 0
        changes = to_diff(before[1], code.text) if before is not None and not same and code.text else []
        room -= len(text) + sum(len(line) + 8 for _, line in changes)
        if room < 0:
            text, changes = "", []
        yield {**told, "source": "" if same else text, "same_as": same, "diff": changes}
        if code.text and not same:
            before = (number, code.text)


def to_diff(before: str, after: str) -> list[list[str]]:
    """Return how one text differs from another, line by line: `` ``, ``+``, ``-``, and ``@`` where lines are left out."""
    one, other = before.splitlines(), after.splitlines()
    if max(len(one), len(other)) > MOST_LINES:
        return [["@", "too long to be compared"]]
    lines: list[list[str]] = []
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    for group in matcher.get_grouped_opcodes(CONTEXT_LINES):
        if lines or group[0][3] > 0:
            lines.append(["@", f"line {group[0][3] + 1}"])
        for tag, a, b, c, d in group:
            if tag == "equal":
                lines += [[" ", clip(line, 500)] for line in one[a:b]]
                continue
            lines += [["-", clip(line, 500)] for line in one[a:b]]
            lines += [["+", clip(line, 500)] for line in other[c:d]]
    return lines


# ---------------------------------------------------------------------- where code is found


def _of_attempts(session: Any, name: str, numbers: list[int]) -> Iterator[Written]:
    """Give the code of attempts, in order; what cannot be found is empty."""
    folder = _folder(session)
    record = session.results.record(name) or {}
    versions: list[tuple[int, Phase]] = [] if is_attached(session) else session.code.versions(name)
    is_all_here = bool(versions) and not session.was_taken_up
    last = Written()
    for number in numbers:
        kept = _kept(folder, name, number, record)
        if kept.text:
            last = kept
        here = _of_phase(_version(versions, number)) if is_all_here or _is_since(versions, number) else Written()
        yield Written(kept.text or here.text or last.text, here.where or kept.where or last.where)


def _version(versions: list[tuple[int, Phase]], number: int) -> Phase:
    return next(phase for last, phase in versions if number <= last or not last)


def _is_since(versions: list[tuple[int, Phase]], number: int) -> bool:
    """Tell whether an attempt came after an edit in this kernel, so that its code is known here."""
    return len(versions) > 1 and number > versions[0][0]


def _of_phase(phase: Phase) -> Written:
    text = source_of(phase.handler)
    code = getattr(phase.handler, "__code__", None)
    if code is None:
        return Written(text)
    return Written(text, f"{name_of_file(code.co_filename)}, line {code.co_firstlineno}")


def _kept(folder: Path | None, name: str, number: int, record: Mapping[str, Any]) -> Written:
    """Return the code of an attempt from its file, or from the one that its result says it shares."""
    if folder is None:
        return Written()
    names = [f"{file_name(name)}.{number}.py"]
    shared = record.get("source")
    if record.get("attempt") == number and isinstance(shared, str) and Path(shared).name == shared:
        names.append(shared)
    for file in names:
        path = folder / "source" / file
        try:
            with open_regular(path) as opened:
                text = (opened.read(4 * MOST_SOURCE) or b"").decode("utf-8", "replace")
        except OSError:
            continue
        return Written(text, _shown(path))
    return Written()


def _folder(session: Any) -> Path | None:
    """Return the directory of a session that has one; none is made."""
    keeper = None if is_attached(session) else session.disk.keeper
    run_dir = session.run_dir if is_attached(session) else getattr(keeper, "run_dir", None)
    return None if run_dir is None else Path(run_dir.path)


def _shown(path: Path | None) -> str:
    return "" if path is None else name_of_file(str(path))
