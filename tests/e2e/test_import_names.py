"""`reconcile` and `state` are ours, whatever else has these names where a command is started."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import commandline
import hermes
from commandline import Completed
from fences import Fence
from hooked import HOOK, Agents
from kanban_worker.hermes import skill

ROOT = Path(__file__).parents[2]
SCRIPT = str(Path(sys.executable).with_name("agent-sessions"))
MAIN = str(ROOT / "kanban_worker/__main__.py")
LOUD = "raise SystemExit('a module of somebody else')\n"


@pytest.fixture(params=["modules", "packages"])
def elsewhere(request: pytest.FixtureRequest, fence: Fence) -> Path:
    """A folder of somebody's that has both names."""
    folder = fence.root / "elsewhere"
    for name in ("reconcile", "state"):
        path = folder / (f"{name}.py" if request.param == "modules" else f"{name}/__init__.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(LOUD)
    return folder


def run(*words: str, cwd: Path, environ: Mapping[str, str] | None = None) -> Completed:
    done = subprocess.run(
        words,
        cwd=cwd,
        env=commandline.environment(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Completed(done.returncode, done.stdout, done.stderr)


WAYS = {
    "as a module": (sys.executable, "-m", "kanban_worker"),
    "as the installed command": (SCRIPT,),
    "by its path": (sys.executable, MAIN),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_command_works_where_others_have_its_names(
    way: tuple[str, ...], elsewhere: Path, fence: Fence
) -> None:
    words = (*way, "check", "--registry", str(fence.home / "none.yaml"))

    in_folder = run(*words, cwd=elsewhere)
    on_path = run(*words, cwd=fence.home, environ={"PYTHONPATH": str(elsewhere)})

    for done in (in_folder, on_path):
        assert done.status == 64, done
        assert "none.yaml: there is no such file" in done.complaints()


@pytest.mark.parametrize("way", ["as the installed command", "by its path"])
def test_a_kanban_worker_in_the_working_directory_is_not_taken_for_this_program(
    way: str, elsewhere: Path
) -> None:
    (elsewhere / "kanban_worker.py").write_text(LOUD)

    assert run(*WAYS[way], "--help", cwd=elsewhere).out.startswith("usage: agent-sessions")


def test_started_by_its_path_it_is_this_copy_whatever_pythonpath_has(elsewhere: Path) -> None:
    (elsewhere / "kanban_worker.py").write_text(LOUD)
    environ = {"PYTHONPATH": str(elsewhere)}

    done = run(*WAYS["by its path"], "--help", cwd=elsewhere, environ=environ)

    assert done.out.startswith("usage: agent-sessions")


def test_a_hook_records_where_others_have_its_names(elsewhere: Path, fence: Fence) -> None:
    agents = Agents(fence.root, fence.home)
    hook = f"cd {elsewhere} && {HOOK}"

    agents.run("claude", hook=hook, environ={"PYTHONPATH": str(elsewhere)}).must_be_silent()

    assert len(agents.records) == 1


def test_an_installed_wheel_finds_its_own_packages_beside_it(elsewhere: Path, fence: Fence) -> None:
    """A wheel is a folder of packages; installing one unpacks it."""
    into = fence.root / "wheel"
    offline = ("--no-isolation", "--skip-dependency-check")
    build = (sys.executable, "-m", "build", "--wheel", *offline, "--outdir", str(into), str(ROOT))
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = into.glob("*.whl")
    site = fence.root / "site"
    zipfile.ZipFile(wheel).extractall(site)
    program = (
        "import kanban_worker.cli, reconcile, state\n"
        "print(kanban_worker.__file__, reconcile.__file__, state.__file__, sep='\\n')"
    )

    environ = {"PYTHONPATH": f"{elsewhere}:{site}"}
    done = run(sys.executable, "-c", program, cwd=elsewhere, environ=environ)

    assert [Path(line).parent.parent for line in done.out.split()] == [site] * 3, done


def test_the_search_path_is_left_as_it_was(fence: Fence) -> None:
    program = "import sys; b = list(sys.path); import kanban_worker.cli; assert sys.path == b"

    assert run(sys.executable, "-c", program, cwd=fence.home).status == 0


@pytest.mark.slow
@pytest.mark.parametrize("elsewhere", ["modules"], indirect=True)
def test_the_demo_plays_where_others_have_its_names(elsewhere: Path) -> None:
    done = run(SCRIPT, "demo", cwd=elsewhere, environ={"PYTHONPATH": str(elsewhere)})

    assert (done.status, done.err) == (0, ""), done
    assert '"class": "A"' in done.out


# Somebody else's is loaded already. -------------------------------------------------------------


@pytest.mark.parametrize("name", ["reconcile", "state"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_is_loaded_already_is_named_in_one_line(
    way: tuple[str, ...], name: str, fence: Fence
) -> None:
    """Python itself imports `sitecustomize` before anything else."""
    folder = loaded_at_the_start(fence.root / "elsewhere", name)
    environ = {"PYTHONPATH": str(folder)}

    done = run(*way, "status", cwd=fence.home, environ=environ)

    assert done.status == 64
    complaint = done.complaints()
    assert f"`{name}`" in complaint
    assert str(folder / f"{name}.py") in complaint
    assert done.out == ""


def test_a_hook_says_nothing_of_it(fence: Fence) -> None:
    folder = loaded_at_the_start(fence.root / "elsewhere", "state")
    agents = Agents(fence.root, fence.home)

    agents.run("claude", environ={"PYTHONPATH": str(folder)}).must_be_silent()

    assert agents.records == []


def test_a_copy_of_ours_that_is_loaded_already_is_ours(fence: Fence) -> None:
    link = fence.root / "link"
    link.symlink_to(ROOT)
    program = f"import sys; sys.path.insert(0, {str(link)!r}); import state; del sys.path[0];"
    program += "import kanban_worker; print(repr(kanban_worker.clash))"

    done = run(sys.executable, "-c", program, cwd=fence.home)

    assert done.out == "''\n", done


def loaded_at_the_start(folder: Path, name: str) -> Path:
    folder.mkdir()
    (folder / f"{name}.py").write_text("")
    (folder / "sitecustomize.py").write_text(f"import {name}\n")
    return folder


# In Hermes. -------------------------------------------------------------------------------------

HERMES = {
    "as the installed command": (hermes.program(),),
    "as a module, which has the working directory on its path": (
        *(sys.executable, "-m", "hermes_cli.main"),
    ),
}
CHECK = ("agent-sessions", "check", "--registry", "/nowhere/none.yaml")


@hermes.needed
@pytest.mark.parametrize("way", HERMES.values(), ids=HERMES)
def test_hermes_has_the_plugin_where_others_have_its_names(
    way: tuple[str, ...], elsewhere: Path, fence: Fence
) -> None:
    with hermes.home(fence.home / "hermes") as home:
        home.configure(f"plugins: {{enabled: [{skill.NAME}]}}\n")
        environ = {**home.environ, "PYTHONPATH": str(elsewhere)}
        done = run(*way, *CHECK, cwd=elsewhere, environ=environ)

    assert done.status == 64, done
    assert "/nowhere/none.yaml" in done.complaints()


def test_a_cloned_plugin_loads_where_others_have_all_three_names(elsewhere: Path) -> None:
    """As Hermes loads it, in an environment where nothing was installed with pip."""
    (elsewhere / "kanban_worker.py").write_text(LOUD)
    program = f"""
import importlib.util
spec = importlib.util.spec_from_file_location(
    "hermes_plugins.agent_sessions_monitor",
    {str(ROOT / "__init__.py")!r},
    submodule_search_locations=[{str(ROOT)!r}],
)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(module.register.__code__.co_filename)
"""
    environ = {"PYTHONPATH": str(elsewhere)}
    done = run(sys.executable, "-c", program, cwd=elsewhere, environ=environ)

    assert done.out == f"{ROOT}/kanban_worker/hermes/plugin.py\n", done


@hermes.needed
def test_another_plugins_module_of_the_name_is_one_line_that_a_user_of_hermes_sees(
    fence: Fence,
) -> None:
    with hermes.home(fence.home / "hermes") as home:
        other = home.root / "plugins/other"
        other.mkdir(parents=True)
        (other / "plugin.yaml").write_text("name: other\nversion: 1.0.0\ndescription: another\n")
        (other / "state.py").write_text("")
        (other / "__init__.py").write_text(
            "import sys\nfrom pathlib import Path\n"
            "sys.path.insert(0, str(Path(__file__).parent))\nimport state\n"
            "def register(ctx):\n    pass\n"
        )
        home.configure(f"plugins: {{enabled: [other, {skill.NAME}]}}\n")
        done = home.run(*CHECK)

    assert done.status == 64, done
    assert f"`state` is loaded already, from {other / 'state.py'}" in done.complaints(None)
    assert "Traceback" not in done.err


def test_with_such_a_module_each_part_of_the_plugin_says_why_it_cannot_work(fence: Fence) -> None:
    folder = loaded_at_the_start(fence.root / "elsewhere", "state")
    program = """
import asyncio, json
from kanban_worker.hermes import plugin
class Ctx:
    def register_tool(self, **given): print(given["handler"]({}, task_id="x"))
    def register_command(self, name, handler, **_): print(asyncio.run(handler("")))
    def register_cli_command(self, name, **given): pass
plugin.register(Ctx())
"""
    done = run(sys.executable, "-c", program, cwd=fence.home, environ={"PYTHONPATH": str(folder)})

    *tools, slash = done.out.splitlines()
    assert len(tools) == 2
    assert {json.loads(each)["error"] for each in tools} == {slash}
    assert done.complaints() == f"agent-sessions: {slash}\n"
