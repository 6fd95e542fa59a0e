"""A write is locked, compared, atomic, journaled ahead, and leaves the old file when it fails."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

import pytest

from reconcile.desired import AddEntry, SetKey
from reconcile.observed import SessionName
from state import journal, locking, paths, placing, replacement
from state.document import Document, Moved, Written
from state.durable import Owner
from state.errors import CouldNot, Lost, MustMend
from state.journal import KeyChange, Record
from state.registry import RegistryFile
from waiting import retry_until

SAVED = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
LATER = SAVED + timedelta(minutes=1)
TEXT = "sessions:\n  - name: a\n    status: running   # alive\n  - name: b\n    status: running\n"
END_A = SetKey(session=SessionName("a"), key="status", value="terminated")
END_B = SetKey(session=SessionName("b"), key="status", value="terminated")
AFTER = TEXT.replace("running   # alive", "terminated   # alive")
RECORD = Record(
    at=LATER,
    session="a",
    drift="A-3f2a91c4",
    drift_class="A",
    changes=(KeyChange(key="status", before="running", after="terminated"),),
    evidence={"server": 812},
)


class Home:
    """One registry in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "agent-sessions.yaml"
        self.state = folder / "state"
        self.journal = self.state / paths.JOURNAL
        self.file = self.process()
        self.save(TEXT)

    def process(self, timeout: float = 5.0) -> RegistryFile:
        return RegistryFile(self.path, state_dir=self.state, lock_timeout=timeout)

    def save(self, text: str) -> None:
        self.path.write_text(text)
        os.utime(self.path, (SAVED.timestamp(), SAVED.timestamp()))

    def read(self) -> Document:
        return self.file.read(LATER)

    def leftovers(self) -> list[str]:
        """What lies beside the registry that should not."""
        known = {self.path.name, f"{self.path.name}.lock", "state"}
        return [found.name for found in self.folder.iterdir() if found.name not in known]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_write_changes_the_file_and_is_what_was_seen_last(home: Home) -> None:
    written = home.file.write(home.read(), [END_A], [RECORD])
    assert isinstance(written, Written)
    assert written.changed
    assert home.path.read_text() == AFTER
    assert [entry.status for entry in written.document.registry.entries] == [
        "terminated",
        "running",
    ]
    now = written.document.saved_at
    again = home.file.read(now)
    assert again.raw == AFTER.encode()
    assert not any(entry.fresh for entry in again.registry.entries)
    assert not any(entry.fresh for entry in home.process().read(now).registry.entries)
    assert home.leftovers() == []


def test_what_a_person_took_away_is_kept_when_a_write_comes_right_after_it(home: Home) -> None:
    more = TEXT + "  - name: c\n    status: paused\n"
    home.save(more)
    home.file.remember(home.read())
    home.save(TEXT)
    home.file.write(home.read(), [END_A], [RECORD])
    copy = paths.last_good(home.state, home.path)
    assert copy.read_text() == AFTER
    assert copy.with_suffix(".before.yaml").read_text() == more


def test_the_fence_is_asked_under_the_lock_and_its_word_holds(home: Home) -> None:
    """A worker may be replaced while it waits for the lock."""
    asked: list[bool] = []

    def closed() -> None:
        with (
            pytest.raises(CouldNot),
            locking.held(
                home.path.with_name(f"{home.path.name}.lock"), timeout=0.05, sleep=lambda _: None
            ),
        ):
            pytest.fail("the lock was free")
        asked.append(True)
        raise Lost("the card is another run's")

    home.file.fence = closed
    document = home.read()

    with pytest.raises(Lost):
        home.file.write(document, [END_A], [RECORD])

    assert asked == [True]
    assert home.path.read_bytes() == document.raw
    assert not home.journal.exists()


