"""Whatever stands in Claude Code's files, no reader raises, and none takes long."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import trials
from kanban_worker.agents import (
    claude_debug,
    claude_prompts,
    claude_times,
    claude_transcript,
    files,
    lines,
)
from kanban_worker.agents.claude import Claude
from kanban_worker.agents.claude_pids import _read as read_pid_file
from kanban_worker.agents.claude_retention import Settings
from kanban_worker.agents.shape import Activity, Hooked, Seen
from reconcile.observed import (
    Ambiguous,
    Artefact,
    Bound,
    ConversationId,
    Expiry,
    Lineage,
    Missing,
    Unknown,
    Unproven,
)
from tests.support import hostile

if TYPE_CHECKING:
    from tests.worker.agents.conftest import ClaudeHost

ONE = ConversationId("00000001-1111-4222-8333-444444444444")
MB = 1024 * 1024

transcripts = hostile.files(
    hostile.records(
        [
            "type",
            "sessionId",
            "timestamp",
            "cwd",
            "message",
            "uuid",
            "isSidechain",
            "forkedFrom",
            "entrypoint",
            "version",
        ],
        {
            "type": ["user", "assistant", "queue-operation", ["user"], {}],
            "sessionId": [ONE, [ONE], {}],
            "timestamp": ["2026-11-20T10:00:00Z", 1e300],
            "cwd": ["/", "/\ud800", "\0"],
            "message": [{"content": "<command-name>/clear</command-name>"}],
            "version": ["2.1.74", "2.1.330", "9" * 5000 + ".0.0"],
        },
    )
)
pid_files = hostile.files(
    hostile.records(
        ["pid", "sessionId", "cwd", "startedAt", "procStart", "version", "kind", "status", "name"],
        {
            "sessionId": [ONE],
            "kind": ["interactive", ["interactive"]],
            "version": ["2.1.112", "2.1.330", [2, 1]],
            "procStart": ["4711", "²", 4711],
            "startedAt": [1.8e12, hostile.HUGE, float("nan")],
            "status": ["idle", ["idle"], {}],
            "cwd": ["/\ud800", "\0"],
        },
    )
)
histories = hostile.files(
    hostile.records(
        ["display", "timestamp", "project", "sessionId"],
        {
            "display": ["/clear", "/resume x", "hello", ["/clear"]],
            "timestamp": [1.79e12, hostile.HUGE, "x"],
            "project": ["/", "/\ud800"],
            "sessionId": [ONE],
        },
    )
)
logs = hostile.files(
    st.sampled_from(
        [
            b"2026-11-20T10:00:00.123Z [DEBUG] Renaming /x.tmp.4711.1795283822718 to /x",
            b"2026-11-20T10:00:00.123Z [DEBUG] .tmp.99999999999999.1",
            b".tmp.1.9999999999999",
            b".tmp." * 900,
        ]
    )
)

fuzz = settings(suppress_health_check=list(HealthCheck), max_examples=trials.of(80), deadline=None)


@fuzz
@given(
    transcript=transcripts,
    pid_file=pid_files,
    history=histories,
    log=logs,
    setting=hostile.files(hostile.records(["cleanupPeriodDays"], {})),
    how=st.sampled_from(["pid file", "log", "hook", "argument", "nothing"]),
)
def test_no_content_of_any_file_makes_a_question_raise(
    claude: ClaudeHost,
    transcript: bytes,
    pid_file: bytes,
    history: bytes,
    log: bytes,
    setting: bytes,
    how: str,
) -> None:
    work = claude.directory("x")
    argv = ("claude", "--resume", ONE) if how == "argument" else ()
    agent = claude.agent(work, pids=(4_190_000,), argv=argv)
    claude.write(ONE, work, transcript)
    path = claude.pid_file(agent, ONE)
    path.write_bytes(pid_file) if how == "pid file" else path.unlink()
    (claude.config / "history.jsonl").write_bytes(history)
    (claude.config / "settings.json").write_bytes(setting)
    (claude.config / "debug").mkdir(exist_ok=True)
    (claude.config / "debug" / f"{ONE}.txt").write_bytes(log if how == "log" else b"")
    hooked = {agent.session: Hooked(id=ONE, at=claude.now, headless=False)}
    seen = Seen(anywhere=lambda: [agent], hooked=hooked if how == "hook" else {})
    adapter = claude.adapter()
    for _ in range(2):
        held = adapter.conversations([agent], seen)[agent.session]
        assert held is None or isinstance(held, Bound | Ambiguous | Unproven | Unknown)
        found = adapter.artefact(
            ONE, workspace=str(work), created_at=None, now=claude.now, environ={}, at_home=True
        )
        assert isinstance(found, Artefact | Missing | Unknown)
        assert isinstance(adapter.activity(ONE, agent), Activity | Unknown)
        assert isinstance(adapter.expiry(ONE, claude.now), Expiry | None)
        adapter.misplaced(ONE, str(work))
        if isinstance(held, Bound):
            assert isinstance(adapter.lineage(None, held, agent), Lineage | Unknown)


WHOLE = b"".join(
    json.dumps(line).encode() + b"\n"
    for line in (
        {"type": "file-history-snapshot", "snapshot": {"timestamp": "2026-11-20T09:00:00Z"}},
        {
            "parentUuid": None,
            "type": "user",
            "message": {"role": "user", "content": "ä<command-name>/clear</command-name>"},
            "uuid": "u",
            "timestamp": "2026-11-20T10:00:00Z",
            "cwd": "/",
            "sessionId": ONE,
            "version": "2.1.330",
        },
    )
)


def test_a_transcript_that_is_cut_at_any_byte_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / f"{ONE}.jsonl"
    for at in range(len(WHOLE) + 1):
        path.write_bytes(WHOLE[:at])
        status = path.stat()
        told = at >= len(WHOLE) - 1
        assert claude_transcript.transcript(str(path), status, None).holds is told
        assert claude_transcript.opening(str(path), status, None).spoken is told
        assert (claude_times.newest(str(path), status, None).at is not None) is told


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":["user"],"sessionId":"x"}',
        b'{"type":{},"message":[]}',
        b'{"type":"user","sessionId":{}}',
        b'{"type":"user","message":{"content":{}},"cwd":[],"timestamp":[]}',
    ],
)
def test_a_line_with_a_wrong_type_hides_nothing_of_the_others(
    claude: ClaudeHost, line: bytes
) -> None:
    work = claude.directory("x")
    one, other = claude.new_id(), claude.new_id()
    agents = [claude.agent(work, name="a"), claude.agent(work, name="b")]
    path = claude.write(one, work)
    path.write_bytes(line + b"\n" + path.read_bytes() + line)
    assert claude_transcript.opening(str(path), path.stat(), None).spoken
    claude.write(other, work)
    for agent, each in zip(agents, (one, other), strict=True):
        claude.pid_file(agent, each)
    found = claude.adapter().conversations(agents)
    assert [found[agent.session] for agent in agents] == [
        Bound(id=each, proof="pid-file", written=True) for each in (one, other)
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_small_file_that_an_editor_re_encoded_is_read(claude: ClaudeHost, encoding: str) -> None:
    path = claude.config / "settings.json"
    path.write_bytes(json.dumps({"cleanupPeriodDays": 9}).encode(encoding))
    assert Settings().retention(str(claude.config)).days == 9


@pytest.mark.parametrize(
    "value", ["2999-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2026-11-20T10:00:00"]
)
def test_a_time_within_the_calendar_is_one(value: str) -> None:
    assert lines.moment(value) is not None


@pytest.mark.parametrize("value", ["3000-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "9999-01-01"])
def test_a_time_beyond_the_calendar_is_none(value: str) -> None:
    assert lines.moment(value) is None


@pytest.mark.parametrize("value", [-1, 32_503_680_000_000, 10**400, float("nan"), True, "1"])
def test_a_number_that_is_no_time_is_none(value: object) -> None:
    assert lines.moment_of_ms(value) is None


def test_a_file_dated_beyond_the_calendar_is_read(claude: ClaudeHost) -> None:
    work = claude.directory("x")
    one, agent = claude.new_id(), claude.agent(work)
    path = claude.write(one, work, b"{}\n")
    pid_file = claude.pid_file(agent, one)
    for each in (path, pid_file):
        os.utime(each, (2**40, 2**40))
    adapter = claude.adapter()
    assert adapter.conversations([agent])
    assert isinstance(adapter.activity(one, agent), Activity)
    adapter.expiry(one, claude.now)


LINES = {
    "times beyond the calendar": b'{"timestamp":"9999-01-01T00:00:00Z"}\n',
    "times that are not the line's": b'{"type":"user","x":{"timestamp":"2026-01-01T00:00:00Z"}}\n',
    "messages of nobody": b'{"type":"user","sessionId":[1]}\n',
    "brackets": b'{"type":"user","timestamp":"2026-01-01T00:00:00Z",' + b"[" * 1000 + b"\n",
    "one line": b'"timestamp":"2026-01-01T00:00:00Z","type":"user",',
    "NULs": b"\0" * 1000,
    "newlines": b"\n" * 1000,
    "half a log": b"2026-11-20T10:00:00.123Z [DEBUG] .tmp.1.1" + b".tmp.1" * 600 + b"\n",
    "history": b'{"sessionId":1}\n',
}
READERS: dict[str, Callable[[str, os.stat_result, None], object]] = {
    "transcript": claude_transcript.transcript,
    "opening": claude_transcript.opening,
    "times": claude_times.newest,
    "log": claude_debug._read,
    "history": claude_prompts._read,
    "pid file": read_pid_file,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("what", LINES)
def test_twenty_megabytes_of_anything_are_read_in_proportion(
    tmp_path: Path, what: str, reader: str
) -> None:
    line = LINES[what]
    path = tmp_path / f"{ONE}.jsonl"
    path.write_bytes(line * (20 * MB // len(line)))
    began = time.process_time()
    READERS[reader](str(path), path.stat(), None)
    assert time.process_time() - began < 5  # a quarter of a second on a quiet machine


def test_what_cannot_be_a_path_moves_no_files(claude: ClaudeHost) -> None:
    work = claude.directory("x")
    for value in ("\0", "/\ud800", "/x\0y", "x" * 100_000):
        agent = claude.agent(work, environ={"CLAUDE_CONFIG_DIR": value})
        adapter = Claude(claude.home, {})
        held = adapter.conversations([agent])[agent.session]
        assert held is None or isinstance(held, Unknown)
        adapter.artefact(
            ONE,
            workspace=str(work),
            created_at=None,
            now=claude.now,
            environ={"CLAUDE_CONFIG_DIR": value},
        )
        adapter.activity(ONE, agent)
    assert files.is_path("/x")
