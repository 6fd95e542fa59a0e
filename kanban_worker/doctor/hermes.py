"""What a Hermes needs for a card's worker: a profile, a model, the plugin, the skill, a gateway."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from kanban_worker import programs
from kanban_worker.doctor.check import Check, guarded
from kanban_worker.hermes import enabling, gateways, skill
from kanban_worker.hermes.homes import PLUGIN, Hermes


def of(hermes: Hermes) -> Iterator[Check]:
    """All but the board. Without the profile there is nothing more to look at."""
    yield Check("hermes", f"{hermes.version() or 'of unknown version'}, {hermes.program}")
    if not hermes.home.is_dir():
        yield Check("profile", f"{hermes.profile}: there is no {hermes.home}", hermes.making)
        return
    yield Check("profile", f"{hermes.profile}, {hermes.home}")
    yield guarded("model", lambda: _model(hermes))
    named = _skill(hermes)
    yield guarded("plugin", lambda: _plugin(hermes, has_skill=not named.mend))
    yield named
    yield _gateway(hermes)


def _model(hermes: Hermes) -> Check:
    if model := enabling.model(hermes.config):
        return Check("model", model)
    seen = f"none in {hermes.config}: no worker can start"
    return Check("model", seen, f"hermes -p {hermes.profile} model")


def _plugin(hermes: Hermes, *, has_skill: bool) -> Check:
    status = hermes.plugin_status()
    if status is None:
        seen = f"this package is not in the environment of {hermes.program}"
        if has_skill:
            seen = f"{seen}; a worker runs it in its terminal"
        return Check("plugin", seen, f"{_install(hermes)} --into-hermes", optional=has_skill)
    if status != "enabled":
        return Check("plugin", f"{status} in {hermes.config}", _install(hermes))
    return Check("plugin", f"{PLUGIN} is enabled in {hermes.config}")


def _skill(hermes: Hermes) -> Check:
    external = enabling.external_skills(hermes.config, hermes.home)
    found = skill.found(hermes.home, external)
    if not found:
        return Check("skill", f"none in {hermes.home / 'skills'}", _install(hermes))
    if len(found) > 1:
        both = " and ".join(map(str, found[:2]))
        mend = f"rm -r {shlex.quote(str(found[-1].parent))}"
        return Check("skill", f"{both}: Hermes takes neither", mend)
    calls = skill.calls_in(found[0])
    if calls and not calls.are_there:
        seen = f"{found[0]} names {calls.work}, which is not there"
        return Check("skill", seen, _install(hermes))
    return Check("skill", str(found[0]))


def _gateway(hermes: Hermes) -> Check:
    """A board's cards may be dispatched by hand, and worked on without a model."""
    running = gateways.running(hermes.root)
    if not running:
        return Check(
            "gateway", "none runs: a card waits for one", "hermes gateway start", optional=True
        )
    gateway = running[0]
    if not enabling.dispatches(gateway.home / "config.yaml"):
        seen = f"pid {gateway.pid} starts no workers: kanban.dispatch_in_gateway is off"
        return Check("gateway", seen, f"set it in {gateway.home / 'config.yaml'}", optional=True)
    return Check("gateway", f"pid {gateway.pid} starts the workers of cards")


def _install(hermes: Hermes) -> str:
    return " ".join([programs.short_command(), *hermes.words("install")])
