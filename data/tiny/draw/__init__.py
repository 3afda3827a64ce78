"""What the drawings show: a canvas, places to stand in, and the figures of every class."""
