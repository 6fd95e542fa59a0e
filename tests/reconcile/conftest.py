"""What the core's tests share beside the values in `examples`."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest


@pytest.fixture
def abroad() -> Iterator[None]:
    """A machine whose own time zone is nine hours ahead of UTC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()
