"""The ways to a Kanban board: within a Hermes process, by its program, over HTTP, or in memory.

Each is chosen by name, and imported when it is: Hermes' own code takes 75 ms to load, and not
everybody has it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, MutableMapping

from kanban_worker.boards.shape import Address, Board
from state.errors import MustMend


def _hermes(address: Address) -> Board:
    from kanban_worker.boards.hermes import Hermes  # noqa: PLC0415 - see the module's docstring

    return Hermes(address)


def _hermes_cli(address: Address) -> Board:
    from kanban_worker.boards.hermes_cli import HermesCli  # noqa: PLC0415

    return HermesCli(address)


def _http(address: Address) -> Board:
    from kanban_worker.boards.http import Http  # noqa: PLC0415 - requests takes 60 ms

    return Http(address)


def _memory(address: Address) -> Board:
    from kanban_worker.boards.memory import Memory  # noqa: PLC0415

    return Memory(address)


BOARDS: Mapping[str, Callable[[Address], Board]] = {
    "hermes": _hermes,
    "hermes-cli": _hermes_cli,
    "http": _http,
    "memory": _memory,
}
"""By what `--via` names."""


def reach(via: str | None, address: Address) -> Board:
    """The board by the named way; without a name by the best one that is there.

    Raises:
        MustMend: there is no such way, or it lacks what it needs.
    """
    way = via or _best(address)
    if way not in BOARDS:
        raise MustMend(f"there is no way {way!r} to a board: take one of {', '.join(BOARDS)}")
    return BOARDS[way](address)


def hurry(environ: MutableMapping[str, str]) -> None:
    """This process is being ended: from now on Hermes waits hardly for a lock of its board.

    It tries six times; five seconds after SIGTERM it kills its worker.
    """
    environ.setdefault("HERMES_KANBAN_BUSY_TIMEOUT_MS", "100")


def _best(address: Address) -> str:
    if _importable("hermes_cli.kanban_db"):
        return "hermes"
    from kanban_worker.boards.hermes_cli import program  # noqa: PLC0415

    if program(address.environ):
        return "hermes-cli"
    raise MustMend(
        "no Hermes was found: install hermes-agent beside this program, put `hermes` on PATH "
        "(or name it in HERMES_BIN), or name a Hermes server with --via http"
    )


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:  # of the package above it
        return False