def test_a_file_of_several_names_is_read_and_not_written(home: Home) -> None:
    """A write would part them, and whoever edits the other one would talk to nobody."""
    other = home.folder / "other.yaml"
    other.hardlink_to(home.path)
    document = home.read()
    assert [entry.name for entry in document.registry.entries] == ["a", "b"]
    (fault,) = document.faults
    assert (fault.grave, fault.holds) == (False, True)
    assert "has 2 names (hard links)" in fault.message

    with pytest.raises(MustMend, match=r"has 2 names \(hard links\).*cp -p FILE FILE.own && mv"):
        home.file.write(document, [END_A], [RECORD])

    assert home.path.samefile(other)
    assert home.path.read_text() == TEXT
    assert not home.journal.exists()
    assert {each.name for each in home.folder.iterdir()} == {home.path.name, "other.yaml"}
    other.unlink()
    assert isinstance(home.file.write(home.read(), [END_A], [RECORD]), Written)


def test_a_name_that_it_gets_between_reading_and_writing_counts_too(home: Home) -> None:
    document = home.read()
    (home.folder / "other.yaml").hardlink_to(home.path)
    with pytest.raises(MustMend, match="has 2 names"):
        home.file.write(document, [END_A], [RECORD])
    assert home.path.read_text() == TEXT
    assert home.leftovers() == ["other.yaml"]


def test_nothing_to_change_in_a_file_of_several_names_is_no_error(home: Home) -> None:
    (home.folder / "other.yaml").hardlink_to(home.path)
    same = SetKey(session=SessionName("a"), key="status", value="running")
    assert isinstance(home.file.write(home.read(), [same], [RECORD]), Written)


def test_nothing_to_change_touches_nothing(home: Home) -> None:
    before = home.path.stat()
    same = SetKey(session=SessionName("a"), key="status", value="running")
    written = home.file.write(home.read(), [same], [RECORD])
    assert isinstance(written, Written)
    assert not written.changed
    after = home.path.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert [found.name for found in home.folder.iterdir()] == [home.path.name]


def test_the_journal_says_what_was_done_and_why(home: Home) -> None:
    home.file.write(home.read(), [END_A], [RECORD])
    (line,) = home.journal.read_text().splitlines()
    data = json.loads(line)
    assert data["version"] == 1
    assert data["registry"] == str(home.path)
    assert data["class"] == "A"
    assert data["changes"] == [{"key": "status", "before": "running", "after": "terminated"}]
    assert data["evidence"] == {"server": 812}
    assert data["before_sha256"] != data["after_sha256"]
    assert home.journal.stat().st_mode & 0o777 == 0o600


def test_refused_sessions_are_left_out_of_file_and_journal(home: Home) -> None:
    home.save(TEXT.replace("status: running   #", "status: [running] #"))
    other = SetKey(session=SessionName("b"), key="status", value="terminated")
    written = home.file.write(home.read(), [END_A, other], [RECORD])
    assert isinstance(written, Written)
    assert list(written.refused) == [0]
    assert not home.journal.exists()
    assert "status: terminated\n" in home.path.read_text()


def test_a_file_saved_meanwhile_is_not_overwritten(home: Home) -> None:
    document = home.read()
    home.save(TEXT + "# by a person\n")
    assert home.file.write(document, [END_A], [RECORD]) == Moved()
    assert home.path.read_text() == TEXT + "# by a person\n"
    assert not home.journal.exists()
    assert home.file.write(home.read(), [END_A]) != Moved()


@pytest.mark.parametrize("gone", [True, False], ids=["removed", "pointing elsewhere"])
def test_a_file_gone_or_replaced_meanwhile_has_moved(home: Home, *, gone: bool) -> None:
    document = home.read()
    home.path.rename(home.folder / "elsewhere.yaml")
    if not gone:
        home.path.symlink_to("elsewhere.yaml")
    assert home.file.write(document, [END_A]) == Moved()


def test_a_save_between_the_first_and_the_last_comparison_is_not_overwritten(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = home.read()
    write_new = replacement.durable.write_new

    def slow(path: Path, data: bytes, mode: int, owner: Owner) -> None:
        write_new(path, data, mode, owner)
        home.save(TEXT + "# by a person\n")

    monkeypatch.setattr(replacement.durable, "write_new", slow)
    assert home.file.write(document, [END_A], [RECORD]) == Moved()
    assert home.path.read_text() == TEXT + "# by a person\n"
    assert home.leftovers() == []
    assert not home.journal.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="files change places on Linux only")
