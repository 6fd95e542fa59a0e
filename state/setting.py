"""One key of the config file, set so that no other byte of the file changes."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from state import durable
from state.durable import Owner
from state.errors import MonitorError, MustMend
from state.text import scalars, splices, yamlnodes, yamltext
from state.text.splices import Splice
from state.text.yamlnodes import Map, Node, Tree


class Setting:
    """A key of a config file with the values that it is to have. Nothing is written yet."""

    def __init__(self, path: Path, key: str, values: Sequence[str]) -> None:
        """Reads the file. Raises MustMend where the key cannot be set, CouldNot."""
        self.path = path
        self._real_path = Path(os.path.realpath(path))
        self.line = f"{key}: {_rendered(path, key, values)}"
        self._before = self._read()
        self._after = self._edited(key, values)

    def write(self, owner: Owner | None) -> bool:
        """Whether the file had to be written. A new one is `owner`'s. Raises CouldNot, MustMend."""
        if self._after == self._before:
            return False
        if self._read() != self._before:
            raise self._mend("it was saved by somebody else meanwhile")
        try:
            if self._before is None:
                durable.create(self._real_path, self._after, owner)
            else:
                info = self._real_path.stat()
                own = Owner(info.st_uid, info.st_gid)
                mode = stat.S_IMODE(info.st_mode)
                durable.replace(self._real_path, self._after, own, mode=mode)
        except OSError as error:
            raise durable.could_not(f"config {self.path} could not be written", error) from None
        return True

    def _read(self) -> bytes | None:
        try:
            with durable.opened(self._real_path) as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise durable.could_not(f"config {self.path} could not be read", error) from None

    def _edited(self, key: str, values: Sequence[str]) -> bytes:
        if self._before is None:
            return f"{self.line}\n".encode()
        try:
            text = self._before.decode("utf-8")
            tree = yamltext.parse(text, self.path.name)
            new = splices.apply(text, [_splice(tree, key, self.line)])
            after = yamltext.parse(new, self.path.name)
        except (MonitorError, UnicodeError, ValueError):
            raise self._mend("its text cannot be edited safely") from None
        if _plain(after) != {**_plain(tree), key: values[0] if len(values) == 1 else [*values]}:
            raise self._mend("its text cannot be edited safely")
        return self._before if _plain(after) == _plain(tree) else new.encode("utf-8")

    def _mend(self, why: str) -> MustMend:
        return MustMend(f"config {self.path}: {why}. Nothing was written. Put in it: {self.line}")


def _rendered(path: Path, key: str, values: Sequence[str]) -> str:
    try:
        written = [scalars.render(value) for value in values]
    except ValueError as error:
        message = f"{key} {error}, which no config file can hold. Nothing was written in {path}"
        raise MustMend(message) from None
    return written[0] if len(written) == 1 else f"[{', '.join(written)}]"


def _splice(tree: Tree, key: str, line: str) -> Splice:
    """Where the line goes. Raises ValueError where that cannot be told."""
    text, root = tree.text, tree.root
    if not text:
        return Splice(0, 0, f"{line}\n")
    if root is None or yamlnodes.is_null(root):
        return splices.after_line(text, len(text.rstrip("\r\n")), [line])
    if not isinstance(root, Map):
        raise ValueError("it is no mapping")  # noqa: TRY004 - of the text, not of an argument
    for name, value in root.items:
        if isinstance(name, yamlnodes.Scalar) and name.value == key:
            start = splices.after_colon(text, name)
            if start is None:
                raise ValueError("its colon stands elsewhere")
            end = splices.pair_end(text, name, value)
            return Splice(start, end, line.removeprefix(f"{key}:"))
    if root.flow:
        return Splice(root.end - 1, root.end - 1, f", {line}" if root.items else line)
    indent = splices.indent_of(text, root)
    return splices.after_line(text, splices.node_end(text, root), [indent + line])


def _plain(tree: Tree) -> Mapping[str, object]:
    """What the text holds, with its scalars as they are spelled."""
    found = _value(tree.root)
    return found if isinstance(found, dict) else {}


def _value(node: Node | None) -> object:
    found = None if node is None else yamlnodes.target(node)
    if isinstance(found, Map):
        return {str(_value(key)): _value(value) for key, value in found.items}
    if isinstance(found, yamlnodes.List):
        return [_value(each) for each in found.items]
    return found.value if found else None
