"""`agent-sessions`, also as `python -m kanban_worker`, and with this file's own path.

A hook is run without the command line's own imports: an agent waits for it (see `commands.hook`).
"""

from __future__ import annotations

import sys

if not __package__:  # by its path: then the package is the one that this file lies in
    sys.path.insert(0, __file__.rpartition("/")[0].rpartition("/")[0])
    import kanban_worker

    del sys.path[0]
else:
    import kanban_worker


def main() -> int:
    """Runs one command; returns its exit status."""
    if sys.argv[1:] == ["hook"]:
        try:
            from kanban_worker.commands import hook  # noqa: PLC0415 - only the one that is needed

            return hook.run()
        except BaseException:  # noqa: BLE001 - Ctrl-C in the agent's terminal, as early as it may be
            return 0
    if kanban_worker.clash:
        print(f"agent-sessions: {kanban_worker.clash}", file=sys.stderr)
        return 64
    try:
        from kanban_worker import interrupts  # noqa: PLC0415 - as above

        with interrupts.quiet():
            from kanban_worker import cli  # noqa: PLC0415 - as above

            return cli.main()
    except KeyboardInterrupt:  # before anything began, or while it was ending already
        return 130


if __name__ == "__main__":
    sys.exit(main())
