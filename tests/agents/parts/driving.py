"""What the scenes ask of a kind of agent: how it is set up, driven and resumed, and the truth."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import models
from terminals import PATIENCE, Pane
from waiting import retry_until

PROMPT = "please note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where the agents of one scene live."""

    root: Path
    """All of the scene's files are below it."""
    home: Path
    model: str
    """The model server's URL."""
    workspaces: Sequence[Path]
    """The directories in which agents are started; all lie in one folder."""

    @property
    def trusted(self) -> Sequence[str]:
        """What agents are to trust: these, what links among them lead to, and a git repository."""
        return sorted(map(str, self.workspaces[0].parent.iterdir()))


class Agent(Protocol):
    """One kind of agent, in one version and with one set of settings."""

    @property
    def kind(self) -> str:
        """As the registry names it."""

    @property
    def program(self) -> Path:
        """What is run."""

    @property
    def ground(self) -> Ground:
        """Where it lives."""

    @property
    def ready(self) -> str:
        """A pattern of the pane once it takes a prompt."""

    @property
    def clear(self) -> str:
        """The command that begins another conversation in the same process."""

    @property
    def leave(self) -> str:
        """The command that ends the program."""

    def variables(self) -> Mapping[str, str]:
        """What every process of the agent has in its environment."""

    def apart(self, folder: Path) -> Mapping[str, str]:
        """What gives one process a folder of its own."""

    def configure(self, folder: Path | None = None) -> None:
        """Write the agent's settings for the home, or for a folder that `apart` names."""

    def headless(self, prompt: str) -> Sequence[str]:
        """The command of a run without a terminal."""

    def resume(self, conversation: str) -> Sequence[str]:
        """The command that goes on with a conversation."""

    def switch(self, pane: Pane, conversation: str, words: Sequence[str]) -> None:
        """Go on with another conversation, inside the program; `words` were said in it."""

    def branch(self, pane: Pane) -> None:
        """Go on in a copy of the conversation, inside the program."""

    def conversation(self, word: str, pane: Pane) -> str | None:
        """The truth: the id of the conversation whose file or row holds a word typed in a pane."""

    def says(self, pane: Pane) -> str | None:
        """What the program itself says its conversation's id is; None where it does not tell."""

    def outliving(self) -> Sequence[int]:
        """The pids of processes that outlive their pane, by the files in which they tell them."""

    def outside(self) -> Sequence[Path]:
        """What it has written outside of the scene's root."""


def files(root: Path, pattern: str) -> Iterator[Path]:
    """The files below a folder whose path ends like a pattern; others may come and go meanwhile."""
    for folder, _, names in os.walk(root):
        yield from (path for name in names if (path := Path(folder, name)).match(pattern))


def text(path: Path) -> str:
    """What a file holds; nothing when it has just gone."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""


def is_waiting(agent: Agent, pane: Pane) -> None:
    """Wait until the agent in a pane takes a prompt."""
    pane.wait_for(agent.ready)
    pane.wait_until_steady()


def prompt(pane: Pane) -> str:
    """Type a prompt with a new word, wait for its answer, and return the word."""
    word = models.new_word()
    pane.enter(f"{PROMPT} {word}")
    pane.wait_for(f"heard {word}")
    return word


def truth(agent: Agent, pane: Pane, word: str) -> str:
    """The conversation in which a word was typed; some agents write it a moment later."""
    what = f"the conversation of {word}"
    return retry_until(lambda: agent.conversation(word, pane), seconds=PATIENCE, what=what) or ""


def clear(agent: Agent, pane: Pane, word: str, said: str | None) -> None:
    """Begin another conversation in the pane that shows a word of the present one.

    Its id may be there as well, where the program was asked for it, and then below the word.
    """
    pane.enter(agent.clear)
    pane.wait_until_gone(rf"heard {word}|Session(?: ID)?:\s+{said}")
    is_waiting(agent, pane)
