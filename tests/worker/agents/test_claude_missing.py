"""Why there is no transcript to be resumed under a recorded id, and when one will be deleted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kanban_worker.agents.claude import Claude
from reconcile.observed import Artefact, ConversationId, Expiry, Missing, Unknown

if TYPE_CHECKING:
    from tests.worker.agents.conftest import ClaudeHost, Reads

DAY = 86_400.0


@pytest.fixture
def work(claude: ClaudeHost) -> Path:
    return claude.directory("lab/x")


def look(
    claude: ClaudeHost,
    one: ConversationId,
    work: Path,
    *,
    age: float = 60,
    adapter: Claude | None = None,
) -> Artefact | Missing | Unknown:
    """Look for an own id of an entry that works here and is so many seconds old."""
    return (adapter or claude.adapter()).artefact(
        one,
        workspace=str(work),
        created_at=claude.at(-age),
        now=claude.now,
        at_home=True,
        environ={},
    )


def keep(config: Path, days: object) -> None:
    (config / "settings.json").write_text(json.dumps({"cleanupPeriodDays": days}))


# -- nowhere on disk ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "ago", "cause"),
    [
        pytest.param(None, 31, "expired: its last prompt was on {}, and {}, the default", id="old"),
        pytest.param(7, 8, "expired: its last prompt was on {}, and {}", id="old, by the settings"),
        pytest.param(None, 2, "deleted: its last prompt was on {}, and {}, the default", id="new"),
    ],
)
def test_the_last_prompt_tells_whether_it_expired_or_was_deleted(
    claude: ClaudeHost, work: Path, days: int | None, ago: int, cause: str
) -> None:
    one = claude.new_id()
    claude.typed((-ago * DAY - 60, one, "hello"), (-ago * DAY, one, "bye"), cwd=work)
    if days:
        keep(claude.config, days)

    found = look(claude, one, work, age=400 * DAY)

    day = f"{claude.at(-ago * DAY).astimezone():%Y-%m-%d}"
    assert found == Missing(cause.format(day, f"cleanupPeriodDays is {days or 30}"))


def test_a_prompt_in_another_conversation_tells_nothing(claude: ClaudeHost, work: Path) -> None:
    claude.typed((-5, claude.new_id(), "hello"), cwd=work)

    assert look(claude, claude.new_id(), work) == Missing("never written or deleted")


def test_a_prompt_history_that_cannot_be_read_tells_nothing(claude: ClaudeHost, work: Path) -> None:
    (claude.config / "history.jsonl").mkdir()

    assert look(claude, claude.new_id(), work) == Missing("never written or deleted")


def test_the_settings_are_those_of_the_configuration_that_the_workspace_is_in(
    claude: ClaudeHost, work: Path, tmp_path: Path
) -> None:
    other = type(claude)(claude.home, tmp_path.resolve() / "other-config")
    one, adapter = other.new_id(), claude.adapter()
    other.write(other.new_id(), work)
    keep(other.config, 7)
    keep(claude.config, 90)
    adapter.conversations([claude.agent(work, environ={"CLAUDE_CONFIG_DIR": str(other.config)})])

    assert look(claude, one, work, age=8 * DAY, adapter=adapter) == Missing(
        "expired: cleanupPeriodDays is 7"
    )


# -- in another project folder ------------------------------------------------------------------


def moved(claude: ClaudeHost, name: str = "lab/other") -> tuple[ConversationId, Path, Missing]:
    """A transcript that another directory's agent wrote."""
    one, other = claude.new_id(), claude.directory(name)
    path = claude.write(one, other)
    return one, path, Missing(f"moved: {path} is of {other}", which="in its project folder")


def test_a_transcript_of_another_directory_has_moved(claude: ClaudeHost, work: Path) -> None:
    one, _, expected = moved(claude)

    assert look(claude, one, work) == expected


