"""What the ticks leave behind, in this process and in the ledger for the next one."""

from __future__ import annotations

from pathlib import Path

from reconcile.memory import Memory
from state import ledger
from state.durable import Owner


class Notebook:
    """One registry's memory. Written by one process at a time: see `locking.alone`."""

    def __init__(self, path: Path, owner: Owner | None = None) -> None:
        """Touches nothing yet. `path` is the ledger's; `owner`, the registry's."""
        self.memory = Memory()
        """What is known now; saved or not."""
        self._path, self._owner = path, owner
        self._recalled = False
        self._forgotten: str | None = None
        self._saved: Memory | None = None

    def load(self) -> None:
        """Loads what earlier processes found, once.

        Without it the monitor loses patience and history, nothing else.
        """
        if not self._recalled:
            kept = ledger.load(self._path)
            self.memory, self._forgotten, self._recalled = kept.memory, kept.recovered_why, True

    def reopen(self) -> None:
        """Load it again when it is asked next: another process may have written it since.

        What could not be saved is still known.
        """
        if self.memory == self._saved:
            self._recalled, self._saved = False, None

    def recall(self) -> str | None:
        """Loads it; why it could not be used, where it could not, the first time."""
        self.load()
        forgotten, self._forgotten = self._forgotten, None
        return forgotten

    def keep(self, memory: Memory) -> None:
        """Knows this from now on, and saves it. Raises CouldNot; it is known all the same."""
        self.memory = memory
        self.save(memory)

    def save(self, memory: Memory) -> None:
        """Saves a memory that a crash would need, without knowing it already. Raises CouldNot."""
        if memory != self._saved:
            self._saved = None
            ledger.save(self._path, memory, self._owner)
            self._saved = memory
