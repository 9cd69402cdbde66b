"""The signing key: one per person, made once, refused if it proves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from milo_nb.errors import WorkDirError
from milo_nb.values import trust

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    monkeypatch.setattr(trust, "_known", {})


def forget():
    trust._known.clear()


def test_a_key_is_made_once_and_only_its_owner_can_read_it(key_folder):
    key = trust.signing_key()
    forget()

    assert trust.signing_key() == key
    assert len(key) == trust.KEY_BYTES
    assert (key_folder / "signing.key").stat().st_mode & 0o777 == 0o600
    assert key_folder.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in key_folder.iterdir()] == ["signing.key"]


def test_the_key_is_read_once_per_process_and_folder(key_folder, monkeypatch, tmp_path):
    key = trust.signing_key()
    (key_folder / "signing.key").unlink()

    assert trust.signing_key() == key
    monkeypatch.setenv("MILO_NB_KEY_DIR", str(tmp_path / "other"))
    assert trust.signing_key() != key


def test_without_the_variable_the_key_lies_with_the_persons_data(monkeypatch):
    monkeypatch.delenv("MILO_NB_KEY_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")

    assert trust.key_path().name == "signing.key"
    assert trust.key_path().parent.name == "milo_nb"


def test_processes_that_ask_at_once_get_the_same_key(key_folder):
    code = "from milo_nb.values.trust import signing_key; input(); print(signing_key().hex())"
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for _ in range(6)
    ]
    for one in asking:
        one.stdin.write("\n")
        one.stdin.flush()
    keys = {one.communicate(timeout=60)[0] for one in asking}

    assert keys == {trust.signing_key().hex() + "\n"}
    assert [path.name for path in key_folder.iterdir()] == ["signing.key"]


def test_a_key_that_others_can_read_is_refused_with_the_way_out(key_folder):
    trust.signing_key()
    forget()
    (key_folder / "signing.key").chmod(0o640)

    with pytest.raises(WorkDirError, match=r"can be read by others.*chmod 600"):
        trust.signing_key()


def test_a_key_of_the_wrong_length_is_refused(key_folder):
    key_folder.mkdir()
    (key_folder / "signing.key").write_bytes(b"short")
    (key_folder / "signing.key").chmod(0o600)

    with pytest.raises(WorkDirError, match="damaged: it has 5 bytes instead of 32"):
        trust.signing_key()


def test_a_link_in_the_keys_place_is_refused(key_folder, tmp_path):
    key_folder.mkdir()
    (tmp_path / "theirs").write_bytes(b"x" * 32)
    (key_folder / "signing.key").symlink_to(tmp_path / "theirs")

    with pytest.raises(WorkDirError, match=r"cannot be read.*MILO_NB_KEY_DIR"):
        trust.signing_key()


def test_a_key_of_another_user_is_refused(key_folder, monkeypatch):
    trust.signing_key()
    forget()
    somebody_else = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: somebody_else)

    with pytest.raises(WorkDirError, match="not a file of yours"):
        trust.signing_key()


def test_a_pipe_in_the_keys_place_is_refused_and_does_not_block(key_folder):
    key_folder.mkdir()
    os.mkfifo(key_folder / "signing.key", 0o600)

    with pytest.raises(WorkDirError, match="not a file of yours"):
        trust.signing_key()


def test_a_folder_that_cannot_be_made_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MILO_NB_KEY_DIR", str(tmp_path / "file" / "below"))

    with pytest.raises(WorkDirError, match=r"file/below/signing.key.*MILO_NB_KEY_DIR"):
        trust.signing_key()


def test_a_file_system_without_hard_links_gets_a_key_too(key_folder, monkeypatch):
    def no_links(*args, **kwargs):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    key = trust.signing_key()
    forget()

    assert trust.signing_key() == key
    assert [path.name for path in key_folder.iterdir()] == ["signing.key"]
