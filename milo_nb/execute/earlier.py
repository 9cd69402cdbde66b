"""The result that a phase had in an earlier session, for who skips it now."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from milo_nb.errors import InvalidStateError, MiloError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from milo_nb.execute.session import Session
    from milo_nb.persist.rundir import RunDir

LOG = logging.getLogger("milo_nb")
MOST_SESSIONS: Final = 20
_SHORT: Final = 8


class EarlierResult:
    """Stands for that result in a skip that is sent to another process."""


EARLIER_RESULT: Final = EarlierResult()


class Earlier(NamedTuple):
    """A result that a phase had in another session, on disk."""

    run_dir: RunDir
    record: Mapping[str, Any]

    def load(self) -> Any:
        """Return it.

        Raises:
            ResultRefusedError: If the file is damaged, or was signed by somebody else.
        """
        from milo_nb.persist.results import ResultFiles  # noqa: PLC0415 - costs an import that few need
        from milo_nb.values.trust import signing_key  # noqa: PLC0415

        return ResultFiles(self.run_dir, signing_key()).load(self.record)

    def __str__(self) -> str:
        """Say where it is from, and how large it is."""
        made = datetime.fromtimestamp(self.run_dir.started_wall, UTC).astimezone()
        size = self.record.get("size", 0)
        return f"of session {self.run_dir.session_id[:_SHORT]}, {made:%Y-%m-%d %H:%M}, {size:,} bytes"


def value_of_earlier(session: Session, name: str) -> Any:
    """Return the newest saved result that a phase made in another session of this pipeline.

    Raises:
        MiloError: If there is none, or it is refused.
    """
    found = earlier(session, name)
    if found is None:
        raise InvalidStateError(f"No earlier session has a saved result of '{name}'.")
    return found.load()


def earlier(session: Session, name: str) -> Earlier | None:
    """Return where the newest saved result is that a phase made in another session of this pipeline, if there is one."""
    root = _root_of(session)
    if root is None:
        return None
    from milo_nb.execute.taking_up import saved_records  # noqa: PLC0415 - costs an import that few need
    from milo_nb.persist.journal import read  # noqa: PLC0415
    from milo_nb.persist.replay import current_snapshot, replay  # noqa: PLC0415
    from milo_nb.persist.results import ResultFiles  # noqa: PLC0415
    from milo_nb.persist.rundir import sessions  # noqa: PLC0415
    from milo_nb.values.trust import signing_key  # noqa: PLC0415

    for run_dir in sessions(root, session.name)[:MOST_SESSIONS]:
        try:
            if run_dir.session_id == str(session.id) or not _has_made(current_snapshot(run_dir), session.name, name):
                continue
            journalled = read(run_dir.journal)
            for record in saved_records(journalled, replay(journalled)):
                if record["name"] == name and ResultFiles(run_dir, signing_key()).exists(record):
                    return Earlier(run_dir, record)
        except (MiloError, OSError) as e:
            LOG.debug("session %s cannot be read", run_dir.session_id, exc_info=e)
    return None


def _root_of(session: Any) -> str | Path | None:
    """Return the work directory of a session, which may be one that is only looked at."""
    run_dir: RunDir | None = getattr(session, "run_dir", None)
    return session.disk.root if run_dir is None else run_dir.root


def _has_made(snapshot: Mapping[str, Any], pipeline: str, name: str) -> bool:
    results = snapshot.get("results")
    return (
        snapshot.get("pipeline") == pipeline
        and isinstance(results, list)
        and any(isinstance(r, dict) and r.get("phase") == name and r.get("success") is True for r in results)
    )
