"""Files are where the XDG specification and the contract put them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from state import paths

HOME = Path("/home/u")


def test_the_places_without_any_variable() -> None:
    found = paths.places({}, HOME)
    assert found.config == HOME / ".config/agent-sessions/config.yaml"
    assert found.cache == HOME / ".cache/agent-sessions-monitor"
    assert found.state == HOME / ".local/state/agent-sessions-monitor"
    assert found.journal == found.state / "journal.jsonl"


@pytest.mark.parametrize("value", ["", "relative", "~/x"])
def test_a_variable_that_is_no_absolute_path_is_ignored(value: str) -> None:
    assert paths.places({"XDG_CACHE_HOME": value}, HOME) == paths.places({}, HOME)


def test_the_variables_win() -> None:
    environ = {"XDG_CONFIG_HOME": "/c", "XDG_CACHE_HOME": "/k", "XDG_STATE_HOME": "/s"}
    found = paths.places(environ, HOME)
    assert found.config == Path("/c/agent-sessions/config.yaml")
    assert found.cache == Path("/k/agent-sessions-monitor")
    assert found.state == Path("/s/agent-sessions-monitor")


@pytest.mark.parametrize(
    ("explicit", "environ", "configured", "place"),
    [
        ("~/a.yaml", {"AGENT_SESSIONS_REGISTRY": "/b"}, "/c", "/home/u/a.yaml"),
        ("rel.yaml", {}, None, "rel.yaml"),
        (None, {"AGENT_SESSIONS_REGISTRY": "~/b"}, "/c", "/home/u/b"),
        (None, {"AGENT_SESSIONS_REGISTRY": ""}, "~", "/home/u"),
        (None, {}, None, "/home/u/.config/agent-sessions/agent-sessions.yaml"),
        (None, {"XDG_CONFIG_HOME": "/x"}, None, "/x/agent-sessions/agent-sessions.yaml"),
    ],
)
def test_the_registry_is_found_in_order(
    explicit: str | None, environ: Mapping[str, str], configured: str | None, place: str
) -> None:
    found = paths.places(environ, HOME)
    assert paths.registry(found, environ, explicit=explicit, configured=configured) == Path(place)


def test_the_registry_of_puki_is_taken_when_it_is_there(tmp_path: Path) -> None:
    puki = tmp_path / "PuKi/lab/agent_sessions/agent-sessions.yaml"
    puki.parent.mkdir(parents=True)
    puki.touch()
    assert paths.registry(paths.places({}, tmp_path), {}, explicit=None, configured=None) == puki


def test_the_registry_in_a_cards_workspace_is_that_of_its_worker(tmp_path: Path) -> None:
    """Unless a flag or the environment names one; the worker's config file does not."""
    card = {"HERMES_KANBAN_WORKSPACE": str(tmp_path)}
    found = paths.places({}, tmp_path)

    def registry(environ: dict[str, str], explicit: str | None = None) -> Path:
        return paths.registry(found, environ, explicit=explicit, configured="/config.yaml")

    assert registry(card) == Path("/config.yaml")
    (tmp_path / "agent-sessions.yaml").touch()
    assert registry(card) == tmp_path / "agent-sessions.yaml"
    assert registry(card, "/flag.yaml") == Path("/flag.yaml")
    assert registry({**card, paths.REGISTRY_VARIABLE: "/x.yaml"}) == Path("/x.yaml")
    assert registry({"HERMES_KANBAN_WORKSPACE": "relative"}) == Path("/config.yaml")


def test_each_registry_has_a_ledger_of_its_own_with_a_readable_name() -> None:
    one = paths.ledger(Path("/k"), Path("/home/u/PuKi/lab/my project!/agent-sessions.yaml"))
    other = paths.ledger(Path("/k"), Path("/home/u/other/my project!/agent-sessions.yaml"))
    assert one.name.startswith("my-project-")
    assert one.suffix == ".state"
    assert len(one.stem) == len("my-project-") + 8
    assert one != other


def test_a_place_stands_in_the_names_of_its_own_ledger_and_lock() -> None:
    registry = Path("/home/u/lab/agent-sessions.yaml")
    for path in (paths.ledger, paths.monitor_lock):
        alone, here = path(Path("/k"), registry), path(Path("/k"), registry, "0a1b2c3d")
        assert path(Path("/k"), registry, None) == alone
        assert here == alone.with_name(f"{alone.stem}-0a1b2c3d{alone.suffix}")


def test_what_lies_beside_a_registry_is_named_after_it() -> None:
    registry = Path("/home/u/lab/agent-sessions.yaml")
    assert paths.watchers(registry) == Path("/home/u/lab/.agent-sessions.yaml.places")
    assert paths.registry_lock(registry) == Path("/home/u/lab/agent-sessions.yaml.lock")
    beside = {paths.watchers(registry), paths.registry_lock(registry), registry}
    assert len(beside | {paths.being_written(registry), paths.ready(registry)}) == 5


def test_hooks_record_beside_the_journal() -> None:
    found = paths.places({}, HOME)
    assert found.hooks == found.journal.parent / "hooks"


@pytest.mark.parametrize("folder", ["/", "/研究", "/" + "x" * 300, "/\udcff"])
def test_a_ledgers_name_fits_any_folder(folder: str) -> None:
    name = paths.ledger(Path("/k"), Path(folder) / "r.yaml").name
    assert name.isascii()
    assert len(name) < 100
