"""A scripted agent: leaves on disk what a real one of its kind leaves, and asks no model.

The demo and the tests run it through a symlink with the agent's name, so that the process looks
like the agent's (see `command`). It reads words from its terminal, one per line: `prompt`, `clear`
(Claude only), `quit`. After each it prints its name and how many it has carried out.

It runs alone, under `python -IS`, and imports nothing of the product: what an observer believes
is here checked against a second, independent telling of the same facts.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import re
import secrets
import sqlite3
import struct
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol, get_args

Kind = Literal["claude", "agy", "codex", "gemini"]

WORDS = ("prompt", "clear", "branch", "resume")
KEY_LIMIT = 200
CURRENT = "2.1.329"
PLAIN = "2.1.74"
"""The last Claude Code without a pid file; it keeps no other record of its process either."""
STALE = "2.1.112"
"""The last Claude Code measured that keeps the start-time id in its pid file after `/clear`."""


def command(folder: Path, kind: Kind, *options: str) -> list[str]:
    """Return the command line of a stand-in, whose first word is a symlink named as the agent."""
    link = folder / kind
    if not link.is_symlink():
        folder.mkdir(parents=True, exist_ok=True)
        # Resolved: a Python reached through two links would look for its library beside the first.
        link.symlink_to(Path(sys.executable).resolve())
    return [str(link), "-IS", str(Path(__file__).resolve()), *options]


class Agent(Protocol):
    """What a kind of agent does when it is spoken to."""

    def prompt(self) -> None:
        """Exchange a message with the model that is not there."""

    def quit(self) -> None:
        """Tidy up as a clean exit does; a killed agent does not get here."""


class Claude:
    """Claude Code: a pid file from the start, a transcript from the first prompt."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Write the pid file, unless told not to."""
        self.version = STALE if options.stale_pid_file else CURRENT
        if options.no_pid_file:
            self.version = PLAIN
        self.keeps_id = bool(options.stale_pid_file)
        self.id = options.session_id or options.resume or str(uuid.uuid4())
        self.cwd = str(Path.cwd().resolve())
        self.started_at = milliseconds()
        self.parent: str | None = None
        self.config = Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path.home() / ".claude")
        self.pid_file = self.config / "sessions" / f"{os.getpid()}.json"
        self.has_pid_file = not options.no_pid_file
        self._write_pid_file()

    @property
    def transcript(self) -> Path:
        """Where this conversation is written."""
        return self.config / "projects" / project_key(self.cwd) / f"{self.id}.jsonl"

    def prompt(self) -> None:
        """Append a question and its answer, after the lines every transcript starts with."""
        self._type("hello")
        if not self.transcript.exists():
            self._begin()
        self._say("user", "hello")
        self._say("assistant", [{"type": "text", "text": "Hello."}])
        self._update_pid_file()

    def clear(self) -> None:
        """Begin a new transcript, which exists at once; old versions keep the old id on file."""
        self._leave("/clear")
        self.id = str(uuid.uuid4())
        self._begin()
        self._say("user", "<command-name>/clear</command-name>")
        self._update_pid_file()

    def resume(self, other: str) -> None:
        """Take up another conversation; the old version, too, notes that in its pid file."""
        self._leave("/resume")
        self.id, self.parent = other, None
        append(self.transcript, {"type": "last-prompt", "sessionId": self.id})
        self._write_pid_file()

    def branch(self) -> None:
        """Go on in a copy of this conversation, which says what each line is a copy of."""
        self._leave("/branch")
        lines = [json.loads(line) for line in self.transcript.read_text().splitlines()]
        source, self.id = {"sessionId": self.id}, str(uuid.uuid4())
        for line in lines:
            if "uuid" in line:
                origin = source | {"messageUuid": line["uuid"]}
                append(self.transcript, line | {"sessionId": self.id, "forkedFrom": origin})
        self._update_pid_file()

    def quit(self) -> None:
        """Remove the pid file."""
        self.pid_file.unlink(missing_ok=True)

    def _leave(self, command: str) -> None:
        """Note what was typed, and what was said last where it was said."""
        self._type(command)
        if self.transcript.exists():
            append(self.transcript, {"type": "last-prompt", "sessionId": self.id})

    def _type(self, text: str) -> None:
        entry = {"display": text, "pastedContents": {}, "timestamp": milliseconds()}
        append(self.config / "history.jsonl", entry | {"project": self.cwd, "sessionId": self.id})

    def _begin(self) -> None:
        self.parent = None
        append(self.transcript, {"type": "mode", "mode": "default", "sessionId": self.id})
        # Never has a sessionId, and came first before 2.1.156.
        snapshot = {"messageId": str(uuid.uuid4()), "trackedFileBackups": {}, "timestamp": now()}
        append(self.transcript, {"type": "file-history-snapshot", "snapshot": snapshot})

    def _say(self, role: str, content: object) -> None:
        line = {
            "parentUuid": self.parent,
            "isSidechain": False,
            "type": role,
            "message": {"role": role, "content": content},
            "uuid": str(uuid.uuid4()),
            "timestamp": now(),
            "cwd": self.cwd,
            "sessionId": self.id,
            "version": self.version,
        }
        append(self.transcript, line)
        self.parent = str(line["uuid"])

    def _update_pid_file(self) -> None:
        if not self.keeps_id:
            self._write_pid_file()

    def _write_pid_file(self) -> None:
        if not self.has_pid_file:
            return
        record: dict[str, object] = {
            "pid": os.getpid(),
            "sessionId": self.id,
            "cwd": self.cwd,
            "startedAt": self.started_at,
            "version": self.version,
            "kind": "interactive",
            "entrypoint": "cli",
        }
        if not self.keeps_id:  # neither the start time nor the status is in the old one's file
            moment = milliseconds()
            record |= proc_start()
            record |= {"status": "idle", "updatedAt": moment, "statusUpdatedAt": moment}
        write(self.pid_file, json.dumps(record))