def test_a_save_after_the_last_comparison_is_not_overwritten(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = home.read()
    put = placing.put

    def late(*places: Path, before: bytes, after: bytes) -> bool:
        home.save(TEXT + "# by a person\n")
        return put(*places, before=before, after=after)

    monkeypatch.setattr(placing, "put", late)
    assert home.file.write(document, [END_A], [RECORD]) == Moved()
    assert home.path.read_text() == TEXT + "# by a person\n"
    assert home.leftovers() == []
    (change,) = journal.read(home.journal).changes
    assert change.void == "the file was saved by somebody else meanwhile"


def test_a_save_right_after_ours_is_a_persons_edit(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = home.read()
    theirs = AFTER + "  - name: c\n"
    beside = {home.folder: theirs}
    monkeypatch.setattr(
        replacement.durable, "sync_folder", lambda path: path in beside and home.save(beside[path])
    )
    written = home.file.write(document, [END_A])
    assert isinstance(written, Written)
    assert written.document.raw == AFTER.encode()
    found = home.file.read(SAVED).registry.entries
    assert [entry.name for entry in found if entry.fresh] == ["c"]


def test_a_symlinked_registry_is_written_through_its_target(tmp_path: Path) -> None:
    folder = tmp_path / "dotfiles"
    folder.mkdir()
    (folder / "real.yaml").write_text(TEXT)
    (tmp_path / "link.yaml").symlink_to("dotfiles/real.yaml")
    file = RegistryFile(tmp_path / "link.yaml", state_dir=tmp_path / "state")
    file.write(file.read(LATER), [END_A])
    assert (tmp_path / "link.yaml").is_symlink()
    assert (folder / "real.yaml").read_text() == AFTER
    assert (folder / "real.yaml.lock").exists()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444])
def test_the_mode_of_the_file_is_kept(home: Home, mode: int) -> None:
    home.path.chmod(mode)
    home.file.write(home.read(), [END_A])
    assert home.path.stat().st_mode & 0o7777 == mode


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_the_owner_of_the_file_is_kept(home: Home) -> None:
    os.chown(home.path, 12345, 23456)
    home.file.write(home.read(), [END_A])
    assert (home.path.stat().st_uid, home.path.stat().st_gid) == (12345, 23456)


def script(home: Home, body: str) -> str:
    """A process of its own that reads the registry and then does `body`."""
    return (
        f"import os, signal, sys; sys.path[:0] = {sys.path!r}\n"
        "from datetime import *; from pathlib import Path\n"
        "from state import registry, errors, replacement, durable, journal, locking, placing\n"
        "import portalocker\n"
        "from reconcile.desired import *\n"
        f"home = Path({str(home.folder)!r})\n"
        "path, state = home / 'agent-sessions.yaml', home / 'state'\n"
        "file = registry.RegistryFile(path, state_dir=state, lock_timeout=0.1)\n"
        "end = SetKey(session='a', key='status', value='terminated')\n"
        "record = journal.Record(at=datetime.now(timezone.utc), session='a', drift='A-1',\n"
        "                        drift_class='A', changes=(), evidence={})\n"
        "document = file.read(datetime.now(timezone.utc))\n" + body
    )


def outcome(home: Home, before: str) -> str:
    """What another process says when `before` happened to it and then it writes."""
    body = (
        f"{before}\n"
        "try: print(file.write(document, [end], [record]))\n"
        "except errors.MonitorError as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script(home, body)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@contextlib.contextmanager
def lock_held_elsewhere(home: Home) -> Iterator[None]:
    body = (
        "with locking.held(home / 'agent-sessions.yaml.lock', timeout=1, sleep=None):\n"
        "    (home / 'state').mkdir(); sys.stdin.read()\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", script(home, body)], stdin=subprocess.PIPE)
    try:
        retry_until(home.state.exists)
        yield
    finally:
        holder.communicate()


def test_a_lock_held_by_another_process_is_waited_for_and_then_told(home: Home) -> None:
    with lock_held_elsewhere(home):
        with pytest.raises(CouldNot) as raised:
            home.process(timeout=0.2).write(home.read(), [END_A], [RECORD])
        assert f"lock {home.path}.lock is held by another process" in str(raised.value)
        assert home.path.read_text() == TEXT
        assert not home.journal.exists()
    assert home.file.write(home.read(), [END_A]) != Moved()
    lock = home.path.with_name("agent-sessions.yaml.lock")
    assert lock.stat().st_mode & 0o777 == 0o600


