"""Since when a Claude Code does nothing: the newest time that its files have, and what tells it."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kanban_worker.agents import files
from kanban_worker.agents.claude import Claude
from kanban_worker.agents.shape import Activity
from reconcile.observed import ConversationId

if TYPE_CHECKING:
    from tests.worker.agents.conftest import ClaudeHost, Reads

MB = 1024 * 1024


@pytest.fixture
def work(claude: ClaudeHost) -> Path:
    return claude.directory("lab/x")


def idle(adapter: Claude, one: ConversationId) -> tuple[float | None, str]:
    found = adapter.activity(one, None)
    assert isinstance(found, Activity)
    return None if found.last is None else found.last.timestamp(), found.evidence


BEHIND = {
    "a long pasted block": json.dumps({"type": "last-prompt", "x": "y" * 300_000}).encode() + b"\n",
    "a line of 10 MB": json.dumps({"type": "attachment", "x": "y" * 10 * MB}).encode() + b"\n",
    "many lines without a time": b'{"type":"mode","mode":"default"}\n' * 60_000,
    "NULs": b"\0" * 3 * MB,
    "a torn line of 2 MB": b'{"type":"user","message":"' + b"x" * 2 * MB,
    "nested times only": b'{"x":{"timestamp":"2031-01-01T00:00:00Z"}}\n' * 1500,
    "times beyond the calendar": b'{"timestamp":"9999-01-01T00:00:00Z"}\n' * 1500,
}


@pytest.mark.parametrize("what", BEHIND)
def test_the_newest_time_is_found_behind_whatever_stands_at_the_end(
    claude: ClaudeHost, work: Path, what: str
) -> None:
    one = claude.new_id()
    path = claude.write(one, work, at=-5000)
    with path.open("ab") as stream:
        stream.write(BEHIND[what])
    os.utime(path, (1_900_000_000, 1_900_000_000))
    assert idle(claude.adapter(), one) == (claude.at(-5000).timestamp(), "transcript")


def test_where_no_time_is_left_the_evidence_says_that_only_the_file_s_own_tells(
    claude: ClaudeHost, work: Path
) -> None:
    one = claude.new_id()
    path = claude.write(one, work, at=-5000)
    os.truncate(path, files.WIDE * 3)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert idle(claude.adapter(), one) == (1_700_000_000, "mtime")


def test_a_restored_or_touched_file_is_as_old_as_its_lines(claude: ClaudeHost, work: Path) -> None:
    one = claude.new_id()
    claude.write(one, work, at=-86_400, touched=-1)
    assert idle(claude.adapter(), one) == (claude.at(-86_400).timestamp(), "transcript")


def test_of_a_file_that_grows_only_what_was_added_is_read(
    claude: ClaudeHost, work: Path, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, adapter = claude.new_id(), claude.adapter()
    path = claude.write(one, work, at=-5000)
    with path.open("ab") as stream:
        stream.write(BEHIND["a line of 10 MB"])
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert idle(adapter, one) == (claude.at(-5000).timestamp(), "transcript")
    with reads() as seen:
        idle(adapter, one)
    assert not seen
    taken: Counter[str] = Counter()
    real = files._read

    def counting(descriptor: int, offset: int, limit: int) -> bytes:
        data = real(descriptor, offset, limit)
        taken[str(descriptor)] += len(data)
        return data

    monkeypatch.setattr(files, "_read", counting)
    more = json.dumps(claude.said(one, work, -10)).encode()
    for part, at in ((more[:100], -5000), (more[100:] + b"\n", -10), (b'{"type":"mode"}\n', -10)):
        with path.open("ab") as stream:
            stream.write(part)
        os.utime(path, (1_700_000_000 - at, 1_700_000_000))
        assert adapter._library.newest(str(path)) == claude.at(at)
    assert sum(taken.values()) < 2000


@pytest.mark.parametrize("how", ["shrunk", "replaced", "rewritten and longer"])
def test_a_file_that_was_rewritten_is_read_anew(claude: ClaudeHost, work: Path, how: str) -> None:
    one, adapter = claude.new_id(), claude.adapter()
    new = [claude.said(one, work, -50), claude.said(one, work, -40)]
    path = claude.write(one, work, new)
    assert idle(adapter, one)[0] == claude.at(-40).timestamp()
    old = [claude.said(one, work, -90, message={"content": "y"})]
    match how:
        case "shrunk":
            claude.write(one, work, old[:1])
        case "replaced":
            path.rename(path.with_suffix(".away"))
            claude.write(one, work, old * 9)
        case _:
            claude.write(one, work, old * 9)
    assert idle(adapter, one)[0] == claude.at(-90).timestamp()


def test_a_sub_agent_s_long_line_is_searched_through_as_well(
    claude: ClaudeHost, work: Path
) -> None:
    one = claude.new_id()
    path = claude.write(one, work, at=-5000)
    side = path.with_suffix("") / "subagents" / "agent-1.jsonl"
    side.parent.mkdir(parents=True)
    line = json.dumps(claude.said(one, work, -30)).encode() + b"\n"
    side.write_bytes(line + BEHIND["a long pasted block"])
    assert idle(claude.adapter(), one) == (claude.at(-30).timestamp(), "transcript")
