"""`agent-sessions install`: one line in a person's config.yaml, and the skill beside it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

import commandline
import hermes
from fences import Fence
from kanban_worker.hermes import enabling, skill
from kanban_worker.hermes.skill import Put
from state.errors import CouldNot, MustMend

PLUGIN = "agent-sessions-monitor"
ITEM = f"- {PLUGIN}"
SHIPPED = skill.shipped() / "SKILL.md"

CONFIGS = {
    "no file": ("", f"plugins:\n  enabled:\n    {ITEM}\n"),
    "only a comment": ("# mine\n", f"# mine\nplugins:\n  enabled:\n    {ITEM}\n"),
    "no plugins": (
        "model: {a: 1}   # mine\n",
        f"model: {{a: 1}}   # mine\nplugins:\n  enabled:\n    {ITEM}\n",
    ),
    "empty plugins": ("plugins:\nz: 1\n", f"plugins:\n  enabled:\n    {ITEM}\nz: 1\n"),
    "plugins without enabled": (
        "plugins:\n   entries: {x: {y: 1}}\nz: 1\n",
        f"plugins:\n   entries: {{x: {{y: 1}}}}\n   enabled:\n     {ITEM}\nz: 1\n",
    ),
    "a list with comments": (
        "plugins:\n  enabled:\n    - disk-cleanup   # keep\n    # more?\n\nz: 'q'\n",
        f"plugins:\n  enabled:\n    - disk-cleanup   # keep\n    {ITEM}\n    # more?\n\nz: 'q'\n",
    ),
    "a list that is not indented": (
        "plugins:\n  enabled:\n  - one\n",
        f"plugins:\n  enabled:\n  - one\n  {ITEM}\n",
    ),
    "a flow list": ("plugins: {enabled: [a, b]}\n", f"plugins: {{enabled: [a, b, {PLUGIN}]}}\n"),
    "an empty flow list": ("plugins:\n  enabled: []\n", f"plugins:\n  enabled: [{PLUGIN}]\n"),
    "windows line ends": (
        "plugins:\r\n  enabled:\r\n    - a\r\n",
        f"plugins:\r\n  enabled:\r\n    - a\r\n    {ITEM}\r\n",
    ),
    "no newline at the end": ("a: 1", f"a: 1\nplugins:\n  enabled:\n    {ITEM}"),
}


@pytest.mark.parametrize(("before", "after"), CONFIGS.values(), ids=CONFIGS)
def test_one_line_comes_into_a_config_and_no_other_byte_changes(before: str, after: str) -> None:
    path = Path("config.yaml")

    edited = enabling.with_plugin(before.encode(), path)

    assert edited.decode() == after
    assert enabling.with_plugin(edited, path) == edited


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("plugins:\n  disabled: [agent-sessions-monitor]\n", "plugins.disabled"),
        ("plugins:\n  enabled: all\n", "by hand"),
        ("plugins: off\n", "by hand"),
        ("plugins: {enabled: }\n", "by hand"),
        ("- a\n", "must be a mapping"),
        ("a: [\n", "line 2"),
        ("base: &b [x]\nplugins:\n  enabled: *b\n", "by hand"),
    ],
)
def test_a_config_that_cannot_be_edited_safely_is_left_alone(text: str, complaint: str) -> None:
    with pytest.raises(MustMend, match=complaint):
        enabling.with_plugin(text.encode(), Path("config.yaml"))


def test_a_linked_config_is_written_through_its_link_with_its_mode(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "config.yaml"
    real.write_text("a: 1\n")
    real.chmod(0o640)
    link.symlink_to(real)

    assert enabling.enable(link)
    assert not enabling.enable(link)

    assert link.is_symlink()
    assert PLUGIN in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml", "real.yaml"]


def test_a_new_config_is_for_its_owner_alone(tmp_path: Path) -> None:
    assert enabling.enable(tmp_path / "config.yaml")
    assert stat.S_IMODE((tmp_path / "config.yaml").stat().st_mode) == 0o600


# The skill. -------------------------------------------------------------------------------------


def put(
    home: Path,
    external: Sequence[Path] = (),
    command: str = "agent-sessions",
    *,
    keep: bool = False,
) -> Put:
    return skill.put(home, external, skill.Calls(command), keep=keep)


def test_the_skill_is_put_where_its_bare_name_resolves(tmp_path: Path) -> None:
    assert put(tmp_path) is Put.WRITTEN
    assert put(tmp_path) is Put.CURRENT
    copy = tmp_path / "skills" / PLUGIN / "SKILL.md"
    assert copy.read_bytes() == (skill.shipped() / "SKILL.md").read_bytes()
    assert skill.found(tmp_path) == [copy]


def test_each_call_in_the_copy_names_the_program_that_was_found(tmp_path: Path) -> None:
    put(tmp_path, command="'/opt/my tools/agent-sessions'")

    copy = skill.place(tmp_path)
    text = copy.read_text()
    assert named(copy) == "'/opt/my tools/agent-sessions'"
    calls = re.findall(r"(\S+)(?: tools/agent-sessions'| agent-sessions) [a-z]", text)
    assert len(calls) == len(re.findall("agent-sessions [a-z]", SHIPPED.read_text()))
    assert not re.search(r"(?:^    |`)agent-sessions [a-z]", text, re.MULTILINE)
    script = (copy.parent / "scripts/reconcile.sh").read_text()
    assert script.count("exec '/opt/my tools/agent-sessions' reconcile") == 2


def test_the_call_that_needs_hermes_says_where_it_is(tmp_path: Path) -> None:
    """A worker's terminal has the PATH of a login shell, which need not know `hermes`."""
    calls = skill.Calls("/opt/a", "'/opt/my tools/hermes'")
    skill.put(tmp_path, [], calls)

    copy = skill.place(tmp_path)
    assert copy.read_text().count("    HERMES_BIN='/opt/my tools/hermes' /opt/a work --for ") == 1
    assert copy.read_text().count("HERMES_BIN") == 1
    assert skill.calls_in(copy) == calls


