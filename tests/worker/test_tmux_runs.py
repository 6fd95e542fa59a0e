"""The command that runs tests over several versions of tmux: what it runs, prints and copies."""

from __future__ import annotations

from pathlib import Path

import pytest

import tmux_runs
import tmux_versions
from tmux_runs import BEGIN, END, VARIABLE, Run

ROOT = Path(__file__).parents[2]
GREEN = Run(version="3.4", program="/x/3.4/tmux", passed=12, skipped=1, seconds=3)
RED = Run(version="3.7c", program="/x/3.7c/tmux", passed=11, failed=2)
BROKEN = Run(version="4.0", program="/x/4.0/tmux", trouble="is unknown")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of programs, with what is none."""
    for name in ("3.10", "3.2a", "3.4", "no program"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tmux").write_text("#!/bin/sh\n")
        (tmp_path / name / "tmux").chmod(0o644 if name == "no program" else 0o755)
    (tmp_path / "empty").mkdir()
    (tmp_path / "README").write_text("")
    return tmp_path


def test_every_folder_with_a_program_is_one_run_the_oldest_first(folder: Path) -> None:
    found = tmux_runs.programs({VARIABLE: str(folder)})

    assert [path.name for path in found] == ["3.2a", "3.4", "3.10"]


def test_a_folder_without_a_program_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tmux_runs.main([], {VARIABLE: str(tmp_path)}) == 2

    assert "it has no */tmux that can be run" in capsys.readouterr().err


def test_unset_only_the_program_on_path_is_run_and_a_line_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[object] = []

    status = tmux_runs.main([], {}, lambda path, _: asked.append(path) or GREEN)

    assert (status, asked) == (0, [None])
    assert f"{VARIABLE} is not set, so only the tmux on PATH was run." in capsys.readouterr().out


@pytest.mark.parametrize("other", [RED, BROKEN])
def test_one_red_run_makes_all_red_and_copies_nothing(
    folder: Path, other: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = iter([GREEN, other, GREEN, GREEN])
    document = folder / "document.md"
    document.write_text(f"a\n{BEGIN}\nold\n{END}\nb\n")

    status = tmux_runs.main(
        ["--copy", str(document)], {VARIABLE: str(folder)}, lambda *_: next(runs)
    )

    assert status == 1
    assert "old" in document.read_text()
    assert other.result in capsys.readouterr().out


def test_green_runs_are_copied_between_the_marks(folder: Path) -> None:
    document = folder / "document.md"
    document.write_text(f"a\n{BEGIN}\nold\n{END}\nb\n")

    assert tmux_runs.main(["--copy", str(document)], {VARIABLE: str(folder)}, lambda *_: GREEN) == 0

    rows = "\n".join(["| 3.4 | 12 | 1 | 0 |"] * 4)
    head = "| tmux | passed | does not have it | failed |\n| --- | --- | --- | --- |"
    assert document.read_text() == f"a\n{BEGIN}\n{head}\n{rows}\n{END}\nb\n"


def test_a_version_that_nobody_described_is_no_green_run(folder: Path) -> None:
    program = folder / "3.4" / "tmux"
    program.write_text("#!/bin/sh\necho tmux 9.9\n")

    found = tmux_runs.run(program.parent, {"PATH": "/usr/bin:/bin"})

    assert not found.green
    assert "add a line to tmux_versions.VERSIONS" in found.result


def test_a_report_is_counted_and_none_is_no_success() -> None:
    report = '<testsuites><testsuite tests="9" failures="1" errors="2" skipped="3"/></testsuites>'

    assert tmux_runs.counts(report) == (3, 3, 3)
    assert tmux_runs.counts("") == (0, 0, 0)
    assert not Run(version="3.4", program="x").green


def test_every_file_of_the_suite_is_there_and_every_version_has_its_column() -> None:
    assert [path for path in tmux_runs.SUITE if not (ROOT / path).exists()] == []
    columns = next(iter(tmux_versions.LISTED.values())).keys()
    assert {each.names for each in tmux_versions.VERSIONS.values()} == set(columns)
    assert BEGIN in (ROOT / "docs/reliability.md").read_text("utf-8")
