"""Ways for a browser's messages into a kernel that is busy. The only place that touches private parts of ipykernel.

1. ipykernel 7.4 sends a comm's messages to the shell that last published on it: for a widget made in a cell that is the
   main one, so clicks wait until the cell ends. `free_comm` gives the choice back to the browser, which picks a subshell.
2. Messages on the control channel are served on a thread of their own; `open_control_lane` makes it take ours. It serves
   ipykernel 6, and any kernel where subshells are switched off.

Where a part is not there as expected nothing is done: clicks then wait for the cell, as those of other widgets do.
Messages come in on the threads of ipykernel, so who takes them must only note them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LOG = logging.getLogger("milo_nb")
MESSAGE = "comm_msg"
_ours: set[str] = set()


def free_comm(comm: Any) -> bool:
    """Let the browser choose the shell that serves the comm's messages; tell whether there was something to do."""
    if not callable(getattr(comm, "_reply_subshell_for", None)):
        return False
    comm._reply_subshell_for = lambda data, default: default  # noqa: ARG005, SLF001 - see above
    return True


def open_control_lane(kernel: Any, comm_id: str) -> bool:
    """Have messages for a comm served on the control channel too; tell whether that is possible."""
    handlers = getattr(kernel, "control_handlers", None)
    deliver = getattr(getattr(kernel, "comm_manager", None), MESSAGE, None)
    if not isinstance(handlers, dict) or not callable(deliver) or not comm_id:
        return False
    _ours.add(comm_id)
    if MESSAGE not in handlers:
        handlers[MESSAGE] = _only_ours(deliver)
    return True


def close_control_lane(comm_id: str) -> None:
    """Serve a comm's messages on the control channel no more."""
    _ours.discard(comm_id)


def _only_ours(deliver: Callable[[Any, Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
    """Return a handler that delivers messages for our comms and leaves all others alone."""

    def handle(stream: Any, identity: Any, message: Any) -> Any:
        content = message.get("content") if isinstance(message, dict) else None
        comm_id = content.get("comm_id") if isinstance(content, dict) else None
        if not isinstance(comm_id, str) or comm_id not in _ours:
            LOG.debug("a message on the control channel is for no view of ours")
            return None
        return deliver(stream, identity, message)

    return handle
