"""The whole monitor against an oracle: lives of any steps in any order, on one host or two.

Beside what the oracle tells of each tick, one law is asserted by itself: no entry becomes
`terminated` while its session lives, whichever monitor looks.

`SEED=7 make test-faults` tries other lives. A divergence is told with the fewest steps that
still show it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import pytest

import fences
import shards
import steps
from game import DivergenceError, Game
from life import HERE, THERE
from shrinking import shrunk
from steps import Step

SEED = int(os.environ.get("SEED", "1"))
HOSTS = ((HERE,), (HERE,), (HERE, THERE), (HERE, THERE))
"""Of each life. What was never seen is judged where one host alone watches the registry."""
LIVES = len(HOSTS)
STEPS = 3250
"""Of each life; about a fifth of them cannot take place and does not count."""
ACTIONS = {"updated", "held", "flagged", "notice"}
EVERYTHING = ACTIONS | {
    *("A", "B", "C", "D", "P", "flapping", "cannot-see", "ambiguous-id"),
    *("identity-changed", "terminated-but-alive", "agent-exited", "renamed", "disputed-name"),
    *("other-host", "conversation-shared"),
}
"""What the lives have to show together, or they prove little."""
LEAST = 10_000
"""Steps that take place."""


def lived(story: Sequence[Step], hosts: Sequence[str]) -> tuple[Game, int, str]:
    """A life of its own: the game, and where and why it diverged."""
    with fences.raised() as fence:
        game = Game.begun(fence, hosts)
        for number, step in enumerate(story, start=1):
            try:
                game.play(step)
            except DivergenceError as error:
                return game, number, str(error)
    return game, len(story), ""


def told(story: Sequence[Step], hosts: Sequence[str], why: str) -> str:
    """A divergence with the fewest steps that show it."""
    kind = why.splitlines()[0]
    shown = shrunk(story, lambda each: lived(each, hosts)[2].startswith(kind), seconds=60)
    return "\n".join(
        [why, "after", *(f"  {step.told()}" for step in shown), lived(shown, hosts)[2]]
    )


@pytest.mark.parametrize("number", range(LIVES))
def test_a_life_of_any_steps_is_told_as_the_oracle_tells_it(
    number: int,
    figure: Callable[[str, str], None],
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
) -> None:
    seed = SEED * 1000 + number
    story = list(steps.drawn(seed, STEPS))

    game, end, why = lived(story, hosts := HOSTS[number])

    assert not why, f"seed {seed}, step {end}: {told(story[:end], hosts, why)}"
    folder = shards.common(tmp_path_factory, worker_id, "model")
    counted = {"steps": game.taken, "ticks": game.ticks, **game.found}
    if total := shards.summed(folder, number, LIVES, counted):
        assert total["steps"] >= LEAST
        assert total.keys() >= EVERYTHING
        found = sum(total[kind] for kind in EVERYTHING - ACTIONS)
        text = f"{total['steps']} steps in {LIVES} lives (seed {SEED}), {total['ticks']} ticks"
        figure("model", f"{text}, {found} findings: 0 divergences")
