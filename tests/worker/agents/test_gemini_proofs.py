"""What proves the chat that a Gemini CLI holds: a hook, its footer, or its arguments."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kanban_worker.agents import gemini_footer
from kanban_worker.agents.gemini import Gemini
from kanban_worker.agents.gemini_binding import SETTING
from kanban_worker.agents.shape import Hooked, LiveAgent, Seen, Shown
from reconcile.observed import (
    Ambiguous,
    Bound,
    Conversation,
    ConversationId,
    SessionName,
    Unknown,
    Unproven,
)
from reconcile.proofs import Proof

if TYPE_CHECKING:
    from tests.worker.agents.conftest import Host

ONE = ConversationId("c3d86362-54d3-4fda-9589-e6a76d3e6c71")
TWIN = ConversationId("c3d86362-0000-4fda-9589-e6a76d3e6c71")
TWO = ConversationId("d6c75385-ee9b-4a41-a1d5-9d3b33f58c31")


def footer(digits: str, label: str = "session", where: str = "/tmp/oa/work", shift: int = 0) -> str:
    """Return a pane's end as 0.61.0 draws it."""
    labels = f" workspace (/directory){' ' * 22}{label}{' ' * 22}/model"
    values = f" {where}{' ' * (44 - len(where) + shift)}{digits}{' ' * 22}Auto"
    return f" hello\n\n >   Type your message or @path/to/file\n\n{labels}  \n{values}\n\n\n"


