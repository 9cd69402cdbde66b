"""Named points at which a process can be made to die, so that tests can show that nothing is lost at any of them.

``MILO_NB_CRASH_AT=name`` in the environment kills the process with SIGKILL where it reaches that point, as a power cut
would; ``name:3`` where it reaches it for the third time. Without the variable a point costs one comparison.
"""

from __future__ import annotations

import os
import signal
from typing import Final

CRASH_POINTS: Final = (
    "result.half",  # a result is half written to its temporary file
    "result.staged",  # it is all written, not synced
    "result.synced",  # its bytes are on disk, under the temporary name
    "result.renamed",  # it has its name, which may not be on disk
    "result.kept",  # name and bytes are on disk, the journal does not know of it
    "journal.half",  # half of a batch is appended
    "journal.written",  # a batch is appended, not synced
    "journal.synced",  # it is on disk, nobody was told
    "display.half",  # a display is half written to its temporary file
    "display.written",  # it stands
    "snapshot.half",  # a snapshot is half written to its temporary file
    "snapshot.written",  # it is all written, the old one still stands
    "snapshot.replaced",  # it stands
)
"""All points that there are."""

_NAME, _, _COUNT = os.environ.get("MILO_NB_CRASH_AT", "").partition(":")
_left = int(_COUNT) if _COUNT.isdigit() else 1


def crash_point(name: str) -> None:
    """Die here, if the environment says so."""
    if _NAME and name == _NAME:
        _crash()


def expects_crash(name: str) -> bool:
    """Tell whether the environment asks for a crash at this point, for code that must prepare one."""
    return name == _NAME


def _crash() -> None:
    global _left  # noqa: PLW0603 - counts over the life of the process, which is what is to end
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
