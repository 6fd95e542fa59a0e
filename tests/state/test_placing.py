"""A new file takes the place of an old one, and of nothing that was saved meanwhile."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from state import placing

BEFORE, AFTER, THEIRS, NEWEST = b"before", b"after", b"theirs", b"newest"
Save = Callable[[Path, bytes], object]


@pytest.fixture
def new(tmp_path: Path) -> Path:
    path = tmp_path / "new"
    path.write_bytes(AFTER)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "registry"
    path.write_bytes(BEFORE)
    return path


def put(new: Path, path: Path) -> bool:
    return placing.put(new, path, before=BEFORE, after=AFTER)


def by_rename(path: Path, data: bytes) -> None:
    """As vim and sed save."""
    other = path.with_name("other")
    other.write_bytes(data)
    other.replace(path)


def by_symlink(path: Path) -> None:
    """The same bytes, but in another place from now on."""
    target = path.with_name("target")
    path.rename(target)
    path.symlink_to(target)


SAVES = pytest.mark.parametrize("save", [Path.write_bytes, by_rename], ids=["in place", "renamed"])


class Meanwhile:
    """Lets others act just before the files change places: first here, then there."""

    def __init__(self, patch: pytest.MonkeyPatch, *acts: Callable[[], object]) -> None:
        self.acts, self.exchange = list(acts), placing.exchange
        patch.setattr(placing, "exchange", self)

    def __call__(self, one: Path, other: Path) -> bool:
        if self.acts:
            self.acts.pop(0)()
        return self.exchange(one, other)


def test_it_takes_the_place_of_what_it_comes_from(new: Path, path: Path) -> None:
    assert put(new, path)
    assert path.read_bytes() == AFTER


@pytest.mark.skipif(sys.platform != "linux", reason="files change places on Linux only")
class TestOnLinux:
    def test_two_files_change_places(self, new: Path, path: Path) -> None:
        assert placing.exchange(new, path)
        assert (new.read_bytes(), path.read_bytes()) == (BEFORE, AFTER)

    @SAVES
    def test_a_save_since_the_last_comparison_is_put_back(
        self, new: Path, path: Path, save: Save, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Meanwhile(monkeypatch, lambda: save(path, THEIRS))
        assert not put(new, path)
        assert (path.read_bytes(), new.read_bytes()) == (THEIRS, AFTER)

    @SAVES
    def test_of_two_saves_the_newest_stays(
        self, new: Path, path: Path, save: Save, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Meanwhile(monkeypatch, lambda: save(path, THEIRS), lambda: save(path, NEWEST))
        assert not put(new, path)
        assert path.read_bytes() == NEWEST

    def test_a_save_that_is_under_way_goes_on_where_it_is_seen(
        self, new: Path, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As nano saves: it empties the file when it opens it, and writes a moment later."""
        opened = []
        Meanwhile(monkeypatch, lambda: opened.append(path.open("wb")))
        assert not put(new, path)
        with opened[0] as editor:
            editor.write(THEIRS)
        assert path.read_bytes() == THEIRS

    def test_a_symlink_that_was_put_there_is_put_back(
        self, new: Path, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Meanwhile(monkeypatch, lambda: by_symlink(path))
        assert not put(new, path)
        assert path.readlink() == path.with_name("target")

    def test_a_file_that_was_moved_away_is_somebody_elses_to_write(
        self, new: Path, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As vim saves: it moves the file to `registry~` and then writes another one."""
        Meanwhile(monkeypatch, lambda: path.rename(path.with_name("registry~")))
        assert not put(new, path)
        assert not path.exists()

    def test_a_file_that_is_moved_away_while_a_save_is_put_back_stays_away(
        self, new: Path, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Meanwhile(monkeypatch, lambda: path.write_bytes(THEIRS), path.unlink)
        assert not put(new, path)
        assert not path.exists()

    def test_an_interrupt_loses_no_save(
        self, new: Path, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        held = placing.held
        interrupts: list[type[BaseException]] = [KeyboardInterrupt]

        def once(place: Path) -> bytes | None:
            if interrupts:
                raise interrupts.pop()
            return held(place)

        monkeypatch.setattr(placing, "held", once)
        Meanwhile(monkeypatch, lambda: path.write_bytes(THEIRS))
        with pytest.raises(KeyboardInterrupt):
            put(new, path)
        assert path.read_bytes() == THEIRS

    def test_what_is_no_lack_of_the_call_is_told(self, new: Path, path: Path) -> None:
        with pytest.raises(NotADirectoryError) as told:
            placing.exchange(new, path / "below")
        assert told.value.filename == str(new)


def test_where_files_cannot_change_places_it_is_a_rename(
    new: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "exchange", lambda _one, _other: False)
    assert put(new, path)
    assert path.read_bytes() == AFTER
    assert not new.exists()


def test_a_system_without_the_call_says_so(
    new: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing.ctypes, "CDLL", lambda *_, **__: object())
    assert not placing.exchange(new, path)
