"""A network that has learnt on other pictures: the start of transfer learning."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import torch
from torch import Tensor, nn

from course_utils.engine.weight_files import few, find_in, read_weights
from course_utils.models import create_model
from course_utils.store.fetching import DownloadError, Source, fetch
from course_utils.store.files import sha256
from course_utils.store.locations import DATA
from course_utils.store.official_weights import OFFICIAL
from course_utils.store.web import WebError

OWN = DATA / "tiny" / "weights" / "resnet18_w32_tiny_imagenet.pt"
LAST = ("fc.", "aux")  # names of the layers that know the old classes


@dataclass(frozen=True)
class Weights:
    """Trained weights on the disk: what they are of, and how their images were prepared."""

    kind: str  # official, own or file
    path: Path
    options: dict = field(default_factory=dict)  # of `create_model`
    image_size: int = 224
    mean: tuple[float, ...] | None = None  # where a file tells; else ImageNet's
    std: tuple[float, ...] | None = None

    def __str__(self) -> str:
        if self.kind == "official":
            return f"torchvision's {self.path.name.partition('-')[0]}, trained on ImageNet"
        if self.kind == "own":
            return "the course's own ResNet-18 of width 32, trained on Tiny ImageNet"
        return str(self.path)


def pretrained(
    model: str = "resnet18", num_classes: int = 2, weights: str | Weights = "auto"
) -> nn.Module:
    """A network with trained weights and a new, untrained last layer; prints which weights.

    ``weights``: see `find_weights`, whose errors it raises; ``ValueError`` also where they are of
    another network.
    """
    found = weights if isinstance(weights, Weights) else find_weights(model, weights)
    print(f"weights: {found}")
    try:
        network = create_model(model, num_classes, **found.options)
    except (TypeError, RuntimeError) as error:
        raise ValueError(f"{found.path}: its config builds no {model} ({error})") from error
    values = read_weights(found.path)
    weights, told = find_in(values, network.state_dict())
    if not weights:
        raise ValueError(
            f"{found.path} holds no weights: there is not a tensor for each name, but "
            f"{few(f'{name} ({type(value).__name__})' for name, value in values.items())}"
        )
    print(f"weights: {told}\n" if told else "", end="")
    _load_body(network, weights, found.path)
    return network


def find_weights(model: str, weights: str | os.PathLike = "auto") -> Weights:
    """Find, or download, trained weights for this network.

    ``"official"``: torchvision's, trained on ImageNet, from ``$COURSE_DATA/weights``,
    ``data/weights``, torchvision's own cache or a download, checked by their hash. ``"own"``: the
    course's ResNet-18 of half the width, trained on Tiny ImageNet at 64 px. ``"auto"``: the
    official ones, and where they cannot be had the course's own. Else a file: a checkpoint of the
    course, weights by torchvision's names, or other people's, see `bare_weights`; or a folder with
    torchvision's file.

    Raises ``ValueError`` where there are no such weights, `WebError` or `DownloadError` where they
    cannot be had.
    """
    if weights == "own":
        if model != "resnet18":
            raise ValueError(f"the course's own weights are of resnet18, not of {model}")
        return Weights("own", OWN, {"stem": "64px", "width": 32}, image_size=96)
    if weights in ("auto", "official"):
        try:
            return _official(model, official_file(model))
        except (WebError, DownloadError, OSError) as error:
            host = f"{urlsplit(OFFICIAL[model]).netloc} " if isinstance(error, WebError) else ""
            reason = f"no official weights: {host}{error}"
            if weights == "official" or model != "resnet18":
                raise DownloadError(f"{reason}; for resnet18 there are the course's own") from error
        print(reason)
        return find_weights(model, "own")
    return _given(model, Path(weights).expanduser())


def _official(model: str, path: Path) -> Weights:
    # torchvision's GoogLeNet was trained on images scaled in another way
    return Weights("official", path, {"transform_input": True} if model == "googlenet" else {})


def _given(model: str, path: Path) -> Weights:
    """Weights from a place the user names."""
    if path.is_dir():
        file = path / _official_url(model).rpartition("/")[2]
        if not file.is_file():
            raise ValueError(f"{path} holds no {file.name}")
        return _official(model, _checked(file))
    if not path.is_file():
        raise ValueError(f"weights {str(path)!r}: neither auto, official, own nor a file or folder")
    values = read_weights(path)
    config, about = (values.get(name) or {} for name in ("config", "about"))
    if isinstance(config, dict) and "name" not in config:
        config = {}  # somebody else's
    try:
        name = config.get("name", model)
        options = {str(k): v for k, v in config.items() if k not in ("name", "num_classes")}
        told = [tuple(map(float, about[k])) if k in about else None for k in ("mean", "std")]
        found = Weights("file", path, options, int(about.get("image_size", 224)), *told)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no checkpoint of this course ({error})") from error
    if name != model:
        raise ValueError(f"{path} holds weights of {name}, not of {model}")
    return found


def _official_url(model: str) -> str:
    if model not in OFFICIAL:
        raise ValueError(f"there are no official weights of {model}, only of {', '.join(OFFICIAL)}")
    return OFFICIAL[model]


def official_file(model: str) -> Path:
    """Where torchvision's weights of this network lie, downloaded if need be and checked.

    Raises `WebError` or `DownloadError` where they cannot be had or are damaged.
    """
    url = _official_url(model)
    file = url.rpartition("/")[2]
    places = [Path(os.environ["COURSE_DATA"])] if os.environ.get("COURSE_DATA") else []
    here = [place / "weights" / file for place in (*places, DATA)]
    here.append(Path(torch.hub.get_dir()) / "checkpoints" / file)  # torchvision's own cache
    if found := next((path for path in here if path.is_file()), None):
        return _checked(found)
    (DATA / "weights").mkdir(exist_ok=True)
    found = fetch(Source(url, folder=""), DATA / "weights")
    try:
        return _checked(found)
    except DownloadError:
        found.unlink()
        raise WebError("sent another file than the one of this name") from None


def _checked(path: Path) -> Path:
    if not sha256(path).startswith(path.stem.rpartition("-")[2]):
        raise DownloadError(f"{path} is damaged or another file: remove it")
    return path


def _load_body(model: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    """Load all weights but the last layer's, which knows other classes.

    A surplus single number, such as a counter, decides nothing and is left out.
    """
    body, own = (
        {name: v for name, v in values.items() if not name.startswith(LAST)}
        for values in (weights, model.state_dict())
    )
    if left_out := [name for name, v in body.items() if name not in own and v.numel() == 1]:
        print(f"weights: left out, as {model.config['name']} has no such thing: {few(left_out)}")
    body = {name: v for name, v in body.items() if name not in left_out}
    # older files lack the batch norms' counters, which decide nothing
    names = [name for name in {**own, **body} if not name.endswith("num_batches_tracked")]
    wrong = [n for n in names if not (n in own and n in body and own[n].shape == body[n].shape)]
    if wrong:
        what = model.config["name"]
        raise ValueError(
            f"{path} is of another network than {what}: {len(wrong)} tensors differ, first "
            f"{_difference(wrong[0], body, own)}; in the file are {few(weights)}"
        )
    model.load_state_dict(body, strict=False)


def _difference(name: str, body: dict[str, Tensor], own: dict[str, Tensor]) -> str:
    if name not in body:
        return f"{name}, which is not there"
    if name not in own:
        return f"{name}, which is one too many (the last layer must be called fc)"
    return f"{name}, of shape {tuple(body[name].shape)} and not {tuple(own[name].shape)}"
