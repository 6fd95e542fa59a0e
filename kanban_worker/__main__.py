"""`agent-sessions`, also as `python -m kanban_worker`.

A hook is run without the command line's own imports: an agent waits for it (see `commands.hook`).
"""

from __future__ import annotations

import sys


def main() -> int:
    """Runs one command; returns its exit status."""
    if sys.argv[1:] == ["hook"]:
        try:
            from kanban_worker.commands import hook  # noqa: PLC0415 - only the one that is needed

            return hook.run()
        except BaseException:  # noqa: BLE001 - Ctrl-C in the agent's terminal, as early as it may be
            return 0
    try:
        from kanban_worker import interrupts  # noqa: PLC0415 - as above

        with interrupts.quiet():
            from kanban_worker import cli  # noqa: PLC0415 - as above

            return cli.main()
    except KeyboardInterrupt:  # before anything began, or while it was ending already
        return 130


if __name__ == "__main__":
    sys.exit(main())
