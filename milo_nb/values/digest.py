"""The digest of a value: equal for equal content, in any process, whatever made it."""

from __future__ import annotations

import hashlib
from itertools import chain
from typing import Any

from milo_nb.values.encode import Encoder, Undigestable
from milo_nb.values.follow import Follower

__all__ = ["Undigestable", "digest"]


def digest(value: Any, name: str = "value") -> str:
    """Return a SHA-256, in hex, of a value's content.

    Content is: numbers, texts and containers, the order of dicts and sets aside; arrays and frames with their types and
    names; what is in a file or folder that a ``Path`` leads to; of other objects what pickle would write, or what their
    method ``__milo_hash__()`` returns; of a person's own functions and classes the code.

    Args:
        value: The value; it must not change meanwhile.
        name: What to call it in errors.

    Raises:
        Undigestable: If a part of it has no content that could be compared, as an open file; says which part.
    """
    code: dict[str, str] = {}
    found = Encoder(Follower(code, [], is_deep=True).code_of).digest(value, name)
    if code:
        found = hashlib.sha256("\0".join((found, *chain.from_iterable(sorted(code.items())))).encode()).hexdigest()
    return found
