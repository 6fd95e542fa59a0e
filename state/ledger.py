"""The drift ledger: what earlier ticks found and said, one JSON file for each registry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from reconcile.memory import (
    Acknowledgement,
    Awaited,
    Ended,
    Health,
    Life,
    MassTermination,
    Memory,
    Remembered,
    Sighting,
    Unsaid,
)
from reconcile.observed import Boot, ConversationId, PlaceId, ProcessId, Server, SessionName
from reconcile.proofs import Proof
from state import durable
from state.durable import Owner
from state.text import scalars

_Json = Any
"""What a file holds that anybody may have changed: every wrong type raises on use."""

VERSION: Final = 1
_LARGEST: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What was read, or an empty memory and why it is empty."""

    memory: Memory
    recovered_why: str | None = None
    """Set when a file was there and could not be used: one line, to be said once."""


def load(path: Path) -> Ledger:
    """Never fails: without its ledger the monitor loses patience and history, nothing else."""
    try:
        data = durable.read(path, _LARGEST + 1)
    except FileNotFoundError:
        return Ledger(memory=Memory())
    except OSError as error:
        return _empty(path, error.strerror or str(error))
    if len(data) > _LARGEST:
        return _empty(path, f"it is larger than {_LARGEST // 2**20} MiB")
    try:
        return Ledger(memory=_memory(json.loads(data)))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return _empty(path, "it is torn, or of another version")


def save(path: Path, memory: Memory, owner: Owner | None = None) -> bool:
    """Whether the file changed; equal content is not written. Raises CouldNot."""
    data = json.dumps(_plain(memory), indent=1, sort_keys=True, ensure_ascii=True).encode() + b"\n"
    try:
        if _holds(path, data):
            return False
        durable.replace(path, data, owner)
    except OSError as error:
        raise durable.could_not(f"ledger {path} could not be written", error) from None
    return True


def _holds(path: Path, data: bytes) -> bool:
    try:
        return durable.read(path, len(data) + 1) == data
    except FileNotFoundError:
        return False


def _empty(path: Path, why: str) -> Ledger:
    told = f"ledger {path} could not be used ({why}): starting with an empty one"
    return Ledger(memory=Memory(), recovered_why=told)


def _plain(memory: Memory) -> Mapping[str, object]:
    boot = memory.boot
    return {
        "version": VERSION,
        "open": {key: _of_finding(memory.open[key]) for key in memory.open},
        "servers": {socket: _of_server(server) for socket, server in memory.servers.items()},
        "boot": None if boot is None else {"id": boot.id, "at": boot.at.isoformat()},
        "unsaid": {key: _of_unsaid(memory.unsaid[key]) for key in memory.unsaid},
        "card": memory.card,
        "run": memory.run,
        "spoken": list(memory.spoken),
        "said": {
            mark: {key: _of_unsaid(each) for key, each in told.items()}
            for mark, told in memory.said.items()
        },
        "sources": {name: _of_health(memory.sources[name]) for name in memory.sources},
        "lives": {name: _of_life(memory.lives[name]) for name in memory.lives},
        "place": memory.place,
        "sightings": {name: _of_sighting(memory.sightings[name]) for name in memory.sightings},
        "mass_terminations": {
            key: _of_mass_termination(each) for key, each in memory.mass_terminations.items()
        },
        "acknowledged": {
            key: {"at": each.at.isoformat(), "by": each.by}
            for key, each in memory.acknowledged.items()
        },
        "heard": memory.heard,
    }


def _of_finding(found: Remembered) -> Mapping[str, object]:
    return {
        "since": found.since.isoformat(),
        "told": found.told,
        "comment_id": found.comment_id,
        "first_held": None if found.first_held is None else found.first_held.isoformat(),
    }


def _of_health(health: Health) -> Mapping[str, object]:
    at = health.error_at
    return {
        "state": health.state,
        "since": health.since.isoformat(),
        "error": health.error,
        "error_at": None if at is None else at.isoformat(),
    }


def _health(data: _Json) -> Health:
    at = data["error_at"]
    return Health(
        state=str(data["state"]),
        since=_moment(data["since"]),
        error=str(data["error"]),
        error_at=None if at is None else _moment(at),
    )


def _of_life(life: Life) -> Mapping[str, object]:
    return {
        "made": life.made and life.made.isoformat(),
        "pid": life.pid,
        "returns": [each.isoformat() for each in life.returns],
        "risen": life.risen and life.risen.isoformat(),
    }


def _life(data: _Json) -> Life:
    made, pid, risen = data["made"], data["pid"], data.get("risen")
    return Life(
        made=None if made is None else _moment(made),
        pid=None if pid is None else int(pid),
        # An older ledger has the times of all changes instead, which say something else.
        returns=tuple(map(_moment, data.get("returns", ()))),
        risen=None if risen is None else _moment(risen),
    )


def _of_sighting(seen: Sighting) -> Mapping[str, object]:
    return {
        "place": seen.place,
        "boot": seen.boot,
        "at": seen.at.isoformat(),
        "socket": seen.socket,
        "server": _of_server(seen.server),
        "server_process": _of_process(seen.server_process),
        "session_id": seen.session_id,
        "pane_id": seen.pane_id,
        "pane_pid": seen.pane_pid,
        "agent": _of_process(seen.agent),
        "kind": seen.kind,
        "environ": dict(seen.environ),
        "conversation": seen.conversation,
        "proof": seen.proof,
        "likely": seen.likely,
    }