class Project:
    """A project of Gemini's, with its chats and prompts."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.work = host.directory("lab/api")
        self.root = host.directory(".gemini/tmp/api/chats").parent
        projects = {"projects": {str(self.work): "api"}}
        (host.home / ".gemini/projects.json").write_text(json.dumps(projects))

    def chat(self, one: str, *, at: float = -600, header: bool = True) -> None:
        stamp = self.host.at(at).isoformat().replace("+00:00", "Z")
        lines: list[object] = [{"type": "user", "content": "hello", "timestamp": stamp}]
        if header:
            lines.insert(0, {"sessionId": one, "startTime": stamp, "kind": "main"})
        path = self.root / "chats" / f"session-2026-11-21T17-54-{one[:8]}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def typed(self, *said: tuple[float, str, str]) -> None:
        entries = [
            {
                "sessionId": one,
                "messageId": number,
                "type": "user",
                "message": text,
                "timestamp": self.host.at(at).isoformat().replace("+00:00", "Z"),
            }
            for number, (at, one, text) in enumerate(said)
        ]
        (self.root / "logs.json").write_text(json.dumps(entries, indent=2))

    def agent(self, *argv: str, started: float = -3600, name: str = "x") -> LiveAgent:
        return self.host.agent(
            self.work, kind="gemini", argv=("node", "gemini", *argv), started=started, name=name
        )

    def held(
        self,
        *argv: str,
        text: str = "",
        hooked: str | None = None,
        hooked_at: float = 0,
        first: str | None = None,
        headless: bool = False,
        started: float = -3600,
    ) -> Conversation:
        agent = self.agent(*argv, started=started)
        records: dict[SessionName, Hooked] = {}
        if hooked is not None:
            records[agent.session] = Hooked(
                id=ConversationId(hooked),
                at=self.host.at(hooked_at),
                headless=headless,
                first=ConversationId(first) if first else None,
            )
        seen = Seen(hooked=records, shown={agent.session: Shown("◇  Ready (api)", text)})
        return Gemini(self.host.home, {}).conversations([agent], seen)[agent.session]


@pytest.fixture
def project(host: Host) -> Project:
    return Project(host)


NOTHING = Unproven(setting=SETTING)
SHOWN = Unproven(begins="c3d86362", setting=SETTING)


def bound(one: ConversationId, proof: Proof, *, written: bool = False) -> Bound:
    return Bound(id=one, proof=proof, written=written)


# -- the footer -----------------------------------------------------------------------------------


@pytest.mark.parametrize("known", ["chat", "prompt", "argument"])
def test_the_footer_s_digits_name_the_only_known_chat_that_begins_so(
    project: Project, known: str
) -> None:
    argv: tuple[str, ...] = ()
    match known:
        case "chat":
            project.chat(ONE)
        case "prompt":
            project.typed((-60, ONE, "hello"))
        case _:
            argv = ("--session-id", ONE)
    expected = bound(ONE, Proof.PANE, written=known == "chat")
    assert project.held(*argv, text=footer("c3d86362")) == expected


def test_digits_that_two_chats_begin_with_name_none(project: Project) -> None:
    project.chat(ONE)
    project.typed((-60, TWIN, "hello"))
    assert project.held(text=footer("c3d86362")) == SHOWN


def test_digits_that_nothing_completes_show_that_the_arguments_are_over(project: Project) -> None:
    project.chat(ONE)
    left = Unproven(left=(ONE,), begins="0badcafe", setting=SETTING)
    assert project.held("--resume", ONE, text=footer("0badcafe")) == left


def test_the_footer_shows_what_was_begun_by_clear(project: Project) -> None:
    project.chat(ONE)
    project.chat(TWO)
    project.typed((-60, ONE, "hello"), (-30, ONE, "/clear"))
    found = project.held("--session-id", ONE, text=footer("d6c75385"))
    assert found == bound(TWO, Proof.PANE, written=True)


def test_a_chat_that_lost_its_header_is_still_the_one_that_the_footer_names(
    project: Project,
) -> None:
    project.chat(ONE, header=False)
    assert project.held(text=footer("c3d86362")) == SHOWN
    project.typed((-60, ONE, "hello"))
    assert project.held(text=footer("c3d86362")) == bound(ONE, Proof.PANE, written=True)


def test_a_chat_that_another_start_deleted_is_still_known_to_be_the_one_in_the_footer(
    project: Project,
) -> None:
    adapter, agent = Gemini(project.host.home, {}), project.agent()
    seen = Seen(shown={agent.session: Shown("", footer("c3d86362"))})
    project.chat(ONE)
    expected = bound(ONE, Proof.PANE, written=True)
    assert adapter.conversations([agent], seen)[agent.session] == expected
    next((project.root / "chats").iterdir()).unlink()
    project.typed((-60, TWIN, "hello"))
    expected = bound(ONE, Proof.PANE)
    assert adapter.conversations([agent], seen)[agent.session] == expected
    other = project.agent(name="y")
    seen = Seen(shown={other.session: Shown("", footer("c3d86362"))})
    assert adapter.conversations([other], seen)[other.session] == bound(TWIN, Proof.PANE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c3d86362",
        footer("c3d86362", label="sessions"),
        footer("c3d8636"),
        footer("c3d863621"),
        footer("C3D86362"),
        footer("c3d86362", shift=1),
        footer("c3d86362") + "$ ls\n",
        " Session ID: c3d86362-54d3-4fda-9589-e6a76d3e6c71\n >   Type your message",
        " session session\n c3d86362 c3d86362",
        "\0" * 100,
    ],
)
def test_other_texts_name_nothing(project: Project, text: str) -> None:
    project.chat(ONE, at=-9000)
    assert gemini_footer.digits(text) is None
    assert project.held(text=text) == NOTHING


@pytest.mark.parametrize("width", [80, 50])
def test_the_footer_of_a_narrow_pane_in_a_directory_of_wide_characters_is_read(width: int) -> None:
    """As 0.61.0 drew them 80 and 50 columns wide."""
    drawn = {
        80: " workspace (/directory)                     session                      /model\n"
        " /tmp/oa/wörk 日本                          bb9f4a09                       Auto\n",
        50: " workspace (/directory)      session       /model\n"
        " /tmp/oa/wörk 日本           bb9f4a09        Auto\n",
    }
    assert gemini_footer.digits(drawn[width]) == "bb9f4a09"


@given(st.text())
def test_no_text_raises(text: str) -> None:
    for shown in (text, footer(text), f"{text} session\n{text} c3d86362"):
        found = gemini_footer.digits(shown)
        assert found is None or len(found) == 8


# -- the hook -------------------------------------------------------------------------------------


def test_a_hook_s_record_names_the_chat(project: Project) -> None:
    project.chat(TWO)
    found = project.held("--session-id", ONE, hooked=TWO)
    assert found == bound(TWO, Proof.HOOK, written=True)
    assert project.held(hooked=TWO, text=footer("d6c75385")) == found


def test_a_hook_s_chat_is_found_in_the_agent_s_own_home(project: Project) -> None:
    project.chat(TWO)
    agent = replace(project.agent(), environ={"GEMINI_CLI_HOME": str(project.host.home)})
    record = Hooked(id=ConversationId(TWO), at=datetime.now(UTC), headless=False)
    elsewhere = Gemini(project.host.directory("elsewhere"), {})
    found = elsewhere.conversations([agent], Seen(hooked={agent.session: record}))
    assert found[agent.session] == bound(TWO, Proof.HOOK, written=True)


def test_a_headless_run_s_record_counts_for_nothing(project: Project) -> None:
    assert project.held(hooked=TWO, headless=True) == NOTHING
    assert project.held(hooked="../../x") == NOTHING


def test_hook_and_footer_that_disagree_are_ambiguous(project: Project) -> None:
    project.chat(ONE)
    assert project.held(hooked=TWO, text=footer("c3d86362")) == Ambiguous((ONE, TWO))
    left = Unproven(left=(TWO,), begins="0badcafe", setting=SETTING)
    assert project.held(hooked=TWO, text=footer("0badcafe")) == left


def test_a_command_that_leaves_the_session_ends_what_the_hook_said(project: Project) -> None:
    project.typed((-60, ONE, "/clear"), (-30, ONE, "/resume"))
    left = Unproven(left=(TWO,), setting=SETTING)
    assert project.held(hooked=TWO, hooked_at=-59, first=ONE) == left
    # A prompt has let the hook speak again.
    assert project.held(hooked=TWO, hooked_at=-10, first=ONE) == bound(TWO, Proof.HOOK)


def test_a_command_in_another_terminal_leaves_the_hook_s_session_alone(project: Project) -> None:
    project.typed((-30, TWO, "/resume"))
    found = project.held(hooked=TWO, hooked_at=-59, first=ONE)
    assert found == bound(TWO, Proof.HOOK)


def test_a_footer_says_what_the_hook_did_not_at_a_resume(project: Project) -> None:
    project.chat(ONE)
    project.typed((-30, ONE, "/resume"))
    found = project.held(hooked=TWO, hooked_at=-59, first=ONE, text=footer("c3d86362"))
    assert found == bound(ONE, Proof.PANE, written=True)


def test_prompts_that_cannot_be_read_leave_the_hook_s_session_likely(project: Project) -> None:
    (project.root / "logs.json").mkdir()
    assert project.held(hooked=TWO) == Unproven(likely=TWO, setting=SETTING)


# -- the arguments --------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--session-id", "--resume", "-r"])
def test_arguments_count_while_nobody_left_their_session(project: Project, option: str) -> None:
    project.typed((-7200, ONE, "/clear"), (-60, ONE, "clear /clear"), (-30, TWO, "/clear"))
    assert project.held(option, ONE) == bound(ONE, Proof.ARGUMENT)


@pytest.mark.parametrize("said", ["/clear", " /CLEAR ", "/new", "/resume", "/chat resume x"])
def test_a_command_that_leaves_the_session_ends_the_arguments(project: Project, said: str) -> None:
    project.typed((-60, ONE, "hello"), (-30, ONE, said), (-10, ONE, "on"))
    assert project.held("--resume", ONE) == Unproven(left=(ONE,), setting=SETTING)


@pytest.mark.parametrize("said", ["/resume list", "/resume save x", "/resumes", "/chat list"])
def test_a_command_that_stays_in_the_session_leaves_it_the_arguments(
    project: Project, said: str
) -> None:
    project.typed((-30, ONE, said))
    assert project.held("--resume", ONE) == bound(ONE, Proof.ARGUMENT)


def test_prompts_that_were_not_all_read_leave_the_arguments_likely(project: Project) -> None:
    project.typed((-3000, ONE, "/clear"), *((-60, ONE, "x" * 10_000) for _ in range(120)))
    assert project.held("--resume", ONE) == Unproven(likely=ONE, setting=SETTING)
    assert project.held("--resume", ONE, started=-30) == bound(ONE, Proof.ARGUMENT)


@pytest.mark.parametrize("how", ["folder", "loop"])
def test_prompts_that_cannot_be_read_leave_the_arguments_likely(project: Project, how: str) -> None:
    path = project.root / "logs.json"
    path.mkdir() if how == "folder" else path.symlink_to(path)
    assert project.held("--resume", ONE) == Unproven(likely=ONE, setting=SETTING)


# -- nothing --------------------------------------------------------------------------------------


def test_two_processes_of_one_chat_are_both_in_it(project: Project) -> None:
    project.chat(ONE)
    agents = [project.agent("--resume", ONE, name=name) for name in "ab"]
    found = Gemini(project.host.home, {}).conversations(agents)
    assert list(found.values()) == [bound(ONE, Proof.ARGUMENT, written=True)] * 2


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None
)
@given(
    value=st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=8)
        | st.sampled_from([ONE, "/clear", "9999-99-99T00:00:00Z", "0001-01-01T00:00:00+23:59"]),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["sessionId", "message", "timestamp", "type", "startTime", "$set"]),
                inner,
            )
        ),
        max_leaves=20,
    ),
    cut=st.integers(0, 200),
)
def test_no_value_in_its_files_raises(project: Project, value: object, cut: int) -> None:
    data = json.dumps(value)[: cut or None].encode()
    (project.root / "logs.json").write_bytes(data)
    (project.root / ".project_root").write_bytes(b"")
    (project.root / f"chats/session-2026-11-21T17-54-{ONE[:8]}.jsonl").write_bytes(data)
    adapter = Gemini(project.host.home, {})
    agent = project.agent("--resume", ONE)
    found = adapter.conversations([agent])[agent.session]
    assert found is None or isinstance(found, Bound | Ambiguous | Unproven | Unknown)
    adapter.activity(ONE, agent)
    adapter.artefact(ONE, workspace=None, created_at=None, now=project.host.now)
