"""The library under the course: data, models, training and pictures.

Names are loaded when they are first used, so that ``course doctor`` also runs where torch does not.
"""

import ast
import os
from importlib import import_module
from pathlib import Path

# A spinning OpenMP thread steals the core another one needs. libgomp reads this once, when torch
# loads it: hence here, before any other import, and `course_utils` before `torch` in notebooks.
os.environ.setdefault("GOMP_SPINCOUNT", "0")

__version__ = "0.2.0"


_STUB = ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
_HOME_OF = {
    alias.name: line.module
    for line in _STUB.body
    if isinstance(line, ast.ImportFrom)
    for alias in line.names
}
__all__ = sorted(_HOME_OF)


def __getattr__(name: str):
    if name not in _HOME_OF:
        raise AttributeError(f"course_utils has no {name!r}; it has: {', '.join(__all__)}")
    if _HOME_OF[name] == __name__:  # a module of this package
        return import_module(f"{__name__}.{name}")
    module = import_module(_HOME_OF[name])
    return getattr(module, name, None) or import_module(f"{module.__name__}.{name}")


def __dir__():
    return [*globals(), *__all__]
