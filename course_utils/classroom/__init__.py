"""Exercises, their checks, and grading."""
