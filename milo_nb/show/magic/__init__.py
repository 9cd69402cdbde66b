"""The ``%%milo`` cell, the ``%milo`` line and their completion. Everything works without them."""

from __future__ import annotations

from typing import Any

from milo_nb.execute.attaching import register_definitions
from milo_nb.show.magic.complete import add_completion, remove_completion

NAME = "milo"


def install(ipython: Any) -> None:
    """Bring ``%milo`` and ``%%milo`` to a shell."""
    from milo_nb.show.magic.defined import Defined  # noqa: PLC0415 - as below
    from milo_nb.show.magic.magics import MiloMagics  # noqa: PLC0415 - IPython's magics are imported where they are used

    magics = MiloMagics(ipython)
    ipython.register_magics(magics)
    register_definitions(Defined(magics.cells, ipython.user_ns))
    add_completion(ipython)


def remove(ipython: Any) -> None:
    """Take them away again."""
    for kind in ("line", "cell"):
        ipython.magics_manager.magics[kind].pop(NAME, None)
    remove_completion(ipython)
    register_definitions(None)
