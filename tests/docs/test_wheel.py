"""What a user installs is what was meant: the wheel is built and looked into."""

from __future__ import annotations

import configparser
import email
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = {"kanban_worker", "reconcile", "state"}
SKILL = "kanban_worker/skills/agent-sessions-monitor"


def build(kind: str, into: Path, source: Path = PROJECT) -> Path:
    """Build a distribution with what is installed here, so that no network is needed."""
    # In an environment that pins `packaging`, as Hermes's does, build would call that a conflict.
    offline = ["--no-isolation", "--skip-dependency-check"]
    command = [sys.executable, "-m", "build", f"--{kind}", *offline, "--outdir", str(into)]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = into.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="module")
def wheel() -> Iterator[zipfile.ZipFile]:
    """The project's wheel, opened."""
    with (
        tempfile.TemporaryDirectory() as folder,
        zipfile.ZipFile(build("wheel", Path(folder))) as opened,
    ):
        yield opened


def dist_info(wheel: zipfile.ZipFile, name: str) -> str:
    """Read one of the files that describe the distribution."""
    (path,) = (path for path in wheel.namelist() if path.endswith(f".dist-info/{name}"))
    return wheel.read(path).decode()


def test_the_top_level_is_the_three_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {path.partition("/")[0] for path in wheel.namelist()}

    about = re.compile(r"\.(dist-info|data)$")  # metadata, and the manual page
    assert {top for top in tops if not about.search(top)} == PACKAGES


def test_every_module_of_the_packages_is_in(wheel: zipfile.ZipFile) -> None:
    modules = {
        str(path.relative_to(PROJECT))
        for package in PACKAGES
        for path in (PROJECT / package).rglob("*.py")
    }

    assert modules <= set(wheel.namelist())


@pytest.mark.parametrize("name", ["SKILL.md", "scripts/reconcile.sh"])
def test_the_skill_is_inside_as_it_is_in_the_tree(wheel: zipfile.ZipFile, name: str) -> None:
    inside = wheel.read(f"{SKILL}/{name}")

    assert inside == (PROJECT / SKILL.removeprefix("kanban_worker/") / name).read_bytes()


@pytest.mark.parametrize("schema", ["reconcile/report.schema.json", "state/registry.schema.json"])
def test_the_schemas_are_inside_and_are_schemas(wheel: zipfile.ZipFile, schema: str) -> None:
    assert json.loads(wheel.read(schema))["$schema"].startswith("https://json-schema.org/")


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_each_package_tells_type_checkers_that_it_is_typed(
    wheel: zipfile.ZipFile, package: str
) -> None:
    assert f"{package}/py.typed" in wheel.namelist()


def test_nothing_but_the_product_is_inside(wheel: zipfile.ZipFile) -> None:
    strays = re.compile(r"(^|/)(tests?|conftest\.py|ruff\.toml|__pycache__)(/|$)")

    assert [path for path in wheel.namelist() if strays.search(path)] == []


def test_the_console_script_is_declared(wheel: zipfile.ZipFile) -> None:
    scripts = configparser.ConfigParser()
    scripts.read_string(dist_info(wheel, "entry_points.txt"))

    assert dict(scripts["console_scripts"]) == {"agent-sessions": "kanban_worker.__main__:main"}


def test_the_schemas_are_in(wheel: zipfile.ZipFile) -> None:
    schemas = {
        str(path.relative_to(PROJECT))
        for package in PACKAGES
        for path in (PROJECT / package).rglob("*.schema.json")
    }

    assert len(schemas) >= 10
    assert schemas <= set(wheel.namelist())


def test_what_it_needs_at_run_time_is_eight_packages(wheel: zipfile.ZipFile) -> None:
    metadata = email.message_from_string(dist_info(wheel, "METADATA"))
    needs = [need for need in metadata.get_all("Requires-Dist", []) if "extra ==" not in need]

    names = {re.split(r"[<>=!~ ;]", need)[0] for need in needs}
    yaml = {"ruamel-yaml", "ruamel-yaml-clib"}
    assert names == {"libtmux", "portalocker", "psutil", "requests", "rich", "argcomplete", *yaml}
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"


def test_the_source_distribution_builds_and_makes_the_same_wheel(
    wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    sources = tmp_path / "unpacked"
    sources.mkdir()
    packed = build("sdist", tmp_path / "sdist")
    subprocess.run(["tar", "-xzf", packed, "-C", sources, "--strip-components=1"], check=True)

    with zipfile.ZipFile(build("wheel", tmp_path / "wheel", source=sources)) as again:
        assert sorted(again.namelist()) == sorted(wheel.namelist())
