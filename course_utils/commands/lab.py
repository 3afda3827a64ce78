"""Open JupyterLab on the course."""

import os
from pathlib import Path

from course_utils.store.locations import ROOT

START = "notebooks/00_start_here.ipynb"


def lab(*arguments: str) -> None:
    """Serve JupyterLab on the start page until Ctrl-C; whatever the current folder is.

    ``arguments`` are JupyterLab's own flags, for example ``--no-browser``.
    Raises ``FileNotFoundError`` where the notebooks are missing.
    """
    if not (ROOT / START).exists():
        raise FileNotFoundError(f"{ROOT / START} is missing: start from a full clone of the course")
    from jupyterlab.labapp import main

    os.environ["GOMP_SPINCOUNT"] = "0"  # kernels inherit it
    os.chdir(ROOT)
    settings = {
        "ServerApp.root_dir": ROOT,
        "LabApp.default_url": f"/lab/tree/{START}",
        # other defaults, no question about news; the user's own settings stand above them
        "LabApp.app_settings_dir": Path(__file__).with_name("jupyter"),
    }
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # as in most containers
        settings["ServerApp.allow_root"] = True
    main([*(f"--{name}={value}" for name, value in settings.items()), *arguments])
