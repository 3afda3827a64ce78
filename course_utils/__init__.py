"""The library under the course: data, models, training and pictures.

Names are loaded when they are first used, so that ``course doctor`` also runs where torch does not.
"""

import os
from importlib import import_module

# A spinning OpenMP thread steals the core another one needs. libgomp reads this once, when torch
# loads it: hence here, before any other import, and `course_utils` before `torch` in notebooks.
os.environ.setdefault("GOMP_SPINCOUNT", "0")

__version__ = "0.1.0"

_HOMES = {
    "profile": ("profile",),
    "data.datasets": ("ImageSet", "Splits", "cifar10"),
    "data.locations": ("find",),
    "data.batches": ("Batches",),
    "data.images": ("read_image",),
    "data.colour": ("ColourJitter",),
    "data.imagenet": ("imagenet", "imagenette"),
    "data.folders": ("hymenoptera", "image_folder", "image_splits"),
    "data.loading": ("ImageLoader", "Loader"),
    "data.transforms": ("denormalise", "eval_image", "eval_transform", "train_transform"),
    "models": ("create_model", "list_models"),
    "models.cnn": ("CNN",),
    "models.googlenet": ("GoogLeNet", "Inception", "SmallInceptionNet", "with_auxiliary"),
    "models.resnet": ("BasicBlock", "Bottleneck", "CifarResNet", "ResNet", "plain"),
    "models.narrow": ("NarrowResNet",),
    "models.pretrained": ("bare_weights", "find_weights", "pretrained"),
    "training.loop": ("TrainState", "evaluate", "fit", "train_one_epoch"),
    "training.callbacks": ("Callback", "Checkpoint", "EarlyStopping", "TensorBoard"),
    "run_folder": ("new_run",),
    "training.checkpoint": ("load_checkpoint", "load_model", "save_checkpoint"),
    "training.features": ("backbone_features", "head_features", "train_head"),
    "training.freezing": ("freeze",),
    "training.metrics": (
        "Totals",
        "accuracy_interval",
        "eval_mode",
        "per_class_accuracy",
        "predictions",
        "top_k",
    ),
    "training.optim": ("clip_gradients", "make_optimizer", "make_scheduler"),
    "training.published": ("published_runs",),
    "training.scaling": (
        "Estimate",
        "Job",
        "epochs_to_target",
        "estimate",
        "rate_at",
        "ring_all_reduce",
        "scaling_curve",
    ),
    "training.launch": ("torchrun",),
    "training.timing": ("Timer",),
    "show": ("reference",),
    "teaching": ("checks",),
    "teaching.exercises": ("attempt", "progress"),
    "show.board": ("show_tensorboard",),
    "show.report": ("history_table", "report_accuracy"),
    "teaching.web_server": ("web_server",),
    "show.live": ("LivePlot", "LiveRun"),
    "show.pictures": (
        "plot_feature_maps",
        "plot_filters",
        "show_images",
        "show_predictions",
        "surest_mistakes",
    ),
    "show.plan_plot": ("plot_scaling",),
    "show.plan_table": ("curve_table", "estimate_text", "published_table"),
    "show.plotting": ("new_axes", "plot_confusion", "plot_history", "plot_per_class"),
    "show.preset_costs": ("costs_table", "preset_costs"),
    "show.predict": ("predict",),
    "show.predict_files": ("predict_files",),
    "show.progress": ("ProgressBar",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF)


def __getattr__(name: str):
    if name not in _HOME_OF:
        raise AttributeError(f"course_utils has no {name!r}; it has: {', '.join(__all__)}")
    home = _HOME_OF[name]
    if home == name:
        return import_module(f"{__name__}.{name}")
    module = import_module(f"{__name__}.{home}")
    return getattr(module, name, None) or import_module(f"{module.__name__}.{name}")


def __dir__():
    return [*globals(), *__all__]
