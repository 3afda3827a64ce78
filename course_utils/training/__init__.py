"""The loop, what hangs on it, and what it leaves behind."""