def test_a_plugin_keeps_the_program_that_install_found_as_long_as_it_is_there(
    tmp_path: Path,
) -> None:
    """Each has an environment of its own, and both put the skill into the same home."""
    other = tmp_path / "agent-sessions"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    put(tmp_path, command=str(other))

    assert put(tmp_path, command="/bin/true", keep=True) is Put.CURRENT
    assert named(skill.place(tmp_path)) == str(other)
    other.unlink()
    assert put(tmp_path, command="/bin/true", keep=True) is Put.WRITTEN
    assert named(skill.place(tmp_path)) == "/bin/true"
    assert put(tmp_path, command="/bin/false") is Put.WRITTEN


@pytest.mark.parametrize(
    ("command", "there"),
    [
        ("/bin/true", True),
        ("/nowhere/agent-sessions", False),
        (f"/bin/sh -P {__file__}", True),
        ("/bin/sh -P /nowhere/__main__.py", False),
        ("'unclosed", False),
        ("", False),
    ],
)
def test_a_program_is_there_with_the_file_that_it_is_given(command: str, *, there: bool) -> None:
    assert skill.Calls(command).are_there is there


def test_the_script_is_put_beside_it_executable_and_an_edited_one_is_left(tmp_path: Path) -> None:
    put(tmp_path)
    script = skill.place(tmp_path).parent / "scripts/reconcile.sh"
    assert os.access(script, os.X_OK)

    script.write_text("#!/bin/sh\n# mine\n")
    assert put(tmp_path) is Put.EDITED
    assert put(tmp_path, command="/bin/true") is Put.WRITTEN
    assert script.read_text() == "#!/bin/sh\n# mine\n"

    script.unlink()
    assert put(tmp_path, command="/bin/true") is Put.WRITTEN
    assert os.access(script, os.X_OK)


def test_an_older_copy_of_ours_is_replaced_and_an_edited_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = skill.place(tmp_path)
    older, newer = shipping(tmp_path / "1", "0.0.9"), shipping(tmp_path / "2", "0.0.10")
    monkeypatch.setattr(skill, "shipped", lambda: older)
    put(tmp_path)

    monkeypatch.setattr(skill, "shipped", lambda: newer)
    assert put(tmp_path) is Put.WRITTEN
    assert copy.read_bytes() == (newer / "SKILL.md").read_bytes()

    monkeypatch.setattr(skill, "shipped", lambda: older)  # another environment, the same home
    assert put(tmp_path) is Put.EDITED
    assert copy.read_bytes() == (newer / "SKILL.md").read_bytes()

    monkeypatch.setattr(skill, "shipped", lambda: shipping(tmp_path / "3", "0.1.0"))
    copy.write_text(copy.read_text() + "and this is mine\n")
    assert put(tmp_path) is Put.EDITED
    assert "and this is mine" in copy.read_text()


def test_a_copy_that_we_did_not_write_is_somebodys(tmp_path: Path) -> None:
    copy = skill.place(tmp_path)
    copy.parent.mkdir(parents=True)
    copy.write_text("---\nname: agent-sessions-monitor\nversion: 0.0.1\n---\n")

    assert put(tmp_path) is Put.EDITED
    assert "0.0.1" in copy.read_text()


@pytest.mark.parametrize("where", ["home/skills/devops", "team"])
def test_a_second_skill_of_the_name_is_never_made(tmp_path: Path, where: str) -> None:
    """Hermes refuses a name that two skills have."""
    other = tmp_path / where / PLUGIN / "SKILL.md"
    other.parent.mkdir(parents=True)
    other.write_text("mine")

    assert put(tmp_path / "home", [tmp_path / "team"]) is Put.ELSEWHERE
    assert not skill.place(tmp_path / "home").exists()


