"""Draw all three sets: `uv run --directory data/tiny python -m draw DEST`."""

import sys

from draw.sets import draw_all

if len(sys.argv) != 2:
    sys.exit("usage: python -m draw DEST")
print(f"{draw_all(sys.argv[1]) / 1e6:.2f} MB in {sys.argv[1]}")
