"""A JupyterLab server of the tests' own: its files, settings and kernels are gone when it ends, however it ends."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from tests import kernels

if TYPE_CHECKING:
    from pathlib import Path

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 15
PLAIN_HOST = "lab.example"
"""The server under a name that the browser does not trust: without https, pages there get less than on the loopback interface."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TRY_EVERY_S = 0.05

# A server, which ends with the tests, whatever ends them: their end of its standard input closes then.
SERVER = """
import os, signal, sys, threading
from {module} import main

def end_with_the_tests():
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=end_with_the_tests, daemon=True).start()
main()
"""
KERNELS_SETTINGS = "@jupyterlab/apputils-extension/kernels-settings"
SETTINGS: dict[str, dict[str, Any]] = {
    "@jupyterlab/apputils-extension/notification": {
        "checkForUpdates": False,
        "fetchNews": "false",
        "doNotDisturbMode": True,
    },
}


def find_chromium(playwrights_own: str) -> str:
    """Return the path of the browser to drive: what MILO_NB_CHROMIUM says, or the system's, or `playwrights_own`.

    Raises:
        RuntimeError: If there is none.
    """
    named = os.environ.get("MILO_NB_CHROMIUM")
    for name in [named] if named else [*BROWSERS, playwrights_own]:
        if found := shutil.which(name):
            return found
    if named:
        raise RuntimeError(f"MILO_NB_CHROMIUM says {named!r}, and there is no such program.")
    raise RuntimeError("There is no Chromium to drive: `make test` installs one, or MILO_NB_CHROMIUM says where it is.")


class Lab:
    """One server of JupyterLab on the loopback interface, in a process group of its own, with a random token."""

    module, app, path = "jupyterlab.labapp", "LabApp", "lab/tree/{}?reset&"
    options: tuple[str, ...] = ("extension_manager=readonly",)

    def __init__(self, home: Path) -> None:
        """Start it, with all that it keeps below `home`.

        Raises:
            RuntimeError: If it does not come up.
        """
        self.root = home / "root"
        self.root.mkdir()
        self.token = secrets.token_hex(16)
        self._names = 0
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._home = home
        self._log = home / "server.log"
        self._has_ended = threading.Event()
        self._process = subprocess.Popen(
            self._command(),
            env=self._environment(),
            cwd=self.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name="lab-log", daemon=True)
        self._reader.start()
        if not self._is_up():
            self.stop()
            raise RuntimeError(f"JupyterLab did not start:\n{self._log.read_text()[-4000:]}")

    def address(self, name: str) -> str:
        """Return where a notebook is open."""
        return f"{self.url}/{self.path.format(name)}token={self.token}"

    def _command(self) -> list[str]:
        return [
            sys.executable,
            "-c",
            SERVER.replace("{module}", self.module),
            "--no-browser",
            "--allow-root",
            "--ip=127.0.0.1",
            f"--port={self._port}",
            "--ServerApp.port_retries=0",
            *(f"--ServerApp.local_hostnames={name}" for name in ("localhost", PLAIN_HOST)),
            f"--ServerApp.root_dir={self.root}",
            *(f"--{self.app}.{option}" for option in ("expose_app_in_browser=True", *self.options)),
        ]

    def set(self, name: str, value: dict[str, Any]) -> None:
        """Change a part of JupyterLab's settings, for pages that are loaded from now on."""
        file = self._home / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value))

    def _environment(self) -> dict[str, str]:
        home = self._home
        for name, value in SETTINGS.items():
            self.set(name, value)
        for kernel in kernels.OLDER:
            kernels.write_spec(home / "data/kernels", kernel)
        return os.environ | {
            "IPYTHONDIR": str(home / "ipython"),
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_NO_CONFIG": "1",
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "JUPYTER_TOKEN": self.token,
            "MILO_NB_REGISTRY": str(home / "registry"),
        }

    def _read(self) -> None:
        with self._log.open("wb") as log, self._process.stdout as lines:
            for line in lines:
                log.write(line)
                log.flush()
        self._has_ended.set()

    def _is_up(self) -> bool:
        """Wait until it listens, which it does a little after it says so; False if it ends or takes too long."""
        give_up = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < give_up and not self._has_ended.wait(TRY_EVERY_S):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port)):
                return True
        return False

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Return what the server's REST API answers."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def write(self, cells: list[str], kernel: str = kernels.OWN) -> str:
        """Write a notebook under a name of its own and start its kernel, an ipykernel; return the name."""
        self._names += 1
        name = f"notebook-{self._names}.ipynb"  # sessions are found by path: a name used twice has the old kernel
        spec = {"name": kernels.spec(kernel), "display_name": f"ipykernel {kernel}", "language": "python"}
        notebook = new_notebook(cells=[new_code_cell(cell.strip()) for cell in cells], metadata={"kernelspec": spec})
        nbformat.write(notebook, self.root / name)
        return self.serve(name, kernel)

    def serve(self, name: str, kernel: str = kernels.OWN) -> str:
        """Start the kernel of a notebook while the page has yet to load."""
        body = {"path": name, "name": name, "type": "notebook", "kernel": {"name": kernels.spec(kernel)}}
        self.ask("/api/sessions", "POST", body)
        return name

    def end_kernels(self) -> None:
        """End all kernels: the next test has both processors."""
        for session in self.ask("/api/sessions"):
            self.ask(f"/api/sessions/{session['id']}", "DELETE")

    def stop(self) -> None:
        """End the server and its kernels."""
        if self._process.poll() is None:
            with contextlib.suppress(OSError):
                self.end_kernels()
        self._process.stdin.close()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)  # kernels end by themselves when their server is gone
            self._process.wait(STOP_TIMEOUT_S)
        self._reader.join(STOP_TIMEOUT_S)


class Classic(Lab):
    """One server of Jupyter Notebook 7."""

    module, app, path = "notebook.app", "JupyterNotebookApp", "notebooks/{}?"
    options = ()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
