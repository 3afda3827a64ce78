"""Weights to start from: the official ones where they can be had, else the course's own."""

import hashlib
import os
import shutil

import loopback as web
import pytest
import torch
from torchvision.models import resnet18

from course_utils.data.transfer import DownloadError
from course_utils.data.web import WebError
from course_utils.models import create_model, pretrained
from course_utils.models.pretrained import official_file, pretrained_resnet18


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """A file as torchvision publishes it, named after its hash; the weights are random."""
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(resnet18().half().state_dict(), path)
    name = f"resnet18-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth"
    return path.rename(path.with_name(name))


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path, official):
    """No weights here yet, and an address where nobody listens."""
    monkeypatch.setattr(pretrained, "DATA", tmp_path / "data")
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    address = f"http://127.0.0.1:9/{official.name}"
    monkeypatch.setitem(pretrained.OFFICIAL, "resnet18", address)


@pytest.mark.parametrize("folder", ["usb/weights", "data/weights", "hub/checkpoints"])
def test_official_weights_from_a_folder(folder, official, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "usb"))
    (tmp_path / folder).mkdir(parents=True)
    shutil.copy(official, tmp_path / folder)
    model = pretrained_resnet18(num_classes=3)
    assert "torchvision's ResNet-18" in capsys.readouterr().out
    weights = torch.load(official, weights_only=True)
    assert torch.equal(model.conv1.weight, weights["conv1.weight"].float())
    assert model.eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 3)
    assert model.config == {"name": "resnet18", "num_classes": 3}


def test_official_weights_are_downloaded_once(official, tmp_path, monkeypatch):
    with web.Loopback() as server:
        address = server.put(f"/{official.name}", official.read_bytes(), web.cut, web.ranged)
        monkeypatch.setitem(pretrained.OFFICIAL, "resnet18", address)
        assert official_file("resnet18").read_bytes() == official.read_bytes()
        asked = len(server.seen)
        assert official_file("resnet18") == tmp_path / "data" / "weights" / official.name
        assert len(server.seen) == asked == 2  # cut once, and then taken from the disk


def test_another_file_is_refused_and_not_kept(official, tmp_path, monkeypatch):
    with web.Loopback() as server:
        address = server.put(f"/{official.name}", b"another file")
        monkeypatch.setitem(pretrained.OFFICIAL, "resnet18", address)
        with pytest.raises(WebError, match="sent another file"):
            official_file("resnet18")
    assert not list((tmp_path / "data" / "weights").glob("*.pth"))


def test_a_damaged_file_is_named(official, tmp_path):
    folder = tmp_path / "data" / "weights"
    folder.mkdir()
    (folder / official.name).write_bytes(official.read_bytes()[:-1])
    with pytest.raises(DownloadError, match="is damaged or another file: remove it"):
        official_file("resnet18")


@pytest.mark.parametrize("asked", [True, False])
def test_without_them_the_courses_own(asked, capsys):
    model = pretrained_resnet18(num_classes=10, official=asked)
    told = capsys.readouterr().out
    assert ("no official weights: 127.0.0.1:9 " in told) == asked
    assert "the course's own ResNet-18 of width 32" in told
    own = torch.load(pretrained.OWN, weights_only=True)
    assert torch.equal(model.layer4[1].conv2.weight, own["layer4.1.conv2.weight"].float())
    assert model.fc.out_features == 10
    again = create_model(**model.config)  # what a checkpoint of it would build
    again.load_state_dict(model.state_dict())


def test_weights_of_another_network_are_refused():
    weights = torch.load(pretrained.OWN, weights_only=True)
    with pytest.raises((ValueError, RuntimeError), match="another network|size mismatch"):
        pretrained._with_new_head(create_model("resnet34", stem="64px", width=32), weights)
