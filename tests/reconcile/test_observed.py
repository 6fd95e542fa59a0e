"""What a look found, and how it is told from what another look found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from examples import CLAUDE, PID, SHELL
from reconcile.observed import Process, ProcessId


@pytest.mark.parametrize(
    ("process", "identity"),
    [
        pytest.param(CLAUDE, ProcessId(PID, "100"), id="its pid and its start"),
        pytest.param(replace(CLAUDE, start="101"), ProcessId(PID, "101"), id="another start"),
        pytest.param(SHELL, None, id="nothing where its start cannot be told"),
    ],
)
def test_a_process_is_told_by(process: Process, identity: ProcessId | None) -> None:
    assert process.id == identity
