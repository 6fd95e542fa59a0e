"""Which place this is: a host, or a container on it.

What is concluded about processes and tmux servers holds for one place only: another host, or a
container with processes of its own, sees nothing of them and must not take that for an end.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from reconcile.observed import Place, PlaceId, Unknown

FIRST_NAMESPACE: Final = 0xEFFFFFFC
"""Linux gives the pid namespace of the host itself this inode (PROC_PID_INIT_INO)."""

MACHINE_ID = ("/etc/machine-id", "/var/lib/dbus/machine-id")
"""Where Linux keeps it: machine-id(5)."""

_KEY: Final = b"agent-sessions-monitor: a place, not a machine"
"""machine-id(5) asks not to show the id itself: only this keyed hash of it is ever stored."""
_LONGEST: Final = 256
_SHARED: Final = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "ceph", "glusterfs", "afs"),
        *("lustre", "beegfs", "vboxsf", "prl_fs", "fuse", "fuseblk"),
    }
)
"""File systems that other hosts, or the host around a container, may have as well."""

CHOOSE = "give this host a name with host: in the config, or AGENT_SESSIONS_HOST"


def here(
    chosen: str | None = None,
    *,
    machine_id: Callable[[], str | None] | None = None,
    namespace: Callable[[], int | None] | None = None,
) -> Place | Unknown:
    """The place of this process. It does not change while the process lives.

    In the first pid namespace the machine id is the host, and its names may change; elsewhere a
    container is meant, which shares the machine id with others. `chosen` is the user's own name
    for this place, which outweighs both.
    """
    name = os.uname().nodename
    if chosen:
        return Place(_hashed("name", chosen), frozenset({chosen}))
    machine = (machine_id or _machine_id)()
    if machine is None:
        return Unknown(f"which host this is cannot be told: it has no machine id ({CHOOSE})")
    inside = (namespace or pid_namespace)()
    if inside is None:
        return Unknown(f"which host this is cannot be told: its pid namespace is hidden ({CHOOSE})")
    if inside == FIRST_NAMESPACE:
        return Place(_hashed("host", machine), frozenset({name}))
    return Place(_hashed("container", machine, name, str(inside)), frozenset({name}))


def pid_namespace() -> int | None:
    """The inode of this process's pid namespace; None where it cannot be read.

    Systems without namespaces are always in the first.
    """
    if not sys.platform.startswith("linux"):
        return FIRST_NAMESPACE
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return None


def shared_mount(path: str, *, mounts: str = "/proc/self/mountinfo") -> str | None:
    """Why a file in a container may be another place's; None where nothing says so.

    A bind mount shows only a part of a file system (its root in mountinfo is not `/`); network
    and pass-through file systems are shared by their nature. proc_pid_mountinfo(5).
    """
    if pid_namespace() == FIRST_NAMESPACE:
        return None
    try:
        rows = Path(mounts).read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return f"it cannot be told whose file system {path} is on"
    best: tuple[str, str, str] | None = None
    for row in rows:
        before, _, after = row.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if len(fields) < 5:  # noqa: PLR2004 - id, parent, device, root, mount point
            continue
        root, point = map(_unescaped, fields[3:5])
        # Of two mounts at one point the later one covers the other.
        if _is_below(path, point) and (best is None or len(point) >= len(best[0])):
            best = point, root, kinds[0]
    if best is None:
        return f"it cannot be told whose file system {path} is on"
    point, root, kind = best
    if root != "/":
        return f"{point} is mounted into this container from outside"
    if kind in _SHARED or kind.startswith("fuse."):
        return f"{point} is a {kind} mount, which other hosts may have as well"
    return None


def _is_below(path: str, point: str) -> bool:
    return path == point or path.startswith(f"{point.rstrip('/')}/")


def _unescaped(field: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, char)
    return field


def _hashed(*parts: str) -> PlaceId:
    text = "\0".join(parts).encode("utf-8", "surrogateescape")
    return PlaceId(hmac.new(_KEY, text, hashlib.sha256).hexdigest()[:32])


def _machine_id() -> str | None:
    if sys.platform == "darwin":
        return _hardware_uuid()
    for path in MACHINE_ID:
        try:
            with Path(path).open("rb") as file:
                found = file.read(_LONGEST).decode("ascii").strip()
        except (OSError, UnicodeError):
            continue
        if found and found != "uninitialized":
            return found
    return None


def _hardware_uuid() -> str | None:
    """Without a machine-id, as on macOS: gethostuuid(2) gives the hardware's."""
    import ctypes  # noqa: PLC0415 - some ms that other systems save

    found = (ctypes.c_ubyte * 16)()
    wait = (ctypes.c_long * 2)(1, 0)
    try:
        call = ctypes.CDLL(None).gethostuuid
        return bytes(found).hex() if call(found, wait) == 0 else None
    except (OSError, AttributeError):
        return None
