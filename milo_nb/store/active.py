"""The pipeline that is active in this process, for agents: in memory, and in the registry of the user.

The registry is one JSON file per process in the user's runtime directory, replaced at most once a second and at each
end, so that a server in another process can show what runs.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milo_nb.state.model import ENDED
from milo_nb.state.timeline import pipeline_to_timeline

if TYPE_CHECKING:
    from milo_nb.state.model import PipelineState
    from milo_nb.store.store import Store

WRITE_GAP_S = 1.0
_lock = threading.Lock()
_state: PipelineState | None = None
_written_at = 0.0


def set_active_pipeline(state: PipelineState | None, *, write: bool = True) -> None:
    """Make `state` the one that agents see; None for no pipeline.

    Args:
        state: The latest state of a pipeline.
        write: Also write it to the registry, if the last write is long enough ago or the pipeline has ended.
    """
    global _state, _written_at  # noqa: PLW0603 - one per process is what this is about
    with _lock:
        _state = state
        now = time.monotonic()
        if not write or (state is not None and state.status not in ENDED and now - _written_at < WRITE_GAP_S):
            return
        _written_at = now
    _write(state)


def get_active_pipeline() -> PipelineState | None:
    """Return the state last set in this process, or None."""
    return _state


def registry_dir() -> Path:
    """Return the directory of the user's registry; ``MILO_NB_REGISTRY`` overrides it."""
    import platformdirs  # noqa: PLC0415 - 10 ms that an import of the package should not pay

    return Path(os.environ.get("MILO_NB_REGISTRY") or platformdirs.user_state_dir("milo_nb")) / "pipelines"


def _write(state: PipelineState | None) -> None:
    import json  # noqa: PLC0415 - with tempfile 5 ms that an import of the package should not pay
    import tempfile  # noqa: PLC0415 - as above

    # Agents seeing less is no reason to stop a run: a read-only or full disk is passed over.
    with contextlib.suppress(OSError):
        directory = registry_dir()
        file = directory / f"{os.getpid()}.json"
        if state is None:
            file.unlink(missing_ok=True)
            return
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = json.dumps({"schema": 1, "pid": os.getpid(), "timeline": pipeline_to_timeline(state)})
        with tempfile.NamedTemporaryFile("w", dir=directory, suffix=".tmp", delete=False) as temporary:
            temporary.write(content)
        Path(temporary.name).replace(file)


def follow(store: Store, *, write: bool) -> Any:
    """Have a store's state set as active whenever it changes."""

    def publish() -> None:
        if store.state.status != "pending":
            set_active_pipeline(store.state, write=write)

    return store.subscribe(publish)
