"""What `course …` does: one file a command."""
