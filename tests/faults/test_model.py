"""The whole monitor against an oracle: lives of any steps in any order.

`SEED=7 make test-faults` tries other lives. A divergence is told with the fewest steps that
still show it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import pytest

import fences
import steps
from fleet import Fleet
from game import DivergenceError, Game
from shrinking import shrunk
from steps import Step

SEED = int(os.environ.get("SEED", "1"))
LIVES = 8
STEPS = 2500
"""Of each life; about a fifth of them cannot take place and does not count."""


def lived(story: Sequence[Step]) -> tuple[Game, int, str]:
    """A life of its own: the game, and where and why it diverged."""
    with fences.raised() as fence, Fleet(fence.tmux / "fleet") as fleet:
        game = Game.begun(fleet, fence.home)
        for number, step in enumerate(story, start=1):
            try:
                game.play(step)
            except DivergenceError as error:
                return game, number, str(error)
    return game, len(story), ""


def told(story: Sequence[Step], why: str) -> str:
    """A divergence with the fewest steps that show it."""
    kind = why.splitlines()[0]
    shown = shrunk(story, lambda each: lived(each)[2].startswith(kind), seconds=60)
    return "\n".join([why, "after", *(f"  {step.told()}" for step in shown), lived(shown)[2]])


@pytest.mark.parametrize("number", range(LIVES))
def test_a_life_of_any_steps_is_told_as_the_oracle_tells_it(
    number: int, figure: Callable[[str, str], None]
) -> None:
    story = list(steps.drawn(SEED * 1000 + number, STEPS))

    game, end, why = lived(story)

    assert not why, f"seed {SEED * 1000 + number}, step {end}: {told(story[:end], why)}"
    seen = f"seed {SEED * 1000 + number}: {game.taken} steps, {game.ticks} ticks"
    figure("model", f"{seen}: 0 divergences")