class Agy:
    """Antigravity: nothing on disk before the first prompt, then a database and a held lock."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Draw an id; agy itself lets nobody choose one."""
        self.id = options.session_id or options.conversation or str(uuid.uuid4())
        self.home = Path.home() / ".gemini/antigravity-cli"
        self.presence: int | None = None

    def prompt(self) -> None:
        """Add two steps to the conversation, and note it as this workspace's last."""
        self._announce()
        path = self.home / "conversations" / f"{self.id}.db"
        path.parent.mkdir(parents=True, exist_ok=True)
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA user_version = 1")
            database.execute(
                "CREATE TABLE IF NOT EXISTS steps"
                " (idx INTEGER PRIMARY KEY, step_type TEXT, status TEXT)"
            )
            steps = [("USER_INPUT", "DONE"), ("PLANNER_RESPONSE", "DONE")]
            database.executemany("INSERT INTO steps (step_type, status) VALUES (?, ?)", steps)
        database.close()

    def quit(self) -> None:
        """Leave everything: the lock file survives, and the kernel lets go of the lock."""

    def _announce(self) -> None:
        if self.presence is None:
            self.presence = hold(self.home / "presence" / f"{self.id}.lock")
        cache = self.home / "cache/last_conversations.json"
        # Several of them in one home race here, as the real ones do; each rename is whole.
        last = json.loads(cache.read_text()) if cache.exists() else {}
        write(cache, json.dumps(last | {str(Path.cwd().resolve()): self.id}))


class Codex:
    """Codex: one rollout file, in a folder named by the local date, from the first prompt.

    Without its daemon, which serves all panes, it holds the lock of its thread itself.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        """Draw an id and fix the file's name, which tells the local start time; or resume both."""
        resumed = options.words[1] if options.words[:1] == ["resume"] else None
        self.id = options.session_id or resumed or uuid7()
        start = datetime.now().astimezone()
        home = Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex")
        stem = f"rollout-{start:%Y-%m-%dT%H-%M-%S}-{self.id}"
        self.rollout = home / "sessions" / f"{start:%Y/%m/%d}" / f"{stem}.jsonl"
        for before in home.glob(f"sessions/*/*/*/rollout-*-{self.id}.jsonl"):
            self.rollout = before
        if options.no_daemon:
            self.lock = hold(home / "thread-writer-locks" / f"{self.id}.lock")

    def prompt(self) -> None:
        """Append a turn, after the line that says whose file this is."""
        if not self.rollout.exists():
            self._line(
                "session_meta",
                id=self.id,
                session_id=self.id,
                timestamp=now(),
                cwd=str(Path.cwd().resolve()),
                originator="codex_cli_rs",
                cli_version="0.169.0",
                source="cli",
            )
        for event in ("task_started", "user_message", "agent_message", "task_complete"):
            self._line("event_msg", type=event)

    def quit(self) -> None:
        """Leave everything: Codex removes nothing."""

    def _line(self, kind: str, **payload: str) -> None:
        append(self.rollout, {"timestamp": now(), "type": kind, "payload": payload})


