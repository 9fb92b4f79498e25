"""Draw the picture of the README and the landing page: ``python docs/picture.py``.

Writes ``docs/images/fronts.png``, the figure of ``examples/fronts.py``.
"""

from __future__ import annotations

import runpy
from pathlib import Path

from matplotlib import pyplot as plt

DOCS = Path(__file__).parent
PICTURE = DOCS / "images" / "fronts.png"

if __name__ == "__main__":
    plt.switch_backend("Agg")
    plt.show = lambda: plt.savefig(PICTURE)
    runpy.run_path(str(DOCS.parent / "examples" / "fronts.py"))
