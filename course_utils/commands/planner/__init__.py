"""What many GPUs would take: the model behind `course plan`."""
