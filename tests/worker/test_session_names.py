"""Whether a session's name is predicted as a real tmux makes it."""

from __future__ import annotations

import pytest

from fleet import Fleet
from reconcile import names

CONTROL = [*range(1, 0x20), *range(0x7F, 0xA0)]


@pytest.mark.parametrize("written", ["a.b:c", "é 名 🙂", "".join(map(chr, CONTROL))])
def test_tmux_makes_of_a_name_what_is_predicted(fleet: Fleet, written: str) -> None:
    asked = f"x{written}y"

    fleet.tmux("-u", "new-session", "-d", "-s", asked, "--", "sleep", "600")
    fleet._server = None

    shown = fleet.tmux("-u", "list-sessions", "-F", "#{session_name}")
    fleet.tmux("kill-server")
    assert shown == names.normalise(asked)
