"""The tests' own server and browser: what is missing is said, and nothing is left behind."""

from __future__ import annotations

import urllib.error

import pytest

from tests.browser.lab import Lab, find_chromium


def test_a_missing_browser_is_said_in_one_sentence(monkeypatch):
    monkeypatch.delenv("MILO_NB_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "")

    with pytest.raises(RuntimeError, match=r"^There is no Chromium to drive: `make test` installs one"):
        find_chromium("/nowhere/chrome")


def test_a_browser_that_is_named_wrongly_is_not_passed_over(monkeypatch):
    monkeypatch.setenv("MILO_NB_CHROMIUM", "/nowhere/chrome")

    with pytest.raises(RuntimeError, match=r"^MILO_NB_CHROMIUM says '/nowhere/chrome'"):
        find_chromium("/nowhere/chrome")


def test_a_server_ends_with_its_kernels(tmp_path):
    server = Lab(tmp_path)
    try:
        server.write(["1"])
        assert [kernel["name"] for kernel in server.ask("/api/kernels")] == ["python3"]
    finally:
        server.stop()

    with pytest.raises(urllib.error.URLError):
        server.ask("/api/kernels")
    assert list((tmp_path / "runtime").glob("kernel-*.json")) == []
