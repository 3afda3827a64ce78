"""For instructors: the student version of the exercises, and the marks of a class.

Needs the dependency group ``grading`` (nbgrader): ``uv run --group grading course …``.
"""