def test_only_an_own_id_has_to_be_of_its_workspace(claude: ClaudeHost, work: Path) -> None:
    one, _, _ = moved(claude)

    found = claude.adapter().artefact(
        one, workspace=str(work), created_at=None, now=claude.now, at_home=False
    )

    assert found is Artefact.PRESENT


def test_it_is_back_as_soon_as_a_living_process_holds_it(claude: ClaudeHost, work: Path) -> None:
    (one, _, expected), adapter = moved(claude), claude.adapter()
    assert look(claude, one, work, adapter=adapter) == expected
    claude.pid_file(claude.outsider(work), one)
    claude.now += timedelta(seconds=30)

    assert look(claude, one, work, adapter=adapter) is Artefact.PRESENT


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells when a process began")
def test_not_when_a_later_process_has_the_pid_of_the_one_that_held_it(
    claude: ClaudeHost, work: Path
) -> None:
    one, _, expected = moved(claude)
    claude.pid_file(claude.outsider(work), one, procStart="4711")

    assert look(claude, one, work, adapter=claude.adapter()) == expected


def test_it_is_back_when_cd_has_brought_it_to_the_workspace(claude: ClaudeHost, work: Path) -> None:
    (one, path, expected), adapter = moved(claude), claude.adapter()
    assert look(claude, one, work, adapter=adapter) == expected
    claude.write(one, path.parent, [claude.said(one, work, -5)], folder=path.parent)
    claude.now += timedelta(seconds=30)

    assert look(claude, one, work, adapter=adapter) is Artefact.PRESENT


@pytest.mark.parametrize(
    "why",
    [
        "the workspace's own folder",
        "a directory below the workspace",
        "no line names a directory",
        "the folder has aliases",
        "a worktree of the same repository",
        "two worktrees of one repository",
    ],
)
def test_what_may_be_found_from_the_workspace_is_present(
    claude: ClaudeHost, work: Path, why: str
) -> None:
    one, other = claude.new_id(), claude.directory("lab/other")
    git = "gitdir: {}/.git/worktrees/{}\n"
    match why:
        case "the workspace's own folder":
            claude.write(one, other, folder=claude.write(claude.new_id(), work).parent)
        case "a directory below the workspace":
            claude.write(one, claude.directory("lab/x/deep"))
        case "no line names a directory":
            claude.write(one, other, [dict(claude.said(one, other, -5), cwd=None)])
        case "the folder has aliases":
            claude.write(one, other)
            (claude.write(claude.new_id(), work).parent / ".session-aliases").write_text("")
        case "a worktree of the same repository":
            claude.write(one, other)
            (work / ".git").mkdir()
            (other / ".git").write_text(git.format(work, "other"))
        case "two worktrees of one repository":
            claude.write(one, claude.directory("lab/other/deep"))
            for each in (work, other):
                (each / ".git").write_text(git.format("../../main", each.name))
    assert look(claude, one, work) is Artefact.PRESENT


def test_another_repository_s_transcript_has_moved(claude: ClaudeHost, work: Path) -> None:
    one, path, expected = moved(claude)
    for each in (work, claude.home / "lab/other"):
        (each / ".git").mkdir()

    assert look(claude, one, work) == expected
    assert path.exists()


def test_it_is_found_out_once(claude: ClaudeHost, work: Path, reads: Reads) -> None:
    (one, _, expected), adapter = moved(claude), claude.adapter()
    assert look(claude, one, work, adapter=adapter) == expected
    claude.now += timedelta(seconds=30)

    with reads() as seen:
        assert look(claude, one, work, adapter=adapter) == expected

    assert not seen


# -- unreadable ---------------------------------------------------------------------------------

UNPRIVILEGED = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from kanban_worker.agents import ADAPTERS
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
print(ADAPTERS["claude"](Path(sys.argv[1]), {}).artefact(
    sys.argv[2], workspace=sys.argv[3], created_at=None, now=datetime.now(UTC)))
