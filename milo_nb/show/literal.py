"""Values as people write them: on a line of a magic, in a field of the view."""

from __future__ import annotations

import ast
from typing import Any


def read_value(text: str) -> Any:
    """Return the value that a literal of Python stands for, else the text itself."""
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
