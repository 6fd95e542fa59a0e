"""The registry cut at every byte, while all of its sessions run."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

import registries
from desk import Desk
from kanban_worker import config
from kanban_worker.cli import Exit
from kanban_worker.commands import reconcile
from kanban_worker.complaints import Complaints
from kanban_worker.tick import Monitor, Tick, now
from reconcile.report import SourceState

FIRST = "lab-研究-creator-claude"
SECOND = "lab-it's-creator-claude"
LAST = "lab-a_b-creator-claude"
WRITTEN = "lab-a.b-creator-claude"
"""What tmux makes of the name that the registry has."""
STRANGER = "lab-new-creator-claude"
OWN = str(uuid.uuid4())
"""The last session's conversation; its beginning is a number to a careless reader."""

LIST = """\
# kept by hand
version: 1
sessions:   # all of them
  - name: "{first}"     # note 😀
    status: running
    pane: {{pid: {first_pid}, cmd: 'sleep'}}
    note: |
      several

      lines: no comment # here
  - status: "running"
    name: 'lab-it''s-creator-claude'
    note: "of two \\
      lines"
  - name: lab-a.b-creator-claude
    agent: claude
    status: running
    pane:
      pid: {last_pid}
      cmd: claude
    session_id_history:
      - id: '87e10000'
    claude_session_id_own: {own}
    agent_identities: {{claude: {{session_id: {own}}}}}
    note: "the end"
"""
MAPPING = """\
sessions:
  "{first}": &first
    status: running
    # pane: not known
  'lab-it''s-creator-claude': {{status: running, pane: {{
    pid: {second_pid}, cmd: sleep}} }}   # '}}"
  ? lab-a.b-creator-claude
  : agent: claude
    claude_session_id_own:
      {own}
    status: &up running
    was: *up
"""
BEHIND = "    # belongs to it\n\n# end\n"
ENDINGS = ("", "\n", "\n" + BEHIND)
"""What follows the last entry."""


@dataclass
class Ahead:
    """The real time, and what a test lets pass."""

    by: timedelta = timedelta()

    def __call__(self) -> datetime:
        return now() + self.by


@dataclass
class Scene:
    """Three sessions that run, the text of a registry that has them, and a monitor that runs."""

    desk: Desk
    text: str
    clock: Ahead = field(default_factory=Ahead)

    def __post_init__(self) -> None:
        self.running = self.process()

    def process(self) -> Monitor:
        """As a new process makes it."""
        environ = os.environ | self.desk.environ
        settings = config.from_environment(environ, self.desk.fence.home)
        return Monitor(settings, clock=self.clock)

    def put(self, data: bytes) -> None:
        """The whole registry, long since saved, and the monitor that runs has seen it."""
        self.desk.registry.write_bytes(data)
        self.desk.saved(60)
        tick = self.running.tick(dry_run=False)
        assert calm(tick), complaints(tick)
        assert self.desk.copy.read_bytes() == data

    def looks_at(self, data: bytes) -> Iterator[Tick]:
        """At once and 10 s after such a save, and then as another process."""
        self.desk.registry.write_bytes(data)
        self.clock.by = timedelta()
        yield self.running.tick(dry_run=False)
        self.clock.by = timedelta(seconds=10)
        yield self.running.tick(dry_run=False)
        yield self.process().tick(dry_run=False)


@pytest.fixture
def scene(desk: Desk, request: pytest.FixtureRequest) -> Scene:
    text: str = getattr(request, "param", LIST)
    first, second = (desk.fleet.start(each, agent="sleep") for each in (FIRST, SECOND))
    options = ["--session-id", OWN, "--prompted"]
    last = desk.fleet.start(LAST, agent="claude", cwd=desk.workspace("a-b"), options=options)
    pids = {"first_pid": first, "second_pid": second, "last_pid": last}
    return Scene(desk, text.format(first=FIRST, own=OWN, **pids))


def calm(tick: Tick) -> bool:
    return not (tick.report.decisions or tick.report.notes or tick.troubles)


def refused(tick: Tick) -> bool:
    """Whether it saw a registry that nobody should judge by, and said so in one line."""
    (trouble,) = tick.troubles or [None]
    told = str(trouble)
    assert trouble is None or ("line " in told and "column " in told and "\n" not in told), told
    return bool(trouble) and not tick.report.decisions


def judged_by(data: bytes) -> dict[str, dict[str, object]]:
    """What the monitor goes by, of each entry, as another reader reads it."""
    keys = ("status", "agent", "pane", "claude_session_id_own")
    entries = registries.entries(data)
    return {name: {key: entries[name].get(key) for key in keys} for name in entries}


def complaints(tick: Tick) -> list[str]:
    said: list[str] = []
    Complaints(said.append).about(tick)
    return said


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("scene", [LIST, MAPPING], ids=["list", "mapping"], indirect=True)
def test_a_registry_cut_at_any_byte_is_never_written(
    scene: Scene,
    newline: str,
    figure: Callable[[str, str], None],
    request: pytest.FixtureRequest,
) -> None:
    desk, cuts, trusted = scene.desk, 0, 0
    for ending in ENDINGS[1:] if newline == "\n" else ENDINGS[::2]:
        whole = (scene.text.removesuffix("\n") + ending).replace("\n", newline).encode()
        scene.put(whole)
        judged = judged_by(whole)
        for cut in range(len(whole)):
            data = whole[:cut]
            seen = [(calm(tick), refused(tick)) for tick in scene.looks_at(data)]
            cuts += 1
            assert desk.registry.read_bytes() == data, data
            assert desk.journal == [], data
            if seen == [(True, False)] * 3:  # it lacks nothing that anybody judges by
                assert judged_by(data) == judged, data
                trusted += 1
                scene.put(whole)
            else:
                assert seen == [(False, True)] * 3, data
                assert desk.copy.read_bytes() == whole, data
    assert trusted
    shape = request.node.callspec.id
    figure("truncated", f"{cuts:,} cuts of 2 registries ({shape}): 0 B, 0 writes")