"""


def test_a_transcript_that_is_there_and_may_not_be_read_is_unreadable(
    claude: ClaudeHost, work: Path
) -> None:
    one = claude.new_id()
    path = claude.write(one, work)
    for folder in path.parents:
        if os.access(folder, os.W_OK):
            folder.chmod(0o755)
    path.chmod(0o000)

    done = subprocess.run(
        [sys.executable, "-c", UNPRIVILEGED, str(claude.home), one, str(work)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )

    cause = f"unreadable: {path}: Permission denied; let this user read it"
    assert done.stdout.strip() == repr(Missing(cause, which="that can be read"))


@pytest.mark.parametrize("what", ["a folder", "a pipe", "a loop of links"])
def test_any_other_trouble_with_the_file_stays_unknown(
    claude: ClaudeHost, work: Path, what: str
) -> None:
    one = claude.new_id()
    path = claude.write(one, work)
    path.unlink()
    match what:
        case "a folder":
            path.mkdir()
        case "a pipe":
            os.mkfifo(path)
        case _:
            path.symlink_to(path)

    assert isinstance(look(claude, one, work), Unknown)


# -- about to expire ----------------------------------------------------------------------------


def expiry(claude: ClaudeHost, work: Path, ago: float, days: object = None) -> Expiry | None:
    """When a transcript that was last changed so many days ago will be deleted."""
    one, adapter = claude.new_id(), claude.adapter()
    if days is not None:
        keep(claude.config, days)
    claude.write(one, work, touched=-ago * DAY)
    assert look(claude, one, work, adapter=adapter) is Artefact.PRESENT
    return adapter.expiry(one, claude.now)


@pytest.mark.parametrize(
    ("days", "ago", "soon"),
    [
        pytest.param(None, 26.9, False, id="more than three days left"),
        pytest.param(None, 27.1, True, id="three days left"),
        pytest.param(None, 31, True, id="past its time, and not yet deleted"),
        pytest.param(90, 31, False, id="kept for longer"),
        pytest.param(7, 4.1, True, id="kept for shorter"),
        pytest.param(2, 0.9, False, id="kept for two days, and more than half of them left"),
        pytest.param(2, 1.1, True, id="kept for two days, and half of them left"),
        pytest.param(1, 0.4, False, id="kept for a day, and more than half of it left"),
        pytest.param(0, 400, False, id="no rule is known for 0"),
        pytest.param(10**15, 400, False, id="kept for ever"),
        pytest.param("soon", 27.1, True, id="no number, so the default"),
    ],
)
def test_a_transcript_is_about_to_expire_a_few_days_before(
    claude: ClaudeHost, work: Path, days: object, ago: float, *, soon: bool
) -> None:
    assert (expiry(claude, work, ago, days) is not None) is soon


def test_the_time_counts_from_the_last_change(claude: ClaudeHost, work: Path) -> None:
    found = expiry(claude, work, 8, 9)

    assert found is not None
    assert abs(found.at - claude.at(DAY)) < timedelta(seconds=2)
    assert found.rule == (
        "Claude Code deletes a transcript 9 days after its last change (cleanupPeriodDays). "
        "Resume it, or raise cleanupPeriodDays"
    )


def test_a_change_takes_it_back(claude: ClaudeHost, work: Path) -> None:
    one, adapter, agent = claude.new_id(), claude.adapter(), claude.agent(work)
    claude.write(one, work, touched=-28 * DAY)
    claude.pid_file(agent, one)
    adapter.conversations([agent])
    assert adapter.expiry(one, claude.now) is not None

    claude.write(one, work, touched=-1)
    adapter.conversations([agent])

    assert adapter.expiry(one, claude.now) is None


def test_nothing_is_asked_of_what_was_used_today(
    claude: ClaudeHost, work: Path, reads: Reads
) -> None:
    one, adapter = claude.new_id(), claude.adapter()
    keep(claude.config, 1)
    claude.write(one, work, touched=-60)
    look(claude, one, work, adapter=adapter)

    with reads() as seen:
        assert adapter.expiry(one, claude.now) is None
        assert adapter.expiry(claude.new_id(), claude.now) is None

    assert not seen
