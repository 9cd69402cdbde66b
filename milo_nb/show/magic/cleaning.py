"""``%milo clean``: old sessions and cached results go; what runs, and the latest that could be resumed, stay."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from milo_nb.errors import MiloError, UsageError, available
from milo_nb.execute.taking_up import latest_unfinished
from milo_nb.persist.cache import Cache, parse_ttl
from milo_nb.persist.cache_shelves import Shelves, read_loosely, size_of
from milo_nb.persist.disk import Removed, say_size
from milo_nb.persist.lock import owner
from milo_nb.persist.replay import of_pipeline
from milo_nb.persist.retention import clean as clean_sessions
from milo_nb.persist.retention import remove_session
from milo_nb.persist.workdir import safe_name
from milo_nb.show.magic.asked import say
from milo_nb.show.magic.on_disk import SHORT, is_me, name_of, names_on_disk, root_of, say_where
from milo_nb.values.trust import signing_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milo_nb.persist.lock import Owner
    from milo_nb.show.magic.asked import Asked

_MOST_LINES = 20


def clean(asked: Asked) -> None:
    """Remove old sessions, or cached results; with --dry-run only say what would go.

    Raises:
        UsageError: If there is nothing of that name.
        ValueError: For a malformed age.
    """
    given = asked.options
    older_s = None if given.older is None else parse_ttl(given.older) / 1000
    root = Path(root_of(asked, asked.names[0] if asked.names else "")).absolute()
    names = [name_of(asked, asked.name)] if asked.names else names_on_disk(root)
    if asked.names and not (root / safe_name(names[0])).is_dir():
        raise UsageError(
            f"Nothing of '{names[0]}' is in {root}. {available('pipelines', names[0], names_on_disk(root))}"
        )
    gone: list[Removed] = []
    for name in names:
        if given.cache or asked.phases:
            gone += _cached(root / safe_name(name), asked, older_s)
        else:
            gone += _sessions(root, name, asked, older_s)
    _tell(gone, root, "cached result" if given.cache or asked.phases else "session", dry=given.dry_run)
    if not (given.cache or asked.phases) and (given.keep is not None or older_s is not None):
        for name in names:
            for line in _stays(root, name, given.keep, older_s, {one.path for one in gone}):
                say(line)


def _sessions(root: Path, name: str, asked: Asked, older_s: float | None) -> Iterator[Removed]:
    given = asked.options
    if older_s is None or given.keep is not None:
        keep = {} if given.keep is None else {"keep": given.keep}
        yield from clean_sessions(root, name, dry_run=given.dry_run, **keep)
    if older_s is None:
        return
    stays = latest_unfinished(root, name)
    for run_dir in list(of_pipeline(root, name)):
        if run_dir == stays or time.time() - run_dir.started_wall <= older_s:
            continue
        with contextlib.suppress(OSError, MiloError):  # it runs, or is not ours: it stays
            if owner(run_dir) is None:
                yield remove_session(run_dir, dry_run=given.dry_run)._replace(why=f"older than {given.older}")


def _stays(root: Path, name: str, keep: int | None, older_s: float | None, gone: set[Path]) -> Iterator[str]:
    """Yield why sessions stay that were to go by their number or age."""
    unfinished = latest_unfinished(root, name)
    for position, run_dir in enumerate(of_pipeline(root, name)):
        is_wanted = (keep is not None and position < keep) or (
            keep is None and older_s is not None and time.time() - run_dir.started_wall <= older_s
        )
        if is_wanted or run_dir.path in gone:
            continue
        try:
            who = owner(run_dir)
        except OSError as e:
            why = f"it cannot be looked at: {e.strerror or e}"
        else:
            why = _why_it_stays(who, has_way_on=run_dir == unfinished)
        if why:
            yield f"  {run_dir.session_id[:SHORT]} of '{name}' stays: {why}"


def _why_it_stays(who: Owner | None, *, has_way_on: bool) -> str:
    if who is not None and is_me(who):
        return (
            "this kernel has it, and with it its results. Restart the kernel, or close its executor, to let go of it."
        )
    if who is not None:
        return f"{say_where(who)} has it."
    return "it is the latest one that could be resumed." if has_way_on else ""


def _cached(folder: Path, asked: Asked, older_s: float | None) -> list[Removed]:
    """Remove cached results: of the phases that are named, that were not used for so long, or all; say whose they are."""
    cache, given = Cache(folder, signing_key()), asked.options
    phase_of = {entry: str(read_loosely(entry).get("phase", "")) for entry in Shelves(folder / "cache").entries()}
    if not asked.phases:
        limit = {"older_than": older_s} if older_s is not None else {"max_bytes": 0}
        gone = cache.clean(dry_run=given.dry_run, **limit)
        return [one._replace(why=phase_of.get(one.path) or one.why) for one in gone]
    known = sorted(set(phase_of.values()))
    for phase in asked.phases:
        if phase not in known:
            raise UsageError(f"Nothing is cached for '{phase}'. {available('cached phases', phase, known)}")
    found = [Removed(entry, size_of(entry), phase) for entry, phase in phase_of.items() if phase in asked.phases]
    if not given.dry_run:
        for phase in asked.phases:
            cache.invalidate(phase)
    return found


def _tell(gone: list[Removed], root: Path, what: str, *, dry: bool) -> None:
    if not gone:
        shown = root.relative_to(Path.cwd()) if root.is_relative_to(Path.cwd()) else root
        say(f"Nothing to clean in {shown}.")
        return
    total = say_size(sum(one.size_bytes for one in gone))
    say(f"{'Would remove' if dry else 'Removed'} {len(gone)} {what}{'s' * (len(gone) != 1)}, {total}:")
    for one in gone[:_MOST_LINES]:
        say(f"  {one.path.relative_to(root)}  {say_size(one.size_bytes)}  {one.why}")
    if len(gone) > _MOST_LINES:
        say(f"  ... and {len(gone) - _MOST_LINES} more")
