"""What Hermes loads when this repository itself is installed as a plugin; see `plugin.yaml`.

The packages of the clone are beside this file, which Hermes puts on no path. They are loaded from
there, whatever else has their names; `kanban_worker` loads the others.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
try:
    from kanban_worker.hermes.plugin import register
finally:
    del sys.path[0]

__all__ = ["register"]
