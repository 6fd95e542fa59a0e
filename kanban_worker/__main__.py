"""`python -m kanban_worker` is `agent-sessions`."""

import sys

from kanban_worker import cli

sys.exit(cli.main())
