"""The registry file: read, remembered, and written so that nothing else in it changes."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconcile import names
from reconcile.desired import RUNNING, SETTLED, AddEntry, Edit, Entry, Registry
from state import durable, encoding, entries, faults, lastgood, paths, snapshot
from state.document import Document, Moved, Written
from state.errors import CouldNot, MustMend
from state.lastgood import Cut
from state.recent import MOMENT, Recent
from state.snapshot import Raw, Snapshot
from state.text import yamltext
from state.text.yamlnodes import Tree

if TYPE_CHECKING:
    from state.journal import Record

LOCK_TIMEOUT: Final = 5.0
"""Seconds."""

_EMPTY: Final = "version: 1\nsessions: []\n"
_YEAR_3000: Final = 32_503_680_000


class RegistryFile:
    """One registry. Keeps the last parse, so that an unchanged file costs one read."""

    def __init__(
        self,
        path: Path,
        *,
        state_dir: Path,
        lock_timeout: float = LOCK_TIMEOUT,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path = path
        self._state = state_dir
        self._timeout, self._sleep = lock_timeout, sleep
        self.fence: Callable[[], None] | None = None
        """Asked under the lock, before a write and at its last moment; raises to forbid it."""
        self._seen: Snapshot | None = None
        self._failed: tuple[bytes, MustMend] | None = None
        self._doubted: tuple[Snapshot, Cut] | None = None
        self._recent = Recent()
        self._last_path: Path | None = None

    def read(self, now: datetime, *, accept_loss: bool = False) -> Document:
        """The registry as it is now. Raises MustMend and CouldNot; writes nothing.

        `accept_loss` takes a text that lost entries for what the person wants; `remember`
        then makes it the last good one.
        """
        real_path = self._last_path = self._real_path()
        try:
            raw = snapshot.load(self.path, real_path)
            found = self._snapshot(raw, now, accept_loss=accept_loss)
        except (snapshot.Missing, yamltext.Unparsable) as error:
            raise type(error)(f"{error}{self._where_the_copy_is()}") from None
        return self._present(found, raw, real_path, now)

    def trust(self, document: Document) -> None:
        """Take a text whose end is missing for what a person wants."""
        if self._doubted is not None and self._doubted[0].data == document.raw:
            self._seen, self._doubted = self._doubted[0], None

    def remember(self, document: Document) -> None:
        """Make this text the last good one, for the next process too. Raises CouldNot."""
        lastgood.renew(paths.last_good(self._state, document.real_path), document)

    def recover(self) -> None:
        """Clear away what a killed writer left, and put back a save that it displaced.

        It looks beside the file that was read last. Raises CouldNot.
        """
        real_path = self._last_path or self._real_path()
        if any(map(os.path.lexists, (paths.being_written(real_path), paths.ready(real_path)))):
            from state import replacement  # noqa: PLC0415 - as in _replace

            with self._locked(real_path):
                replacement.recover(real_path, self._state / paths.JOURNAL)

    def write(
        self, document: Document, edits: Sequence[Edit], records: Sequence[Record] = ()
    ) -> Written | Moved:
        """Make the edits that can be made, in one replacement of the file.

        Records of refused sessions are left out of the journal. Raises CouldNot, with the
        old file intact; MustMend when no write of it could be kept true.
        """
        from state.text import traces, yamledit  # noqa: PLC0415 - as in _replace

        edited = yamledit.edit(document.tree, edits)
        if edited.text == document.tree.text:
            return Written(document=document, changed=False, refused=edited.refused)
        refused = {names.key(edits[place].session) for place in edited.refused}
        left = traces.by_session(document.tree, edited.tree, edits)
        good = [
            dataclasses.replace(one, traces=left.get(names.key(one.session), ()))
            for one in records
            if names.key(one.session) not in refused
        ]
        after = self.put(document, edited.tree, good)
        if isinstance(after, Moved):
            return after
        return Written(document=after, changed=True, refused=edited.refused)

    def put(
        self, document: Document, tree: Tree, records: Sequence[Record], *, ours: bool = True
    ) -> Document | Moved:
        """Write another text of the registry. Raises CouldNot and MustMend, the old file intact.

        What is not `ours` is a person's edit to the next process, and left alone for a moment.
        """
        if document.unwritable:
            raise MustMend(str(document.unwritable))
        with contextlib.suppress(CouldNot):
            self.remember(document)
        raw = self._replace(document, encoding.encode(tree.text, document.raw), records)
        return Moved() if raw is None else self._adopt(document, raw, tree, ours=ours)

    def create(self, additions: Sequence[AddEntry], now: datetime) -> Document:
        """Write a first registry. Raises MustMend when there is one, CouldNot when it fails."""
        data, real_path = self._first(additions), self._real_path()
        try:
            durable.create(real_path, data, durable.owner_of(real_path))
        except FileExistsError:
            raise self._not_new() from None
        except OSError as error:
            raise durable.could_not(f"registry {self.path} could not be written", error) from None
        return self._begun(now)

    def begin_anew(self, additions: Sequence[AddEntry], now: datetime) -> Path:
        """Write a first registry in the place of the present one; where that one is kept.

        Raises MustMend and CouldNot, with the old file intact.
        """
        from state import superseding  # noqa: PLC0415 - as in _replace

        data, real_path = self._first(additions), self._real_path()
        with self._locked(real_path):
            kept = superseding.supersede(self.path, real_path, data, now)
        self._begun(now)
        return kept

    def _first(self, additions: Sequence[AddEntry]) -> bytes:
        from state.text import yamledit  # noqa: PLC0415 - as in _replace

        edited = yamledit.edit(yamltext.parse(_EMPTY, self.path.name), additions)
        for refusal in edited.refused.values():
            raise refusal
        return edited.text.encode()

    def _begun(self, now: datetime) -> Document:
        """A first registry as it was written: it lacks nothing, and nobody has edited it since."""
        document = self.read(now, accept_loss=True)
        with contextlib.suppress(CouldNot):  # The registry is written; its copy can wait.
            self.remember(document)
        return document

    def must_be_new(self) -> None:
        """Raises MustMend when there is a registry already, readable or not."""
        if not os.path.lexists(self.path):
            return
        try:
            self.path.stat()
        except FileNotFoundError:  # a link that leads nowhere
            raise snapshot.missing(self.path) from None
        except OSError:
            pass
        raise self._not_new()

    def is_there(self) -> bool:
        """Whether there is one that `begin_anew` would replace. Raises MustMend, CouldNot."""
        real_path = self._real_path()
        if not os.path.lexists(real_path):
            return False
        from state import superseding  # noqa: PLC0415 - as in _replace

        superseding.replaceable(self.path, real_path)
        return True

    def _not_new(self) -> MustMend:
        return MustMend(
            f"registry {self.path} is already there. Nothing was written. "
            "Look at it with: agent-sessions check; or keep it under another name and write a new "
            "one with: agent-sessions init --force"
        )

    def _real_path(self) -> Path:
        return Path(os.path.realpath(self.path))

    def _copy(self) -> Path:
        return paths.last_good(self._state, self._real_path())

    def _where_the_copy_is(self) -> str:
        copy = self._copy()
        return f". Last good copy: {copy}" if copy.is_file() else ""

    def _snapshot(self, raw: Raw, now: datetime, *, accept_loss: bool) -> Snapshot:
        """Parse what is new; raise what is known to be wrong with these very bytes."""
        if self._seen is not None and self._seen.data == raw.data:
            self._settle(self._seen, raw, now)
            return self._seen
        accepted = accept_loss or lastgood.load(self._copy()) == raw.data
        if not accepted:
            if self._failed is not None and self._failed[0] == raw.data:
                raise type(self._failed[1])(str(self._failed[1]))
            if self._doubted is not None and self._doubted[0].data == raw.data:
                return self._doubted[0]
        try:
            found = snapshot.of(raw.data, self.path.name)
            before = self._before(found)
            if before is not None and not accepted:
                self._refuse_torn(before, found)
            self._refuse_nothing(found)
        except MustMend as error:
            self._failed = raw.data, error
            raise
        self._recent = self._recent.and_saved(before, found, _saved_at(raw), now)
        cut = None if before is None or accepted else self._cut(before, found)
        self._failed, self._doubted = None, (found, cut) if cut else None
        if not cut:
            self._seen = found
        return found

    def _settle(self, seen: Snapshot, raw: Raw, now: datetime) -> None:
        """What was missing at the end is there again."""
        if self._doubted is not None:
            self._recent = self._recent.and_saved(self._doubted[0], seen, _saved_at(raw), now)
            self._doubted = None

    def _before(self, found: Snapshot) -> Snapshot | None:
        """What was seen last: by this process, else by the one that kept the last good copy."""
        if self._seen is not None:
            return self._seen
        kept = lastgood.load(self._copy())
        return found if kept == found.data else lastgood.parsed(kept, self.path.name)

    def _refuse_nothing(self, found: Snapshot) -> None:
        """A file without a document may be one that is being written, or was lost."""
        if not found.holds_a_document:
            msg = (
                f"registry {self.path.name}, line 1, column 1: there is nothing in it. Nothing was "
                "written. Remove it and run agent-sessions init, or put `sessions: []` in it and "
                "run: agent-sessions check"
            )
            raise MustMend(msg)

    def _refuse_torn(self, before: Snapshot, found: Snapshot) -> None:
        error = lastgood.torn(before, found, self._copy())
        if error is not None:
            raise error

    def _cut(self, before: Snapshot, found: Snapshot) -> Cut | None:
        """What is missing at the end, unless an undo took it away."""
        cut = lastgood.cut(before, found, self._copy())
        if cut is None:
            return None
        from state import journal  # noqa: PLC0415 - as in _replace

        undone = journal.left_by_undo(self._state / paths.JOURNAL, found.data)
        return None if undone else cut

    def _present(self, found: Snapshot, raw: Raw, real_path: Path, now: datetime) -> Document:
        self._recent = self._recent.still(now)
        unwritable = snapshot.linked(self.path, raw.info)
        marked = self._marked(found.reading.entries, now)
        return Document(
            path=self.path,
            real_path=real_path,
            raw=found.data,
            saved_at=_saved_at(raw),
            read_at=now,
            registry=Registry(
                entries=marked,
                reserved=found.reading.reserved | entries.forms(self._recent.removed),
                saved_at=_saved_at(raw),
                settled_at=self._settled_at(marked, now),
            ),
            faults=(*found.reading.faults, *(faults.of_links(raw.info) if unwritable else ())),
            owner=durable.Owner(raw.info.st_uid, raw.info.st_gid),
            unwritable=unwritable,
            rows=found.reading.lines,
            tree=found.tree,
            cut=self._doubted[1] if self._doubted and self._doubted[0] is found else None,
        )

    def _marked(self, found: tuple[Entry, ...], now: datetime) -> tuple[Entry, ...]:
        """The entries, with those marked fresh that a person has just edited, or just ended."""
        changed = self._recent.changed
        if not changed and not any(each.terminated_at for each in found):
            return found
        return tuple(
            dataclasses.replace(each, fresh=True)
            if names.key(each.name) in changed or _has_just_ended(each, now)
            else each
            for each in found
        )

    def _settled_at(self, marked: tuple[Entry, ...], now: datetime) -> datetime:
        fresh = [each for each in marked if each.fresh and each.status == RUNNING]
        edits = (self._recent.changed.get(names.key(each.name)) for each in fresh)
        ends = (each.terminated_at for each in fresh if _has_just_ended(each, now))
        return max((at + MOMENT for at in (*edits, *ends) if at), default=SETTLED)

    def _locked(self, real_path: Path) -> AbstractContextManager[None]:
        from state import locking  # noqa: PLC0415 - as in _replace

        return locking.held(
            paths.registry_lock(real_path),
            timeout=self._timeout,
            sleep=self._sleep,
            owner=durable.owner_of(real_path),
        )

    def _replace(self, document: Document, data: bytes, records: Sequence[Record]) -> Raw | None:
        """What only writers need is imported here: locking alone costs up to 90 ms."""
        from state import replacement  # noqa: PLC0415

        this = replacement.Replacement(
            document=document,
            data=data,
            journal_path=self._state / paths.JOURNAL,
            records=records,
            fence=self.fence,
        )
        with self._locked(document.real_path):
            if self.fence is not None:
                self.fence()
            replacement.recover(document.real_path, this.journal_path)
            return replacement.make(this, self._real_path)

    def _adopt(self, before: Document, raw: Raw, tree: Tree, *, ours: bool) -> Document:
        """What we wrote is what was seen last: our own edits are not a person's."""
        self._seen = Snapshot(data=raw.data, tree=tree, reading=entries.read(tree))
        self._failed = self._doubted = None
        after = self._present(self._seen, raw, before.real_path, before.read_at)
        with contextlib.suppress(CouldNot):  # The registry is written; its copy can wait.
            if ours:
                copy = paths.last_good(self._state, after.real_path)
                lastgood.renew(copy, after, written_from=before.raw)
        return after


def _saved_at(raw: Raw) -> datetime:
    return datetime.fromtimestamp(min(max(raw.info.st_mtime, 0), _YEAR_3000), UTC)


def _has_just_ended(entry: Entry, now: datetime) -> bool:
    return entry.terminated_at is not None and abs(now - entry.terminated_at) <= MOMENT