def test_a_cut_that_comes_during_a_tick_is_not_written_over(scene: Scene) -> None:
    desk = scene.desk
    whole = scene.text.encode()
    scene.put(whole)
    desk.starts(STRANGER)
    for cut in range(0, whole.index(b"    claude_session_id_own"), 7):
        desk.registry.write_bytes(whole)
        desk.saved(60)
        # Asked under the lock, between the tick's look at the file and its write.
        scene.running.speak(lambda data=whole[:cut]: desk.registry.write_bytes(data))

        tick = scene.running.tick(dry_run=False)

        assert desk.registry.read_bytes() == whole[:cut]
        assert refused(tick), (whole[:cut], tick.report.decisions)
        assert desk.journal == []


# An entry that is cleanly gone at the end -------------------------------------------------------


def without_last(scene: Scene) -> bytes:
    return scene.text.partition("  - name: lab-a.b")[0].encode()


def test_the_last_entry_of_a_session_that_runs_is_missed_once_and_in_one_line(
    scene: Scene,
) -> None:
    scene.put(scene.text.encode())
    said: list[str] = []
    worker = Complaints(said.append)

    for tick in scene.looks_at(without_last(scene)):
        worker.about(tick)
        assert reconcile.status(tick, exit_code=False) == Exit.MUST_MEND
        assert tick.report.sources["registry"].state is SourceState.UNKNOWN

    assert said == [
        (
            "registry agent-sessions.yaml, line 15, column 1 (its end): entry "
            f'"{WRITTEN}" is gone and its session still runs, so it is taken as torn. Nothing was '
            f"written. Put back the last good copy, {scene.desk.copy}, or, if it was on purpose, "
            "run: agent-sessions check --accept"
        )
    ]


def test_last_lines_that_are_gone_are_missed_as_well(scene: Scene) -> None:
    scene.put(scene.text.encode())
    data = scene.text.partition("    claude_session_id_own")[0].encode()

    for tick in scene.looks_at(data):
        assert f'entry "{WRITTEN}" has lost its last lines and its session still runs' in str(
            tick.troubles[0]
        )


def test_who_drops_a_stale_id_from_the_last_lines_has_mended_something(scene: Scene) -> None:
    scene.put(scene.text.encode())
    data = scene.text.partition("    agent_identities")[0].encode()

    assert all(calm(tick) for tick in scene.looks_at(data))
    assert scene.desk.copy.read_bytes() == data
    assert scene.desk.copy.with_suffix(".before.yaml").read_bytes() == scene.text.encode()


def test_what_a_tool_deletes_is_trusted_once_its_session_has_ended(scene: Scene) -> None:
    scene.put(scene.text.encode())
    left = without_last(scene)
    assert all(refused(tick) for tick in scene.looks_at(left))

    scene.desk.fleet.kill(LAST)

    assert all(calm(tick) for tick in scene.looks_at(left))
    assert scene.desk.registry.read_bytes() == scene.desk.copy.read_bytes() == left
    before = scene.desk.copy.with_suffix(".before.yaml")
    assert before.read_bytes() == scene.text.encode(), "nothing is lost if it was torn after all"


def test_a_deletion_that_a_person_accepts_is_over_for_the_monitor_that_runs(scene: Scene) -> None:
    scene.put(scene.text.encode())
    left = without_last(scene)
    assert all(refused(tick) for tick in scene.looks_at(left))

    accepted = scene.desk.run("check", "--accept")

    assert accepted.status == Exit.OK
    scene.clock.by = timedelta(minutes=1)
    tick = scene.running.tick(dry_run=False)
    assert [(each.drift.session, each.action) for each in tick.report.decisions] == [
        (LAST, "updated")
    ], "its session is one that the registry lacks, and no more"


def test_nothing_is_trusted_while_tmux_cannot_be_asked(scene: Scene) -> None:
    scene.put(scene.text.encode())
    desk = scene.desk
    desk.fleet.kill(LAST)
    desk.registry.write_bytes(without_last(scene))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(desk.fence.root))

        blind = scene.process().tick(dry_run=False)

    assert "is gone and tmux cannot say whether its session runs" in str(blind.troubles[0])
    assert desk.copy.read_bytes() == scene.text.encode()
    assert calm(scene.process().tick(dry_run=False))


def test_an_entry_whose_session_is_none_of_ours_may_go(scene: Scene) -> None:
    """Its deletion is how a person says that it is not to be watched; nobody writes it anew."""
    desk = scene.desk
    desk.fleet.start("mine", agent="sleep")
    scene.put((scene.text + "  - name: mine\n    status: running\n").encode())

    assert all(calm(tick) for tick in scene.looks_at(scene.text.encode()))
    assert desk.copy.read_text("utf-8") == scene.text


def test_a_dry_look_trusts_for_itself_alone(scene: Scene) -> None:
    scene.put(scene.text.encode())
    scene.desk.fleet.kill(LAST)
    scene.desk.registry.write_bytes(without_last(scene))
    look = scene.process()

    assert calm(look.tick(dry_run=True))
    scene.desk.fleet.start(LAST, agent="sleep")
    scene.clock.by = timedelta(seconds=10)
    assert [each.action for each in look.tick(dry_run=True).report.decisions] == ["planned"]

    assert scene.desk.copy.read_bytes() == scene.text.encode()
