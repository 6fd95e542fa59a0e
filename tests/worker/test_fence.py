"""The fence that `tests/conftest.py` puts around every test is itself held to its promise."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

import fences

REAL_HOME = pwd.getpwuid(os.getuid()).pw_dir
"""From the system's records, which no environment variable moves."""


def start_server(*arguments: str) -> psutil.Process:
    """Start a tmux server as a careless test would, and return its process."""
    subprocess.run(["tmux", *arguments, "-f", "/dev/null", "new-session", "-d"], check=True)
    show = ["tmux", *arguments, "display-message", "-p", "#{pid}"]
    return psutil.Process(int(subprocess.check_output(show, text=True)))


def test_home_is_not_the_real_one(fence: fences.Fence) -> None:
    assert Path.home() == fence.home
    assert str(Path.home()) != REAL_HOME
    assert Path("~/.claude").expanduser().is_relative_to(fence.root)


def test_every_folder_of_the_environment_lies_inside(fence: fences.Fence) -> None:
    folders = [os.environ[name] for name in fence.environment if name != "SHELL"]

    assert all(Path(folder).is_relative_to(fence.root) for folder in folders)
    assert fences.gaps(fence, os.environ) == []


def test_the_default_tmux_socket_lies_inside(fence: fences.Fence) -> None:
    start_server()

    shown = subprocess.check_output(["tmux", "display-message", "-p", "#{socket_path}"], text=True)

    assert Path(shown.strip()).resolve().is_relative_to(fence.tmux)


def test_a_socket_path_inside_fits_the_systems_limit(fence: fences.Fence) -> None:
    longest = fence.tmux / f"tmux-{os.getuid()}" / "a-socket-with-a-rather-long-name"

    assert len(bytes(longest)) < 104


@pytest.mark.parametrize(
    "name", ["TMUX", "CLAUDE_CONFIG_DIR", "CODEX_HOME", "HERMES_HOME", "AGENT_SESSIONS_REGISTRY"]
)
def test_a_variable_that_leads_outside_is_taken_away(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "/outside")

    with fences.raised():
        assert name not in os.environ

    assert os.environ[name] == "/outside"


def test_of_all_else_that_was_set_only_the_path_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")

    with fences.raised() as inner:
        seen = {each for each in os.environ if not each.startswith(fences.KEPT_PREFIXES)}

    assert seen - {"TMPDIR", "CI"} == {"PATH", *inner.environment}


def test_a_program_ignores_no_signal_that_the_suite_ignores() -> None:
    """True of `nohup make test &` as well; `.ci/crowded` tries it."""
    asks = "import signal; print(*map(signal.getsignal, (signal.SIGHUP, signal.SIGTERM)))"

    answer = subprocess.check_output([sys.executable, "-c", asks], text=True)

    assert answer.split() == ["0", "0"]


def test_a_temporary_folder_goes_with_its_test(fence: fences.Fence, tmp_path: Path) -> None:
    assert tmp_path.is_relative_to(fence.root)


@pytest.mark.parametrize(
    ("family", "address"),
    [
        pytest.param(socket.AF_INET, ("192.0.2.1", 80), id="another machine"),
        pytest.param(socket.AF_INET, ("10.0.0.1", 80), id="a private network"),
        pytest.param(socket.AF_INET, ("example.org", 80), id="a name"),
        pytest.param(socket.AF_INET6, ("2001:db8::1", 80), id="another machine, IPv6"),
    ],
)
def test_a_connection_to_the_outside_raises(
    family: socket.AddressFamily, address: tuple[str, int]
) -> None:
    with socket.socket(family) as sock:
        with pytest.raises(fences.FenceError, match="only loopback"):
            sock.connect(address)
        with pytest.raises(fences.FenceError, match="only loopback"):
            sock.connect_ex(address)


def test_a_request_through_a_library_raises_before_the_name_is_looked_up() -> None:
    with pytest.raises(fences.FenceError, match="looks up 'example"):
        urllib.request.urlopen("http://example.org")


def test_loopback_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1])).close()


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), id="on the default socket"),
        pytest.param(("-L", "other"), id="on a named socket"),
    ],
)
def test_no_tmux_server_outlives_the_fence(arguments: tuple[str, ...]) -> None:
    with fences.raised() as inner:
        server = start_server(*arguments)
        assert not fences.has_ended(server)

    assert fences.has_ended(server)
    assert not inner.root.exists()


def test_a_server_that_hangs_does_not_outlive_the_fence_either() -> None:
    with fences.raised():
        server = start_server()
        server.send_signal(signal.SIGSTOP)

    assert fences.has_ended(server)


def test_only_servers_of_this_fence_are_ended(fence: fences.Fence) -> None:
    ours = start_server()

    with fences.raised():
        start_server()

    assert not fences.has_ended(ours)
    assert fences.servers(fence.tmux) == [ours]


def test_a_socket_that_a_test_listens_on_is_not_taken_for_a_server(fence: fences.Fence) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(fence.tmux / "foreign"))
        sock.listen()

        assert fences.servers(fence.tmux) == []


@pytest.mark.parametrize("name", ["HOME", "XDG_STATE_HOME", "TMUX_TMPDIR"])
def test_a_variable_put_back_is_named_as_a_gap(fence: fences.Fence, name: str) -> None:
    opened = {**os.environ, name: REAL_HOME}

    (gap,) = fences.gaps(fence, opened)

    assert gap.startswith(f"{name} is")


def test_a_foreign_variable_is_named_as_a_gap(fence: fences.Fence) -> None:
    assert fences.gaps(fence, {**os.environ, "TMUX": "/outside"}) == ["TMUX is set"]


def test_an_open_network_is_named_as_a_gap(
    fence: fences.Fence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(socket.socket, "connect")

    assert fences.gaps(fence, os.environ) == ["the network is open"]
