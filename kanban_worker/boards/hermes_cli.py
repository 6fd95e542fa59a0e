"""The way to a board by the `hermes` program: for a Hermes that lives in a Python of its own.

What hermes-agent 0.19.0 makes necessary: it exits with 0 also when it did nothing, so its words
and the state behind them are what counts; it tells no ids of comments; a heartbeat by the program
does not extend the claim. One call takes 0.3 s.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from kanban_worker.boards import card, told
from kanban_worker.boards.card import Card
from kanban_worker.boards.shape import Address, CommentId, IsOver, Look, Run, nobody
from reconcile.observed import Unknown
from state.errors import CouldNot, MonitorError, MustMend

SECONDS = 9.0
"""That one act may take, all its calls of the program together."""

CLAIM_SECONDS = 7 * 24 * 3600
"""How long a claim lasts. The program's heartbeats do not extend it, and it records no pid, so a
claim that ran out would be given to another worker while this one works."""

PATIENCE_MS = "700"
"""Hermes tries six times to begin a write, and would wait 120 s each time."""


def program(environ: Mapping[str, str]) -> str | None:
    """The `hermes` to run: `$HERMES_BIN`, the one beside this Python, or the first on PATH."""
    path = environ.get("PATH", "")
    if chosen := environ.get("HERMES_BIN"):
        return shutil.which(chosen, path=path)
    beside = str(Path(sys.executable).parent)
    return shutil.which("hermes", path=beside) or shutil.which("hermes", path=path)


@dataclass(frozen=True, slots=True)
class _Said:
    out: str
    err: str

    @property
    def trouble(self) -> str:
        """What went wrong, in the program's own words."""
        lines = [text for text in self.err.splitlines() if text.strip()]
        return card.line(lines[-1].removeprefix("kanban: ") if lines else self.out or "no answer")