def test_the_wait_for_the_lock_ends_when_it_is_free(home: Home) -> None:
    slept = []
    with contextlib.ExitStack() as stack:
        stack.enter_context(lock_held_elsewhere(home))

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            stack.close()

        file = RegistryFile(home.path, state_dir=home.state, sleep=sleep)
        assert isinstance(file.write(file.read(LATER), [END_A]), Written)
    assert len(slept) == 1


def test_a_disk_that_is_full_leaves_the_old_file_and_no_record(home: Home) -> None:
    home.save(TEXT + "# " + "x" * 20_000 + "\n")
    limit = (
        "import resource; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        # Python 3.13.0 and earlier would keep a module's cut bytecode, and fail by it ever after.
        "sys.dont_write_bytecode = True\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))"
    )
    said = outcome(home, limit)
    assert said.startswith("CouldNot registry ")
    assert "could not be written (the old one is intact): the limit on file size is reached" in said
    assert home.path.read_text().startswith(TEXT)
    assert home.leftovers() == []
    assert not home.journal.exists()


def test_a_rename_that_fails_voids_the_record(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def put(*_: object, **__: object) -> bool:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(placing, "put", put)
    with pytest.raises(CouldNot, match=r"the old one is intact\): the disk reports an error"):
        home.file.write(home.read(), [END_A], [RECORD])
    assert home.path.read_text() == TEXT
    assert home.leftovers() == []
    (change,) = journal.read(home.journal).changes
    assert "the disk reports an error" in str(change.void)


def test_a_journal_that_cannot_be_written_stops_the_write(home: Home) -> None:
    home.state.write_text("in the way")
    with pytest.raises(CouldNot, match=r"journal .* could not be written"):
        home.file.write(home.read(), [END_A], [RECORD])
    assert home.path.read_text() == TEXT


DROPPED = "os.getuid() or os.setuid(65534)  # root may do anything"


def test_a_folder_that_may_not_be_written_is_told(home: Home) -> None:
    home.folder.chmod(0o555)
    said = outcome(home, DROPPED)
    home.folder.chmod(0o755)
    assert said.startswith("CouldNot lock ")
    assert "permission denied" in said
    assert home.path.read_text() == TEXT
    assert home.leftovers() == []


def test_a_first_registry_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "agent-sessions.yaml"
    file = RegistryFile(path, state_dir=tmp_path / "state")
    addition = AddEntry(session=SessionName("a"), fields={"status": "running"})
    document = file.create([addition], LATER)
    assert path.read_text() == "version: 1\nsessions:\n  - name: a\n    status: running\n"
    assert [entry.name for entry in document.registry.entries] == ["a"]
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(MustMend, match="already there"):
        file.create([addition], LATER)
    assert [found.name for found in path.parent.iterdir()] == [path.name]


STEPS = (
    "journal.append",
    "durable.write_new",
    "durable._write_all",
    "placing.put",
    "durable.sync_folder",
)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_writer_killed_at_any_step_leaves_the_old_or_the_new_file(
    home: Home, step: str, when: str
) -> None:
    kill = "os.kill(os.getpid(), signal.SIGKILL)"
    module, name = step.rsplit(".", 1)
    body = (
        f"real = {module}.{name}\n"
        "def step(*args, **kwargs):\n"
        f"    {kill if when == 'before' else 'pass'}\n"
        "    real(*args, **kwargs)\n"
        f"    {kill}\n"
        f"{module}.{name} = step\n"
        "file.write(document, [end], [record])\n"
    )
    done = subprocess.run([sys.executable, "-c", script(home, body)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert home.path.read_text() in (TEXT, AFTER)
    home.file.recover()  # as each tick does
    written = home.file.write(home.read(), [END_A], [RECORD])
    assert isinstance(written, Written)
    assert home.path.read_text() == AFTER
    assert home.leftovers() == []
    assert journal.read(home.journal).skipped == 0


SAVED_BESIDE = TEXT + "# saved by an editor that knows no lock\n"


def killed_when_files_changed_places(home: Home, *, saved: str | None) -> None:
    """A writer that had yet to look at what its new file displaced."""
    save = "" if saved is None else f"    document.path.write_text({saved!r})\n"
    body = (
        "real = placing.exchange\n"
        "def exchange(*names):\n"
        f"{save}"
        "    real(*names)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "placing.exchange = exchange\n"
        "file.write(document, [end], [record])\n"
    )
    done = subprocess.run([sys.executable, "-c", script(home, body)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert home.path.read_text() == AFTER
    assert len(home.leftovers()) == 1


@pytest.mark.parametrize("by", ["recover", "write"])
def test_a_save_that_a_killed_writer_displaced_unseen_is_put_back(home: Home, by: str) -> None:
    killed_when_files_changed_places(home, saved=SAVED_BESIDE)
    if by == "recover":
        home.file.recover()
    else:
        assert home.file.write(home.read(), [END_B], [RECORD]) == Moved()
    assert home.path.read_text() == SAVED_BESIDE
    assert home.leftovers() == []
    (change, *others) = journal.read(home.journal).changes
    assert change.void == "the file was saved by somebody else meanwhile"
    assert all(each.void for each in others)


def test_a_killed_writer_that_displaced_what_it_had_read_has_written(home: Home) -> None:
    killed_when_files_changed_places(home, saved=None)
    home.file.recover()
    assert home.path.read_text() == AFTER
    assert home.leftovers() == []
    (change,) = journal.read(home.journal).changes
    assert change.void is None


def test_a_save_since_then_is_the_newest_and_stays(home: Home) -> None:
    killed_when_files_changed_places(home, saved=SAVED_BESIDE)
    home.save(AFTER + "# later still\n")
    home.file.recover()
    assert home.path.read_text() == AFTER + "# later still\n"
    assert home.leftovers() == []


def test_what_was_not_whole_when_its_writer_was_killed_is_never_put_back(home: Home) -> None:
    assert isinstance(home.file.write(home.read(), [END_A], [RECORD]), Written)
    paths.being_written(home.path).write_text(AFTER[:20])
    home.file.recover()
    assert home.path.read_text() == AFTER
    assert home.leftovers() == []


def test_recovery_waits_for_a_writer_that_lives(home: Home) -> None:
    paths.being_written(home.path).write_text("half")
    with lock_held_elsewhere(home), pytest.raises(CouldNot, match="is held by another process"):
        home.process(timeout=0.2).recover()
    assert len(home.leftovers()) == 1


def test_two_writers_at_once_both_get_their_edits_in(home: Home) -> None:
    home.save("sessions:\n" + "".join(f"  - name: s{n}\n    status: running\n" for n in range(20)))
    body = (
        "import time; first = int(sys.argv[1])\n"
        "file = registry.RegistryFile(path, state_dir=state)\n"
        "for n in range(first, 20, 2):\n"
        "    edit = SetKey(session=f's{n}', key='status', value='terminated')\n"
        "    while file.write(file.read(record.at), [edit], [record]) == registry.Moved(): pass\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script(home, body), str(n)]) for n in (0, 1)]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert home.path.read_text().count("terminated") == 20


def test_reading_the_same_hundred_entries_again_parses_none(tmp_path: Path) -> None:
    entry = (
        "  - name: lab-p{0}-creator-claude     # note\n    workspace: ~/PuKi/lab/p{0}\n"
        "    agent: claude\n    status: running\n    created_at: 2026-06-01T10:00:00+09:00\n"
        "    last_visible_status: ready\n    pane: {{pid: 1{0}, cmd: claude, cwd: /home/u/p{0}}}\n"
        "    agent_identities:\n      claude: {{session_id: 87dc548e-0000-4000-8000-{0}}}\n"
        "    claude_session_id_own: null\n    delegate_job_id: null\n"
    )
    path = tmp_path / "agent-sessions.yaml"
    path.write_text("sessions:\n" + "".join(entry.format(n) for n in range(100)))
    file = RegistryFile(path, state_dir=tmp_path / "state")
    file.read(LATER)
    calls = 0

    def count(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        file.read(LATER)
    finally:
        sys.setprofile(before)
    assert 0 < calls < 1000, "parsing one entry alone takes hundreds of calls"
