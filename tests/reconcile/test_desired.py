"""What people wrote down, and the edits to it."""

from __future__ import annotations

import pytest

from reconcile.desired import SetKey
from reconcile.observed import SessionName


@pytest.mark.parametrize(("inside", "told"), [(None, "pid"), ("pane", "pane.pid")])
def test_a_key_is_told_with_the_mapping_that_it_stands_in(inside: str | None, told: str) -> None:
    assert SetKey(session=SessionName("a"), key="pid", value=7, inside=inside).path == told
