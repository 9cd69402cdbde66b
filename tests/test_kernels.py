"""The ipykernels of the tests are what they are called, and have what they need."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import kernels


@pytest.mark.parametrize("kernel", kernels.ALL)
def test_who_asks_for_an_ipykernel_gets_it_and_it_has_all_that_it_needs(kernel):
    code = "import ipykernel, ipykernel_launcher, milo_nb; print(ipykernel.__version__)"
    ended = subprocess.run(
        [sys.executable, "-c", code], env=kernels.environment(kernel), capture_output=True, text=True, check=True
    )
    assert ended.stdout == f"{kernel}\n"
    assert kernels.unmet(kernel) == []


def test_an_ipykernel_that_is_not_there_fails_and_is_not_passed_over():
    with pytest.raises(RuntimeError, match=r"^ipykernel 5.0 is not installed: `make test` or"):
        kernels.environment("5.0")
