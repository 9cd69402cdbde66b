"""Hooks on modules that are loaded later."""

from __future__ import annotations

import importlib
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from milo_nb.capture.importing import Awaited
from milo_nb.capture.patch import Patch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def lib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "milo_test_lib.py").write_text("def f(): return 'theirs'\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield "milo_test_lib"
    sys.modules.pop("milo_test_lib", None)


def wrap(module: Any) -> Iterator[Patch]:
    yield Patch(module, "f", lambda original: lambda: f"ours over {original()}")


@pytest.mark.parametrize("is_loaded_before", [True, False])
def test_a_hook_is_put_in_now_or_when_the_module_is_loaded_and_taken_out_again(
    lib: str, is_loaded_before: bool
) -> None:
    finders = list(sys.meta_path)
    hook = Awaited(lib, wrap)
    if is_loaded_before:
        importlib.import_module(lib)
    hook.install()
    module = importlib.import_module(lib)
    assert module.f() == "ours over theirs"
    assert "exec_module" not in vars(module.__loader__)
    hook.uninstall()
    assert module.f() == "theirs"
    assert sys.meta_path == finders


def test_a_hook_that_was_taken_out_before_leaves_the_module_alone(lib: str) -> None:
    finders = list(sys.meta_path)
    one, two = Awaited(lib, wrap), Awaited(lib, wrap)
    one.install()
    two.install()
    one.uninstall()
    assert importlib.import_module(lib).f() == "ours over theirs"
    two.uninstall()
    assert sys.meta_path == finders


def test_a_module_that_is_not_as_expected_can_still_be_imported(lib: str) -> None:
    hook = Awaited(lib, lambda module: [Patch(module, "gone", wrap)])
    hook.install()
    assert importlib.import_module(lib).f() == "theirs"
    hook.uninstall()


def test_a_module_of_an_archive_is_hooked_and_its_loader_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "lib.zip", "w") as archive:
        archive.writestr("milo_test_zipped.py", "def f(): return 'theirs'\n")
    monkeypatch.syspath_prepend(tmp_path / "lib.zip")
    hook = Awaited("milo_test_zipped", wrap)
    hook.install()
    module = importlib.import_module("milo_test_zipped")
    assert module.f() == "ours over theirs"
    assert "exec_module" not in vars(module.__loader__)
    hook.uninstall()
    del sys.modules["milo_test_zipped"]


def test_a_module_that_is_not_there_fails_as_always() -> None:
    hook = Awaited("milo_test_nowhere", wrap)
    hook.install()
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("milo_test_nowhere")
    hook.uninstall()
