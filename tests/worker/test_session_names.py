"""Whether a session's name is predicted as a real tmux makes it."""

from __future__ import annotations

import subprocess

import pytest

import tmux_versions
from fleet import Fleet
from kanban_worker.tmux import Tmux
from reconcile import names
from reconcile.observed import Listing, SessionName


def listing(fleet: Fleet) -> Listing:
    """Look at a server that certainly answers."""
    (answer,) = Tmux([str(fleet.socket)]).look().values()
    assert isinstance(answer, Listing)
    return answer


def asks_for(fleet: Fleet, name: str) -> None:
    """Ask for a session of this name, in UTF-8 whatever the locale."""
    fleet.tmux("-u", "new-session", "-d", "-s", name, "--", "sleep", "600")


@pytest.mark.parametrize("asked", tmux_versions.LISTED)
def test_tmux_lists_a_name_as_the_table_says_and_the_core_foresees(
    fleet: Fleet, asked: str
) -> None:
    fleet.start("keeper", agent="sleep")
    version, _ = tmux_versions.here()
    expected = tmux_versions.listed(asked, version)
    if expected is None:
        with pytest.raises(RuntimeError, match=r"(bad|invalid) session"):
            asks_for(fleet, asked)
        return

    asks_for(fleet, asked)

    seen = listing(fleet)
    assert set(seen.sessions) == {"keeper", expected}
    assert seen.version == version
    assert expected in names.as_listed(asked, version)
    assert expected in names.as_listed(asked, "")


@pytest.mark.parametrize("asked", tmux_versions.LISTED)
def test_a_name_copied_from_tmux_is_found_as_it_is(fleet: Fleet, asked: str) -> None:
    fleet.start("keeper", agent="sleep")
    version, _ = tmux_versions.here()
    if tmux_versions.listed(asked, version) is None:
        pytest.skip("refused")
    asks_for(fleet, asked)

    for name in listing(fleet).sessions:
        assert names.as_listed(name, version)[0] == name


def test_a_character_without_a_width_is_listed_in_one_of_the_forms(fleet: Fleet) -> None:
    fleet.start("keeper", agent="sleep")
    try:
        asks_for(fleet, tmux_versions.ANY_WIDTH)
    except RuntimeError as refused:
        assert "invalid session" in str(refused)  # noqa: PT017 - either is an answer
        return

    seen = listing(fleet)
    (shown,) = seen.sessions.keys() - {SessionName("keeper")}
    assert shown in names.as_listed(tmux_versions.ANY_WIDTH, seen.version)


def test_the_version_is_the_servers_and_not_that_of_the_client(fleet: Fleet) -> None:
    fleet.start("keeper", agent="sleep")

    told = subprocess.check_output(["tmux", "-V"], text=True).split()[1]

    assert listing(fleet).version == told
