"""What `from course_utils import …` offers, and where it stands: editors follow it, and so does
`course_utils/__init__.py`, which loads a name when it is first used.
"""

from course_utils.classroom.teaching import checks as checks
from course_utils.classroom.teaching.exercises import attempt as attempt, progress as progress
from course_utils.classroom.teaching.web_server import web_server as web_server
from course_utils.commands import reference as reference
from course_utils.commands.board import show_tensorboard as show_tensorboard
from course_utils.commands.planner.plan_plot import plot_scaling as plot_scaling
from course_utils.commands.planner.plan_table import published_table as published_table
from course_utils.commands.planner.published import published_runs as published_runs
from course_utils.commands.planner.scaling import (
    Job as Job,
    estimate as estimate,
    rate_at as rate_at,
    ring_all_reduce as ring_all_reduce,
    scaling_curve as scaling_curve,
)
from course_utils.data import profile as profile
from course_utils.data.batches import Batches as Batches
from course_utils.data.datasets import cifar10 as cifar10
from course_utils.data.folders import (
    hymenoptera as hymenoptera,
    image_folder as image_folder,
    image_splits as image_splits,
)
from course_utils.data.imagenet import imagenet as imagenet, imagenette as imagenette
from course_utils.data.loading import ImageLoader as ImageLoader, Loader as Loader
from course_utils.data.transforms import (
    eval_transform as eval_transform,
    train_transform as train_transform,
)
from course_utils.engine.checkpoint import (
    load_checkpoint as load_checkpoint,
    load_model as load_model,
    save_checkpoint as save_checkpoint,
)
from course_utils.engine.launch import torchrun as torchrun
from course_utils.engine.pretrained import find_weights as find_weights, pretrained as pretrained
from course_utils.engine.run_folder import new_run as new_run
from course_utils.engine.tensorboard import TensorBoard as TensorBoard
from course_utils.models import create_model as create_model
from course_utils.models.cnn import CNN as CNN
from course_utils.models.googlenet import (
    GoogLeNet as GoogLeNet,
    Inception as Inception,
    SmallInceptionNet as SmallInceptionNet,
    with_auxiliary as with_auxiliary,
)
from course_utils.models.narrow import NarrowResNet as NarrowResNet
from course_utils.models.resnet import (
    BasicBlock as BasicBlock,
    Bottleneck as Bottleneck,
    ResNet as ResNet,
    plain as plain,
)
from course_utils.show.class_plots import (
    plot_confusion as plot_confusion,
    plot_per_class as plot_per_class,
)
from course_utils.show.live import LivePlot as LivePlot, LiveRun as LiveRun
from course_utils.show.pictures import (
    plot_filters as plot_filters,
    show_images as show_images,
    show_predictions as show_predictions,
    surest_mistakes as surest_mistakes,
)
from course_utils.show.plotting import (
    new_axes as new_axes,
    plot_history as plot_history,
)
from course_utils.show.predict import predict as predict
from course_utils.show.report import (
    history_table as history_table,
    report_accuracy as report_accuracy,
)
from course_utils.store.colour import ColourJitter as ColourJitter
from course_utils.store.images import read_image as read_image
from course_utils.store.locations import find as find
from course_utils.training.callbacks import Callback as Callback, Checkpoint as Checkpoint
from course_utils.training.features import (
    backbone_features as backbone_features,
    head_features as head_features,
    train_head as train_head,
)
from course_utils.training.freezing import freeze as freeze
from course_utils.training.loop import evaluate as evaluate, fit as fit
from course_utils.training.metrics import (
    Totals as Totals,
    accuracy_interval as accuracy_interval,
    eval_mode as eval_mode,
    per_class_accuracy as per_class_accuracy,
    predictions as predictions,
    top_k as top_k,
)
from course_utils.training.optim import (
    make_optimizer as make_optimizer,
    make_scheduler as make_scheduler,
)
from course_utils.training.timing import Timer as Timer
