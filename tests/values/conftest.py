"""What the tests of the values room share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def key_folder(tmp_path, monkeypatch):
    """A signing key for this test alone, not the developer's own."""
    folder = tmp_path / "key"
    monkeypatch.setenv("MILO_NB_KEY_DIR", str(folder))
    return folder
