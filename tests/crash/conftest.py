"""The checks in the files beside the tests tell what they found, too."""

import pytest

pytest.register_assert_rewrite("tests.crash.story")
