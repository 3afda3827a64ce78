"""What training needs and no lesson shows: state, checkpoints, processes, settings, error texts."""
