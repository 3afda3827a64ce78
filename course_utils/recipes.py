"""The settings of each notebook's training in each profile, for `course train`.

The notebooks write the same tables out where a student reads them; a test holds the two together.
"""

RECIPES = {
    "01_cnn_cifar10": {
        "tiny": {"data": "drawings", "epochs": 8, "batch_size": 32, "mixed_precision": False},
        "cpu": {"data": "real", "epochs": 10, "batch_size": 32, "mixed_precision": True},
        "gpu": {"data": "real", "epochs": 10, "batch_size": 32, "mixed_precision": True},
    },
}
