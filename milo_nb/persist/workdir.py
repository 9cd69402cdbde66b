"""How pipelines and phases are called in a work directory."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

_UNSAFE = re.compile(r"[^\w.\- ]", re.ASCII)
_LONGEST = 80
_PLAIN_NAME: Final = re.compile(r"[a-z0-9_][a-z0-9_-]{0,59}")
_SPECIAL: Final = re.compile(r"[^\w-]+")
_LONGEST_HINT: Final = 40
UNATTRIBUTED: Final = "unattributed"
"""The file name of what belongs to no phase."""


def safe_name(name: str) -> str:
    """Return `name` as a file name: other characters become ``_``, and it never points to another directory."""
    return _UNSAFE.sub("_", name).strip(". ")[:_LONGEST] or "_"


def file_name(phase: str) -> str:
    """Return how files of a phase are called, without an ending: no two phases of a pipeline share one.

    Names of small letters, digits, ``_`` and ``-`` stay as they are. Of any other name a readable part stays, and a
    digest tells it from its like, also where the disk does not know ``A`` from ``a``. There is never a dot in it. The
    empty name, which no phase has, stands for what belongs to no phase.
    """
    if not phase:
        return UNATTRIBUTED
    if _PLAIN_NAME.fullmatch(phase) and phase != UNATTRIBUTED:
        return phase
    digest = sha256(phase.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    hint = _SPECIAL.sub("_", phase).encode("ascii", "ignore").decode()[:_LONGEST_HINT].strip("_-")
    return f"{hint}~{digest}"
