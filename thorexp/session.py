"""What lives as long as the process. Hydra calls our launcher and our task apart and hands nothing from one to
the other: the server that jobs share, and the display that shows them all.
"""

from thorexp.progress import display
from thorexp.serve.pool import ServerPool

SERVERS = ServerPool()
SHOWN = display()
