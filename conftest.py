"""Settings that every test and every notebook kernel started by a test shares."""

import os
import tempfile
from pathlib import Path

import matplotlib

ROOT = Path(__file__).resolve().parent
runs = tempfile.TemporaryDirectory(prefix="course-runs-")  # removed when the tests end

# Before torch is imported; kernels and other child processes inherit them.
os.environ |= {
    "COURSE_PROFILE": "tiny",
    "COURSE_DATA": str(ROOT / "data" / "tiny"),  # also where real data lies in data/
    "COURSE_RUNS": runs.name,
    "COURSE_EXECUTE": "1",  # outputs without what only a live JupyterLab can show
    "GOMP_SPINCOUNT": "0",  # OpenMP threads that spin starve each other on a busy machine
}
# not through MPLBACKEND: kernels would inherit it and lose their figures
matplotlib.use("agg")