class HermesCli:
    """A card by the `hermes` program."""

    ids = "place"
    says_why = True
    pause = 3.0
    """A look starts Hermes: 0.3 s of a core."""

    def __init__(self, address: Address) -> None:
        """Raises MustMend where there is no `hermes` to run."""
        self._address = address
        found = program(address.environ)
        if found is None:
            where = address.environ.get("HERMES_BIN", "hermes")
            raise MustMend(
                f"there is no program {card.line(where, 200)!r} to run: put `hermes` on PATH, "
                "or name it in HERMES_BIN"
            )
        self._program: str = found
        self._until = 0.0
        self._granted = False
        self._earlier: tuple[str, ...] = ()
        self._run = Run(card="", id="", author=card.AUTHOR, adopted=False)

    @property
    def run(self) -> Run:
        """What `claim` told."""
        return self._run

    def claim(self, is_over: IsOver = nobody) -> Run:
        """As `Board.claim`. The board's limit for a run's time is not told by the program.

        Where a running card's worker is, this way does not tell.
        """
        del is_over
        self._begin()
        name = card.named(self._address)
        before = self._known(name)
        run = card.dispatched(self._address, name)
        if run:
            card.held(before, replace(self._run, card=name, id=run))
        self._run = replace(
            self._run,
            card=name,
            id=run or self._claimed(before),
            adopted=bool(run),
            heard=card.heard(before),
        )
        return self._run

    def _claimed(self, before: Card) -> str:
        after = before  # of a second try, when looking at it failed
        if not self._granted:
            if before.status != card.READY:
                raise card.unworkable(before)
            self._earlier = before.runs
            said = self._call("claim", f"--ttl={CLAIM_SECONDS}", before.id)
            self._granted = f"Claimed {before.id}" in said.out.splitlines()
            after = self._known(before.id)
            if not self._granted:
                if after.status != card.READY:
                    raise card.unworkable(after)
                raise CouldNot(f"card {before.id} could not be claimed: {said.trouble}")
        # The first new one: the card may be another run's already.
        return next((run for run in after.runs if run not in self._earlier), after.run)

    def look(self, after: CommentId | None) -> Look | Unknown:
        """As `Board.look`."""
        self._begin()
        try:
            found = self._card(self._run.card)
        except MonitorError as error:
            return Unknown(str(error))
        return card.looked(found, self._run.id, after)

    def say(self, text: str) -> CommentId | None:
        """As `Board.say`."""
        self._begin()
        card.held(self._card(self._run.card), self._run)
        body = card.fit(text)
        said = self._call("comment", f"--author={self._run.author}", self._run.card, _guarded(body))
        if "Comment added to" not in said.out:
            raise CouldNot(f"card {self._run.card} did not take the comment: {said.trouble}")
        return self._found(body.strip())

    def kept(self, text: str) -> str:
        """As `Board.kept`."""
        return card.fit(text).strip()

    def heartbeat(self, note: str) -> None:
        """As `Board.heartbeat`. The claim is not extended: it lasts for `CLAIM_SECONDS`."""
        self._begin()
        said = self._call("heartbeat", f"--note={card.fit(note)}", self._run.card, pinned=True)
        if "Heartbeat recorded" not in said.out:
            card.held(self._card(self._run.card), self._run)
            raise CouldNot(f"card {self._run.card} did not take the heartbeat: {said.trouble}")

    def block(self, reason: str) -> None:
        """As `Board.block`. The program also says the reason as a comment."""
        self._begin()
        # Looked at first: the comment stays even where the block is refused.
        before = card.held(self._card(self._run.card), self._run)
        kind = card.block_kind(before.block_kind)
        said = self._call(
            "block", f"--kind={kind}", self._run.card, _guarded(card.fit(reason)), pinned=True
        )
        after = self._card(self._run.card)
        if f"cannot block {self._run.card}" in said.err:
            card.held(after, self._run)
        if after is None or after.status != card.BLOCKED:
            raise CouldNot(
                f"card {self._run.card} was to wait for a person, but it is "
                f"{after.status if after else 'gone'}: {said.trouble}"
            )

    # -------------------------------------------------------------------------------------------

    def _found(self, body: str) -> CommentId | None:
        """Where in the thread our newest comment of that text stands; None where that is unknown.

        It was said: a look that fails now must not have it repeated.
        """
        try:
            found = self._card(self._run.card)
        except MonitorError:
            return None
        return card.said(found, self._run.author, body)

    def _known(self, name: str) -> Card:
        found = self._card(name)
        if found is None:
            raise card.unknown(name)
        return found

    def _card(self, name: str) -> Card | None:
        """The card as `show --json` tells it; None where the board has none."""
        said = self._call("show", "--json", name)
        if said.err.strip() == f"no such task: {name}":
            return None
        try:
            return told.read(said.out)
        except ValueError:
            raise CouldNot(f"hermes does not tell about card {name}: {said.trouble}") from None

    def _begin(self) -> None:
        self._until = time.monotonic() + SECONDS

    def _call(self, action: str, *words: str, pinned: bool = False) -> _Said:
        """Run `hermes kanban`. Raises CouldNot where it cannot run, or takes too long.

        Args:
            action: The board's command.
            words: Its arguments, texts guarded from being taken for options. Options come first:
                behind the card, argparse takes what follows them for superfluous.
            pinned: Let Hermes act only while the card is this run's.
        """
        board = [f"--board={self._address.board}"] if self._address.board else []
        line = [self._program, "kanban", *board, action, *words]
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                subprocess.run(  # noqa: S603 - a list and no shell; texts cannot be options
                    line,
                    env=self._environ(pinned=pinned),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    timeout=max(0.1, self._until - time.monotonic()),
                    check=False,
                    start_new_session=True,  # an interrupt at our terminal must not tear a write
                )
            except subprocess.TimeoutExpired:
                raise CouldNot(f"hermes kanban {action} took too long, and was ended") from None
            except OSError as error:
                why = error.strerror or type(error).__name__
                raise CouldNot(f"{self._program} cannot be run: {why}") from error
            return _Said(_kept(out), _kept(err))

    def _environ(self, *, pinned: bool) -> dict[str, str]:
        environ = {"HERMES_KANBAN_BUSY_TIMEOUT_MS": PATIENCE_MS, **self._address.environ}
        # Signs the comment that a block makes. The profile's home stays what it is.
        environ |= dict.fromkeys(("HERMES_PROFILE", "HERMES_PROFILE_NAME"), self._run.author)
        if self._address.board:
            environ.pop("HERMES_KANBAN_DB", None)  # would win over the board that is named
        if pinned:
            environ |= {"HERMES_KANBAN_TASK": self._run.card, "HERMES_KANBAN_RUN_ID": self._run.id}
        return environ


def _guarded(text: str) -> str:
    """A text that no parser takes for an option: Hermes strips the space before it stores it.

    hermes-agent 0.19.0 looks for `--profile=` and `-p` in all words, before any parser does.
    """
    return f" {text}"


def _kept(stream: IO[bytes]) -> str:
    stream.seek(0)
    raw = stream.read(told.LONGEST + 1)
    return raw.decode("utf-8", "replace") if len(raw) <= told.LONGEST else ""
