"""What happens around the monitors of one registry: hosts with tmux, and a person's hand."""

from __future__ import annotations

import functools
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import psutil

import handwriting
import procfs
import registries
from claudes import Claudes
from fleet import Fleet
from server import Server
from sight import Entry, Pane, Running, Serving, Shown, Sight, Watcher, as_tmux

HERE, THERE = "here", "there"
"""The hosts: the first one is where the registry is watched first."""
FIRST_BOOT = "the first one"


@dataclass(frozen=True, slots=True)
class Boot:
    """Which boot of the host it is."""

    id: str
    at: datetime


@dataclass(slots=True)
class Host:
    """A host with its tmux servers, and the home of the user who owns them."""

    name: str
    home: Path
    tmux: Path
    """What `$TMUX_TMPDIR` says."""
    servers: list[Server] = field(default_factory=list)
    boot: Boot = field(init=False)
    files: Claudes = field(init=False)
    lost: bool = False
    """Whether an entry was taken out since its monitor looked last."""

    def __post_init__(self) -> None:
        """Lay out the home that the agents work in."""
        booted = datetime.fromtimestamp(psutil.boot_time(), UTC)
        self.boot, self.files = Boot(f"{FIRST_BOOT} of {self.name}", booted), Claudes(self.home)

    @property
    def sockets(self) -> Path:
        """The folder of its tmux servers' sockets."""
        return self.tmux / f"tmux-{os.getuid()}"

    @property
    def environ(self) -> Mapping[str, str]:
        """What leads a monitor, or tmux and the agents in it, to this host's files."""
        under = {"CACHE_HOME": ".cache", "CONFIG_HOME": ".config", "STATE_HOME": ".local/state"}
        under["DATA_HOME"] = ".local/share"
        homes = {f"XDG_{name}": str(self.home / path) for name, path in under.items()}
        return {**homes, "HOME": str(self.home), "TMUX_TMPDIR": str(self.tmux)}


@dataclass(slots=True)
class Life:
    """Hosts, a registry that they share, and all that is true of them."""

    registry: Path
    at: datetime
    """What the clock shows."""
    hosts: dict[str, Host] = field(default_factory=dict)

    # What a tick can see of it. -----------------------------------------------------------------

    @property
    def entries(self) -> dict[str, Entry]:
        """The registry's data, by name."""
        return {name: _data(block) for name, block in handwriting.entries(self.text).items()}

    def sight(self, host: Host) -> Sight:
        """All of it as it is now, from one host."""
        for server in host.servers:
            server.look()
        return Sight(
            at=self.at,
            host=host.name,
            home=str(host.home),
            boot=host.boot.id,
            boot_at=host.boot.at,
            default=str(host.sockets / "default"),
            servers={
                each.socket: Serving(each.process.pid, procfs.started(each.process.pid)[0])
                for each in host.servers
                if each.process
            },
            sockets=frozenset(each.socket for each in host.servers if each.fleet.socket.exists()),
            sessions=[shown for each in host.servers for shown in each.sessions.values()],
            running=dict(self._running()),
            on_disk=host.files.on_disk,
            entries=self.entries,
            saved_at=datetime.fromtimestamp(self.registry.stat().st_mtime, UTC),
            watchers=self._watchers(),
        )

    def sessions(self) -> list[tuple[Server, Shown]]:
        """Every session with its server, in order."""
        return [
            (server, server.sessions[name])
            for server in self.servers()
            for name in sorted(server.sessions)
        ]

    def panes(self) -> list[tuple[Server, Pane]]:
        """Every pane with its server, once each."""
        found = {
            (server.socket, pane.id): (server, pane)
            for server, shown in self.sessions()
            for pane in shown.panes
        }
        return list(found.values())

    def servers(self) -> list[Server]:
        """Those of every host."""
        return [server for host in self.hosts.values() for server in host.servers]

    def _running(self) -> Iterator[tuple[int, Running]]:
        for _, pane in self.panes():
            if not pane.ended:
                command = "sh" if pane.wrapped else "claude"
                begun, _ = procfs.started(pane.pid)
                yield (
                    pane.pid,
                    Running(started_at=begun, command=command, is_agent=pane.agent is not None),
                )
            if pane.agent:
                begun, _ = procfs.started(pane.agent)
                yield pane.agent, Running(started_at=begun, command="claude", is_agent=True)

    def _watchers(self) -> dict[str, Watcher]:
        """Who watches the registry, as it is noted beside it."""
        path = self.registry.with_name(f".{self.registry.name}.places")
        rows = json.loads(path.read_text())["places"] if path.exists() else []
        return {
            row["hosts"][0]: Watcher(
                row["home_since"] and datetime.fromisoformat(row["home_since"]),
                datetime.fromisoformat(row["watched_at"]),
            )
            for row in rows
        }

    # Hosts. -------------------------------------------------------------------------------------

    def adds_host(self, name: str, root: Path) -> None:
        """A host of that name, with a tmux server that has yet to begin."""
        host = Host(name, root / "home", root / "tmux")
        host.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.hosts[name] = host
        self.adds_server(host, "default")

    def adds_server(self, host: Host, name: str) -> None:
        """A tmux server with a socket of its own in the host's folder."""
        fleet = Fleet(host.tmux, environ=host.environ, socket=host.sockets / name)
        host.servers.append(Server(fleet, host.home, host.files, lambda: self.at))

    def reboot(self, host: Host, *, clean: bool) -> None:
        """Nothing runs any more; a clean /tmp has lost the sockets."""
        for server in host.servers:
            if server.process:
                server.kill_server()
            if clean:
                server.fleet.socket.unlink(missing_ok=True)
        host.boot = Boot(str(uuid.uuid4()), self.at + timedelta(seconds=0.5))

    # A person's hand. ---------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """The registry as it stands."""
        return self.registry.read_text("utf-8")

    def save(self, text: str, *, age: float) -> None:
        """Save the registry, so many seconds ago."""
        self.registry.write_text(text, "utf-8")
        at = (self.at - timedelta(seconds=age)).timestamp()
        os.utime(self.registry, (at, at))

    def entry(self, name: str, **others: str) -> str:
        """An entry as a person writes it, of the session with that name if there is one."""
        here = self.hosts[HERE].home
        shown = next((each for _, each in self.sessions() if each.name == as_tmux(name)), None)
        keys = {"workspace": str(here / "lab" / name), "agent": "claude", "status": "running"}
        if shown:
            keys["workspace"] = shown.directory
            keys["created_at"] = shown.created_at.isoformat()
            pid = shown.panes[0].pid
            keys["pane"] = f"{{pid: {pid}, cmd: claude, cwd: {shown.directory}}}"
        return handwriting.entry(name, keys | others)


@functools.lru_cache(1000)
def _data(block: str) -> Entry:
    """Entry by entry, for a whole registry takes 50 ms."""
    (found,) = registries.loaded(f"sessions:\n{block}".encode())["sessions"]
    return cast("Entry", found)
