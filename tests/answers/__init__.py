"""Answers that students write, right and wrong ones, one file for each notebook of exercises."""
