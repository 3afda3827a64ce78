"""Pictures: live plots, figures, predictions, your run beside the reference."""
