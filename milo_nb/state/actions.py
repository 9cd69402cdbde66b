"""What can happen: an Action has a type and a payload; the names of the types are the journal's vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from milo_nb.state.record import constructor

INIT = "@@INIT"
KEY = "@@KEY"
COMMAND = "@@COMMAND"
PIPELINE_START = "@@PIPELINE_START"
PIPELINE_COMPLETE = "@@PIPELINE_COMPLETE"
PIPELINE_FAILED = "@@PIPELINE_FAILED"
PIPELINE_PAUSED = "@@PIPELINE_PAUSED"
PIPELINE_RESUMED = "@@PIPELINE_RESUMED"
PIPELINE_CANCELLED = "@@PIPELINE_CANCELLED"
PHASE_START = "@@PHASE_START"
PHASE_COMPLETE = "@@PHASE_COMPLETE"
PHASE_FAILED = "@@PHASE_FAILED"
PHASE_SKIPPED = "@@PHASE_SKIPPED"
PHASE_RETRY = "@@PHASE_RETRY"
PHASE_CANCELLED = "@@PHASE_CANCELLED"
PHASE_REVIEW = "@@PHASE_REVIEW"
PHASE_EDITED = "@@PHASE_EDITED"
PHASE_SAVED = "@@PHASE_SAVED"
PHASE_LOG = "@@PHASE_LOG"
PHASE_LOGS = "@@PHASE_LOGS"
PHASE_PROGRESS = "@@PHASE_PROGRESS"
PHASE_OUTPUT = "@@PHASE_OUTPUT"
CHECKPOINT_FAILED = "@@CHECKPOINT_FAILED"


@dataclass(frozen=True, slots=True)
class Action:
    """Something that happened.

    Attributes:
        type: One of the constants of this module, or a word of your own.
        payload: Facts, mostly a dict.
        timestamp: Seconds on the store's clock; the store stamps it when it is dispatched.
    """

    type: str
    payload: Any = None
    timestamp: float = 0.0


make_action = constructor(Action)
stamp = Action.__dict__["timestamp"].__set__
"""Set the timestamp of an action that has none yet; only a store does this, once."""