@pytest.mark.parametrize(("folder", "file"), [(0o700, 0o600), (0o755, 0o644)])
def test_the_copy_is_as_open_as_the_folder_of_the_skills(
    tmp_path: Path, folder: int, file: int
) -> None:
    (tmp_path / "skills").mkdir()
    (tmp_path / "skills").chmod(folder)

    put(tmp_path)

    copy = skill.place(tmp_path)
    assert stat.S_IMODE(copy.parent.stat().st_mode) == folder
    assert stat.S_IMODE(copy.stat().st_mode) == file


def test_a_crash_between_the_two_writes_leaves_no_copy_that_counts_as_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = shipping(tmp_path / "1", "0.0.9"), shipping(tmp_path / "2", "0.1.0")
    monkeypatch.setattr(skill, "shipped", lambda: older)
    put(tmp_path)
    monkeypatch.setattr(skill, "shipped", lambda: newer)
    replace = os.replace
    seen: list[str] = []

    def crash(source: str, target: str) -> None:
        seen.append(Path(target).name)
        if seen[-1] == "SKILL.md":
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda self, target: crash(str(self), str(target)))
        with pytest.raises(KeyboardInterrupt):
            put(tmp_path)

    assert seen == [".shipped", "SKILL.md"]
    assert put(tmp_path) is Put.WRITTEN


def test_a_read_only_home_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "skills").write_text("a file stands where the folder belongs")
    with pytest.raises(CouldNot, match=r"skill .*SKILL\.md could not be written"):
        put(tmp_path)


def shipping(folder: Path, version: str) -> Path:
    (folder / "scripts").mkdir(parents=True, exist_ok=True)
    (folder / "scripts/reconcile.sh").write_text("#!/bin/sh\n")
    text = f"---\nname: agent-sessions-monitor\nversion: {version}\n---\ntext\n"
    (folder / "SKILL.md").write_text(text)
    return folder


# The command. -----------------------------------------------------------------------------------


@hermes.needed
def test_install_puts_both_into_a_profile_and_can_be_repeated(fence: Fence) -> None:
    config = "# mine\nmodel: {default: m}   # this one\n"
    with hermes.home(fence.home / "hermes") as home:
        profile = home.root / "profiles" / "watcher"
        profile.mkdir(parents=True)
        (profile / "config.yaml").write_text(config)

        first = commandline.run("install", "--profile", "watcher")
        again = commandline.run("install", "--profile", "watcher")
        listed = home.run("-p", "watcher", "plugins", "list", "--plain", "--no-bundled")
        root = home.run("plugins", "list", "--plain", "--no-bundled")

    assert first.status == again.status == 0, first
    assert [line.split()[:2] for line in first.out.splitlines()[:3]] == [
        ["package", "is"],
        ["plugin", "enabled"],
        ["skill", "written"],
    ]
    assert "was enabled already" in again.out
    assert "was up to date already" in again.out
    assert (profile / "config.yaml").read_text() == config + (
        "plugins:\n  enabled:\n    - agent-sessions-monitor\n"
    )
    assert listed.out.split()[0] == "enabled"
    assert root.out.startswith("not enabled")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--profile", "No/Such"), "small letters"),
        (("--profile", "nobody"), "hermes profile create nobody"),
        (("--hermes-home", "/nowhere/at/all"), "/nowhere/at/all"),
    ],
)
def test_a_home_that_is_not_there_must_be_made_first(
    fence: Fence, words: tuple[str, ...], complaint: str
) -> None:
    (fence.home / ".hermes").mkdir()
    done = commandline.run("install", *words, environ={"HERMES_BIN": "/bin/true"})
    assert done.status == 64
    assert complaint in done.complaints()


def test_without_a_hermes_install_says_how_to_get_one(fence: Fence) -> None:
    (fence.home / ".hermes").mkdir()
    done = commandline.run("install", environ={"HERMES_BIN": "/nowhere/hermes"})
    assert done.status == 64
    assert "pip install hermes-agent" in done.complaints()


@pytest.mark.parametrize("body", ["echo nonsense", "exit 0", "echo broken >&2; exit 3"])
def test_a_hermes_that_answers_nonsense_is_one_line(fence: Fence, body: str) -> None:
    (fence.home / ".hermes").mkdir()
    other = fence.home / "hermes"
    other.write_text(f"#!/bin/sh\n{body}\n")
    other.chmod(0o755)
    done = commandline.run("install", environ={"HERMES_BIN": str(other)})
    assert done.status == 3
    assert "hermes plugins list" in done.complaints()


def named(copy: Path) -> str:
    calls = skill.calls_in(copy)
    assert calls
    return calls.command