class Gemini:
    """Gemini CLI: one chat file from its start, in a folder that says which workspace's it is."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Begin a chat, or go on with one."""
        self.id = options.resume or options.session_id or str(uuid.uuid4())
        home = Path(os.environ.get("GEMINI_CLI_HOME") or Path.home()) / ".gemini"
        where = str(Path.cwd().resolve())
        folder = home / "tmp" / hashlib.sha256(where.encode()).hexdigest()
        self.chat = folder / "chats" / f"session-{datetime.now(UTC):%Y-%m-%dT%H-%M}-{self.id[:8]}"
        self.chat = self.chat.with_suffix(".jsonl")
        for before in folder.glob(f"chats/session-*-{self.id[:8]}.jsonl"):
            self.chat = before
        if not self.chat.exists():
            write(folder / ".project_root", where)
            append(self.chat, {"sessionId": self.id, "startTime": now(), "kind": "main"})

    def prompt(self) -> None:
        """Append a question and its answer."""
        for who in ("user", "gemini"):
            line = {"id": str(uuid.uuid4()), "timestamp": now(), "type": who, "content": "hello"}
            append(self.chat, line)

    def quit(self) -> None:
        """Leave everything."""


AGENTS: Mapping[str, Callable[[argparse.Namespace], Agent]] = {
    "claude": Claude,
    "agy": Agy,
    "codex": Codex,
    "gemini": Gemini,
}


def project_key(path: str) -> str:
    """Return the folder name that Claude Code 2.1.47 and later gives to a start directory.

    It counts in UTF-16 units, as JavaScript does: each outside `[a-zA-Z0-9]` becomes a dash, and
    what is too long is cut and told apart by a hash of the whole.
    """
    data = path.encode("utf-16-le", "surrogatepass")
    units = [unit for (unit,) in struct.iter_unpack("<H", data)]
    key = re.sub(r"[^a-zA-Z0-9]", "-", "".join(map(chr, units)))
    if len(key) <= KEY_LIMIT:
        return key
    hashed = 0
    for unit in units:
        hashed = (31 * hashed + unit) % 2**32
    return f"{key[:KEY_LIMIT]}-{base36(min(hashed, 2**32 - hashed))}"


def base36(number: int) -> str:
    """Write a number as JavaScript's `toString(36)` does."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"


def uuid7() -> str:
    """Return a UUID whose first 48 bits are the time in milliseconds."""
    ordered = milliseconds() << 80 | 7 << 76 | secrets.randbits(12) << 64
    return str(uuid.UUID(int=ordered | 0b10 << 62 | secrets.randbits(62)))


def proc_start() -> dict[str, str]:
    """Return this process's start in clock ticks since boot, where there is a /proc to tell it."""
    stat = Path("/proc/self/stat")
    if not stat.exists():
        return {}
    # The command's name, field 2, may hold spaces and brackets: count from its closing bracket.
    return {"procStart": stat.read_text().rpartition(")")[2].split()[22 - 3]}


def milliseconds() -> int:
    """Return the time as JavaScript tells it."""
    return time.time_ns() // 1_000_000


def now() -> str:
    """Return the time as it stands in a transcript."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def append(path: Path, line: object) -> None:
    """Append a line of JSON; the agents hold no descriptor open between two."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def hold(path: Path) -> int:
    """Lock a file for as long as the descriptor is open; the file itself outlives that."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def write(path: Path, text: str) -> None:
    """Replace a whole file."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def converse(kind: str, agent: Agent) -> None:
    """Carry out the words that come from the terminal, until `quit` or its end."""
    done = 0
    say(f"{kind} {done}> ")
    for line in sys.stdin:
        word, *rest = line.split() or [""]
        if word == "quit":
            break
        act = getattr(agent, word, None) if word in WORDS else None
        if act:
            act(*rest)
        else:
            say(f"{', '.join(WORDS)} or quit?\n")
        done += 1
        say(f"{kind} {done}> ")
    agent.quit()
    say("bye\n")


def say(text: str) -> None:
    """Show something on the terminal at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def main() -> int:
    """Play the agent whose name this was started under."""
    kind = Path(sys.orig_argv[0]).name
    if kind not in get_args(Kind):
        sys.stderr.write(f"standin: started as {kind!r}; start it as one of {sorted(AGENTS)}\n")
        return 64
    parser = argparse.ArgumentParser(prog=kind)
    parser.add_argument("--session-id", help="do not draw an id")
    parser.add_argument("--resume", metavar="ID", help="go on with a conversation of before")
    parser.add_argument("words", nargs="*", metavar="resume ID", help="the same, for codex")
    parser.add_argument("--conversation", metavar="ID", help="the same, for agy")
    parser.add_argument("--prompted", action="store_true", help="as if prompted once at the start")
    parser.add_argument("--no-pid-file", action="store_true", help="claude before 2.1.75")
    parser.add_argument("--no-daemon", action="store_true", help="codex, told not to start it")
    parser.add_argument("--stale-pid-file", action="store_true", help=f"claude {STALE}")
    options = parser.parse_args()
    agent = AGENTS[kind](options)
    if options.prompted:
        agent.prompt()
    converse(kind, agent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
