"""Every data folder of opencode that is in use: the monitor's own, and those of agents."""

from __future__ import annotations

import os
from collections.abc import Mapping

from kanban_worker.agents import opencode_database
from kanban_worker.agents.opencode_database import Data
from kanban_worker.agents.shape import LiveAgent

_Place = tuple[str, str | None]
_MOST = 256


class Places:
    """The databases of all data folders."""

    def __init__(self, user: str, environ: Mapping[str, str]) -> None:
        """`user` is the monitor's home; its HOME variable may differ from that."""
        self._user = user
        own = {key: value for key, value in environ.items() if key != "HOME"}
        self.own = opencode_database.places(own, user)
        self._data = {self.own: Data(*self.own)}

    @property
    def all(self) -> tuple[Data, ...]:
        """Those of every folder."""
        return tuple(self._data.values())

    def of(self, agent: LiveAgent, folder: str | None = None) -> tuple[Data, ...]:
        """Return an agent's; all where its environment cannot be read.

        `folder` is the one that its log is in: a descriptor names it by itself.
        """
        environ = agent.environ
        if folder is not None:
            return (self._at((folder, environ.get("OPENCODE_DB") or None)),)
        return (self.within(environ, agent.cwd),) if environ else self.all

    def within(self, environ: Mapping[str, str], cwd: str) -> Data:
        """Return the data of a process with this environment."""
        folder, only = opencode_database.places(environ, self._user)
        return self._at((os.path.join(cwd, folder), only))

    def _at(self, place: _Place) -> Data:
        if place not in self._data:
            if len(self._data) >= _MOST:
                self._data = {self.own: self._data[self.own]}
            self._data[place] = Data(*place)
        return self._data[place]
