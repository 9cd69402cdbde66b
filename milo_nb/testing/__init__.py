"""Fakes and contract suites for tests of milo_nb and of what plugs into it. Public; the package itself imports none of it.

* :class:`FakeClock`: time passes when the test says so.
* :class:`HandBackend`: phases are finished by hand, so that a session goes step by step in the test's own thread.
* :class:`RecordingEmit`: keeps what a backend tells of a call.
* :func:`check_backend`: the contract of a :class:`~milo_nb.execute.backend.Backend`; :data:`BACKEND_RULES` one by one.
"""

from __future__ import annotations

from milo_nb.testing.contract import BACKEND_RULES, BackendRule, Contract, check_backend
from milo_nb.testing.fakes import FakeClock, HandBackend, HandHandle, RecordingEmit

__all__ = [
    "BACKEND_RULES",
    "BackendRule",
    "Contract",
    "FakeClock",
    "HandBackend",
    "HandHandle",
    "RecordingEmit",
    "check_backend",
]
