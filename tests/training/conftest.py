"""No test of training may leave a thread that reads its data."""

import pytest

from tests.helpers.batches import reading


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    assert not reading(), "a thread still reads"
