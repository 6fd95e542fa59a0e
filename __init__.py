"""What Hermes loads when this repository itself is installed as a plugin; see `plugin.yaml`.

The packages of the clone are beside this file, which Hermes puts on no path. A copy that was
installed with pip comes first.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from kanban_worker.hermes.plugin import register

__all__ = ["register"]