def _sighting(data: _Json) -> Sighting:
    proof = data["proof"]
    return Sighting(
        place=PlaceId(str(data["place"])),
        boot=str(data["boot"]),
        at=_moment(data["at"]),
        socket=str(data["socket"]),
        server=_server(data["server"]),
        server_process=_process(data["server_process"]),
        session_id=str(data["session_id"]),
        pane_id=str(data["pane_id"]),
        pane_pid=int(data["pane_pid"]),
        agent=_process(data["agent"]),
        kind=str(data["kind"]),
        environ={str(name): str(value) for name, value in data["environ"].items()},
        conversation=_conversation(data["conversation"]),
        proof=None if proof is None else Proof(proof),
        likely=_conversation(data.get("likely")),
    )


def _of_process(process: ProcessId | None) -> Mapping[str, object] | None:
    return None if process is None else {"pid": process.pid, "start": process.start}


def _process(data: _Json) -> ProcessId | None:
    return None if data is None else ProcessId(int(data["pid"]), str(data["start"]))


def _of_server(server: Server) -> Mapping[str, object]:
    return {"pid": server.pid, "started_at": server.started_at.isoformat()}


def _place(found: _Json) -> PlaceId | None:
    return None if found is None else PlaceId(str(found))


def _of_unsaid(unsaid: Unsaid) -> Mapping[str, object]:
    awaited, ended = unsaid.awaited, unsaid.ended
    return {
        "text": unsaid.text,
        "at": unsaid.at.isoformat(),
        "awaited": awaited and {"session": awaited.session, "value": awaited.value},
        "details": list(unsaid.details),
        "ended": ended
        and {
            "cause": ended.cause,
            "session": ended.session,
            "conversation": ended.conversation,
        },
        "key": unsaid.key,
        "after": unsaid.after,
    }


def _memory(data: _Json) -> Memory:
    if data["version"] != VERSION or "" in data["open"]:
        raise ValueError
    boot = data["boot"]
    return Memory(
        open={str(key): _finding(value) for key, value in data["open"].items()},
        servers={str(socket): _server(value) for socket, value in data["servers"].items()},
        boot=None if boot is None else Boot(id=str(boot["id"]), at=_moment(boot["at"])),
        unsaid={str(key): _unsaid(value) for key, value in data.get("unsaid", {}).items()},
        card=_text(data.get("card")),
        run=_text(data.get("run")),
        spoken=tuple(map(str, data.get("spoken", ()))),
        said={
            str(mark): {str(key): _unsaid(each) for key, each in told.items()}
            for mark, told in data.get("said", {}).items()
        },
        sources={str(name): _health(value) for name, value in data.get("sources", {}).items()},
        lives={
            SessionName(str(name)): _life(value) for name, value in data.get("lives", {}).items()
        },
        place=_place(data.get("place")),
        sightings={
            SessionName(str(name)): _sighting(value)
            for name, value in data.get("sightings", {}).items()
        },
        mass_terminations={
            str(key): _mass_termination(value)
            for key, value in data.get("mass_terminations", {}).items()
        },
        acknowledged={
            str(key): Acknowledgement(at=_moment(value["at"]), by=str(value["by"]))
            for key, value in data.get("acknowledged", {}).items()
            if key
        },
        heard=int(data.get("heard", 0)),
    )


def _finding(data: _Json) -> Remembered:
    held = data["first_held"]
    return Remembered(
        since=_moment(data["since"]),
        told=data["told"] is True,
        comment_id=_text(data["comment_id"]),
        first_held=None if held is None else _moment(held),
    )


def _unsaid(data: _Json) -> Unsaid:
    awaited = data["awaited"]
    return Unsaid(
        text=str(data["text"]),
        at=_moment(data["at"]),
        awaited=None
        if awaited is None
        else Awaited(session=str(awaited["session"]), value=str(awaited["value"])),
        details=tuple(map(str, data.get("details", ()))),
        ended=_ended(data.get("ended")),
        key=_text(data["key"]),
        after=_text(data["after"]),
    )


def _ended(data: _Json) -> Ended | None:
    if data is None:
        return None
    return Ended(
        cause=str(data["cause"]),
        session=SessionName(str(data["session"])),
        conversation=_conversation(data["conversation"]),
    )


def _of_mass_termination(found: MassTermination) -> Mapping[str, object]:
    return {
        "at": found.at.isoformat(),
        "ended": dict(found.ended),
        "own": sorted(found.own),
        "unproven": sorted(found.unproven),
        "another": sorted(found.another),
        "first_back": found.first_back and found.first_back.isoformat(),
        "told": found.told,
    }


def _mass_termination(data: _Json) -> MassTermination:
    first_back = data["first_back"]
    return MassTermination(
        at=_moment(data["at"]),
        ended={SessionName(str(each)): _conversation(own) for each, own in data["ended"].items()},
        own=_names(data["own"]),
        unproven=_names(data["unproven"]),
        another=_names(data["another"]),
        first_back=None if first_back is None else _moment(first_back),
        told=data["told"] is True,
    )


def _names(found: _Json) -> frozenset[SessionName]:
    return frozenset(SessionName(str(each)) for each in found)


def _conversation(found: _Json) -> ConversationId | None:
    return None if found is None else ConversationId(str(found))


def _text(found: _Json) -> str | None:
    return None if found is None else str(found)


def _server(data: _Json) -> Server:
    return Server(pid=int(data["pid"]), started_at=_moment(data["started_at"]))


def _moment(text: _Json) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or not scalars.is_moment(found):
        raise ValueError
    return found
