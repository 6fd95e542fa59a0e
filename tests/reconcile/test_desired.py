"""What people wrote down, and the edits to it."""

from __future__ import annotations

import pytest

from reconcile.desired import SetKey, is_nearly_running
from reconcile.observed import SessionName


@pytest.mark.parametrize(("inside", "told"), [(None, "pid"), ("pane", "pane.pid")])
def test_a_key_is_told_with_the_mapping_that_it_stands_in(inside: str | None, told: str) -> None:
    assert SetKey(session=SessionName("a"), key="pid", value=7, inside=inside).path == told


@pytest.mark.parametrize(
    "status",
    [
        "Running",
        "RUNNING",
        " running",
        "running\n",
        "runing",
        "runnning",
        "unning",
        "runnin",
        "running.",
        "ranning",
        "runnign",
        "urnning",
        " Runing ",
    ],
)
def test_what_is_one_slip_from_running_is_nearly_that(status: str) -> None:
    assert is_nearly_running(status)


@pytest.mark.parametrize(
    "status",
    [
        None,
        "running",
        "",
        " ",
        "run",
        "terminated",
        "paused",
        "not running",
        "training",
        "rnuinng",
        "runninggg",
        "runni",
        "ignored",
        "rurring",
        "unrning-",
    ],
)
def test_running_itself_and_a_persons_word_are_not(status: str | None) -> None:
    assert not is_nearly_running(status)
