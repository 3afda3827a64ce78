"""A network that has learnt on other pictures: the start of transfer learning."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import torch
from torch import Tensor, nn

from course_utils.data.datasets import DATA
from course_utils.data.transfer import DownloadError, Source, fetch, sha256
from course_utils.data.web import WebError
from course_utils.models import create_model

# torchvision's file names end in the first eight digits of their SHA-256
OFFICIAL = {"resnet18": "https://download.pytorch.org/models/resnet18-f37072fd.pth"}

OWN = DATA / "tiny" / "weights" / "resnet18_w32_tiny_imagenet.pt"


def pretrained_resnet18(num_classes: int, official: bool = True) -> nn.Module:
    """A ResNet-18 with trained weights and a new, untrained last layer; prints which weights.

    torchvision's official ones, trained on ImageNet, from ``$COURSE_DATA/weights``,
    ``data/weights`` or a download. Where they cannot be had, or with ``official=False``, the
    course's own: a ResNet-18 of half the width, trained on Tiny ImageNet at 64 px.
    """
    if official:
        try:
            weights = torch.load(official_file("resnet18"), weights_only=True)
            print("weights: torchvision's ResNet-18, trained on ImageNet")
            return _with_new_head(create_model("resnet18", num_classes), weights)
        except WebError as error:
            print(f"no official weights: {urlsplit(OFFICIAL['resnet18']).netloc} {error}")
        except (DownloadError, OSError) as error:
            print(f"no official weights: {error}")
    print("weights: the course's own ResNet-18 of width 32, trained on Tiny ImageNet")
    weights = torch.load(OWN, weights_only=True)
    return _with_new_head(create_model("resnet18", num_classes, stem="64px", width=32), weights)


def official_file(name: str) -> Path:
    """Where torchvision's weights of this network lie, downloaded if need be and checked.

    Raises `WebError` or `DownloadError` where they cannot be had or are damaged.
    """
    url = OFFICIAL[name]
    file = url.rpartition("/")[2]
    places = [Path(os.environ["COURSE_DATA"])] if os.environ.get("COURSE_DATA") else []
    here = [place / "weights" / file for place in (*places, DATA)]
    here.append(Path(torch.hub.get_dir()) / "checkpoints" / file)  # torchvision's own cache
    found = next((path for path in here if path.is_file()), None)
    downloaded = found is None
    if downloaded:
        (DATA / "weights").mkdir(exist_ok=True)
        found = fetch(Source(url, folder=""), DATA / "weights")
    digest = sha256(found)
    if not digest.startswith(file.removesuffix(".pth").rpartition("-")[2]):
        if downloaded:
            found.unlink()
            raise WebError(f"sent another file (SHA-256 {digest[:8]}…)")
        raise DownloadError(f"{found} is damaged or another file: remove it")
    return found


def _with_new_head(model: nn.Module, weights: dict[str, Tensor]) -> nn.Module:
    """Load all weights but the last layer's, which knows other classes."""
    body = {name: value for name, value in weights.items() if not name.startswith("fc.")}
    missing, unexpected = model.load_state_dict(body, strict=False)
    if set(missing) != {"fc.weight", "fc.bias"} or unexpected:
        raise ValueError(f"these weights are of another network: {missing[:1] + unexpected[:1]}")
    return model
