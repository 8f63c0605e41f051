"""Fixtures of the end-to-end tests."""

import pytest
from programs import Pretext, write_pictures


@pytest.fixture
def pretext(tmp_path):
    tool = Pretext(tmp_path)
    yield tool
    tool.stop_all()


@pytest.fixture
def pictures(tmp_path):
    return write_pictures(tmp_path / "pictures", 96)
