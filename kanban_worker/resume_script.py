"""The shell script that brings ended sessions back: `agent-sessions resume-plan --tmux`.

It is printed, and a person runs it. Whether an agent is in a session already is asked when it
runs, so it may be run again. A session is found by its exact name in tmux's own list and then
named by its id: `-t =NAME` finds no name with a colon in any version, and `-t NAME` also one that
only begins so.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from kanban_worker.cli import plain
from reconcile.observed import SessionName
from reconcile.resume import Resumption

WAIT = 60
"""Seconds for which `adopt` waits for each conversation to be proven."""

_FUNCTIONS = r"""
# Its id in tmux, by its exact name; nothing where it does not live.
id_of() { # server words, NAME
    tmux "$1" "$2" list-sessions -F '#{session_id} #{session_name}' 2>/dev/null </dev/null |
        NAME=$3 awk '{ at = index($0, " ") }
            substr($0, at + 1) == ENVIRON["NAME"] { print substr($0, 1, at - 1); exit }'
}

# What runs in its panes besides shells, by name.
busy() { # server words, ID
    panes=$(tmux "$1" "$2" list-panes -s -t "$3" -F '#{pane_pid}' </dev/null | tr '\n' ' ')
    ps -A -o pid= -o ppid= -o comm= </dev/null | PANES=$panes awk '
        BEGIN { split(ENVIRON["PANES"], pids, " "); for (at in pids) pane[pids[at]] = 1 }
        { parent[$1] = $2; name[$1] = $3 }
        END {
            for (pid in name) {
                if (name[pid] ~ /(^|[-\/])(nu|(a|ba|c|da|fi|k|mk|tc|z)?sh)$/) continue
                if (name[pid] ~ /^gitstatusd/) continue # of a shell prompt
                steps = 0
                for (up = pid; up in parent && !(up in pane) && steps < 99; up = parent[up]) steps++
                if (up in pane) print name[pid]
            }
        }' | sort -u | tr '\n' ' '
}

# A new session, or a new window in the session that lives with nothing but shells in it.
bring() { # server words, NAME, DIRECTORY, command words
    server=$1 socket=$2 name=$3 directory=$4
    shift 4
    if ! [ -d "$directory" ]; then
        printf '%s: not brought back: there is no directory %s\n' "$name" "$directory" >&2
        return
    fi
    id=$(id_of "$server" "$socket" "$name")
    if [ -z "$id" ]; then
        tmux "$server" "$socket" new-session -d -s "$name" -c "$directory" "$@" </dev/null &&
            printf '%s: started\n' "$name"
    elif running=$(busy "$server" "$socket" "$id") && [ -n "$running" ]; then
        printf '%s: left as it is: %sruns in it\n' "$name" "$running"
    else
        tmux "$server" "$socket" new-window -d -t "$id:" -c "$directory" "$@" </dev/null &&
            printf '%s: started in a new window, beside its shell\n' "$name"
    fi
}
"""


def script(
    found: Sequence[tuple[Resumption, str | None]],
    *,
    nothing: str,
    adopt: Sequence[str],
    named: Iterable[str],
    environ: Mapping[str, str],
) -> str:
    """POSIX shell. Of each session with its tmux socket (None: tmux's own default).

    Where there is none to bring back, it is a comment that says `nothing`. `adopt` are the words
    of the command to end with, without its servers and names; `named` are the sockets that it is
    told to look at as things are; `environ` tells where tmux keeps its sockets.
    """
    head = ["#!/bin/sh", "# Printed by agent-sessions resume-plan --tmux."]
    if not found:
        return "\n".join([*head, _comment(nothing)])
    back = {each.session: _server(socket, environ) for each, socket in found if _returns(each)}
    lines = [
        *head,
        "# Look at it, then run it: it starts",
        f"# {len(back)} of {len(found)} sessions that ended, each with the command that resumes",
        "# its own conversation. It may be run again: where something runs, nothing is started.",
        "",
        "# Neither the tmux that this runs in nor a parent agent counts for what is started.",
        "unset TMUX CLAUDE_CODE_CHILD_SESSION",
        *(_FUNCTIONS.splitlines() if back else []),
    ]
    for each, socket in found:
        lines += ["", *_session(each, socket, environ)]
    if back:
        asked = _asked(back.values(), [_server(socket, environ) for socket in named])
        words = shlex.join([*adopt, *asked, "--wait", str(WAIT), "--", *back])
        lines += ["", "# Makes them their entries' own, and says which conversation each is in."]
        lines += [f"{words} </dev/null"]
    return "\n".join(lines)


def _returns(each: Resumption) -> bool:
    return each.command is not None and _fault(each) is None


def _asked(used: Iterable[tuple[str, str]], named: Sequence[tuple[str, str]]) -> list[str]:
    """The servers for `adopt`: by itself it looks in tmux's own folder, and nowhere else."""
    servers = dict.fromkeys([*named, *used])
    if not named and all(option == "-L" for option, _ in servers):
        return []
    return [f"--tmux-socket={name}" for _, name in servers]


def _session(each: Resumption, socket: str | None, environ: Mapping[str, str]) -> Iterator[str]:
    how = each.ended
    when = f"ended {how.at.isoformat(' ', 'seconds')}" if how and how.at else "ended"
    cause = f", {how.cause}" if how and how.cause else ""
    yield _comment(f"{each.session}: {when}{cause}")
    if each.note:
        yield _comment(each.note)
    if each.command is None or not _returns(each):
        yield _comment(f"not brought back: {_fault(each) or each.why}")
        return
    moved = [f"{name}={value}" for name, value in each.environ.items()]
    command = ["env", *moved, *each.command] if moved else each.command
    words = [*_server(socket, environ), each.session]
    yield f"bring {shlex.join(words)} {_directory(each.directory or '')} {shlex.join(command)}"


def _comment(text: str) -> str:
    """One line, whatever a name or a path holds: a line break would begin a command."""
    return f"# {plain(text)}"


def _fault(each: Resumption) -> str | None:
    """What a script cannot hold without a doubt."""
    words: Iterable[str] = (each.session, *(each.command or ()), *each.environ.values())
    if any(not word.isprintable() for word in words):
        return "its name or command holds characters that a terminal does not show"
    if any(not name.replace("_", "a").isalnum() or not name.isascii() for name in each.environ):
        return "a variable that it needs has no name that a shell takes"
    if each.directory and not each.directory.isprintable():
        return "its directory's name holds characters that a terminal does not show"
    return None


def _server(socket: str | None, environ: Mapping[str, str]) -> tuple[str, str]:
    """The words that name a server: `-L` where tmux makes the folder anew after a reboot."""
    if socket is None:
        return "-L", "default"
    folder = Path(os.path.realpath(environ.get("TMUX_TMPDIR") or "/tmp"))  # noqa: S108 - tmux's own
    path = Path(socket)
    if path.parent == folder / f"tmux-{os.getuid()}":
        return "-L", path.name
    return "-S", socket


def _directory(directory: str) -> str:
    """For a shell: what is quoted is no `~` to it."""
    if directory == "~":
        return '"$HOME"'
    if directory.startswith("~/"):
        return f'"$HOME"/{shlex.quote(directory[2:])}'
    return shlex.quote(directory)


def socket_of(each: Resumption, sighted: Mapping[SessionName, str]) -> str | None:
    """Where a session is brought back: where its shell lives, else where it was last seen."""
    return each.alive.socket if each.alive else sighted.get(each.session)
