"""Weights to start from: the official ones where they can be had, else the course's own."""

import hashlib
import os
import shutil

import loopback as web
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import googlenet, resnet18, resnet34

from course_utils.engine import pretrained
from course_utils.engine.checkpoint import save_checkpoint
from course_utils.engine.pretrained import find_weights, official_file
from course_utils.models import create_model
from course_utils.store.fetching import DownloadError
from course_utils.store.web import WebError

ADDRESSES = dict(pretrained.OFFICIAL)


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


def test_files_from_before_batch_norms_counted(tmp_path):
    """As torchvision's ResNet files: 102 tensors for ResNet-18, without num_batches_tracked."""
    values = resnet18().state_dict()
    old = {name: value for name, value in values.items() if "num_batches" not in name}
    assert len(old) == 102
    path = tmp_path / "old.pth"
    torch.save(old, path)
    model = pretrained.pretrained("resnet18", 2, path)
    assert torch.equal(model.layer4[1].bn2.running_var, old["layer4.1.bn2.running_var"])
    create_model("resnet18", 1000).load_state_dict(old)  # as the notebook loads it, strictly


@pytest.mark.parametrize("place", [None, "model", "state_dict", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
def test_files_of_tutorials_on_many_gpus(place, prefix, tmp_path):
    """As DataParallel, DistributedDataParallel and torch.compile name what they hold."""
    expected = resnet18(num_classes=7).state_dict()
    saved = {prefix + name: value for name, value in expected.items()}
    path = tmp_path / "checkpoint.pth.tar"
    torch.save({"epoch": 3, "arch": "resnet18", place: saved} if place else saved, path)
    network = pretrained.pretrained("resnet18", 5, str(path)).state_dict()
    assert network["fc.bias"].shape == (5,)
    body = [name for name in expected if not name.startswith("fc.")]
    assert all(torch.equal(network[name], expected[name]) for name in body)


def saved_as(kind: str, weights: dict):
    """A file's content as other people's scripts save it."""
    named = {p: {p + name: v for name, v in weights.items()} for p in OTHERS.get(kind, [""])}
    queue = {"module.queue": torch.zeros(8, 4), "module.queue_ptr": torch.zeros(1)}
    return {
        "Lightning": {"epoch": 3, "state_dict": named.get("model."), "hyper_parameters": {"a": 1}},
        "a script's net": {"net": weights, "acc": 91.2, "epoch": 3},
        "params": {"params": weights},
        "FSDP": {n.replace(".conv1", "._fsdp_wrapped_module.conv1"): v for n, v in weights.items()},
        "MoCo": {"state_dict": {**named.get("module.encoder_q.", {}), **queue}},
        "DINO": {"student": {"head": queue["module.queue"]}, "teacher": named.get("backbone.")},
        "an average": {"n_averaged": torch.tensor(5), **named.get("module.", {})},
        "Adam's": {"optimizer": {"state": {0: {"step": torch.ones(1)}}}, "network": weights},
    }[kind]


OTHERS = {"Lightning": ["model."], "MoCo": ["module.encoder_q."], "DINO": ["backbone."]}
OTHERS |= {"an average": ["module."]}


@pytest.mark.parametrize(
    "kind, told",
    [
        ("Lightning", "those whose names begin with model."),
        ("a script's net", ""),
        ("params", ""),
        ("FSDP", ""),
        ("MoCo", "those whose names begin with encoder_q.; left out: queue, queue_ptr"),
        ("DINO", "those under 'teacher', not student; those whose names begin with backbone."),
        ("an average", "left out, as resnet18 has no such thing: n_averaged"),
        ("Adam's", ""),
    ],
)
def test_files_of_other_peoples_scripts(kind, told, tmp_path, capsys):
    expected = resnet18(num_classes=7).state_dict()
    path = tmp_path / "last.ckpt"
    torch.save(saved_as(kind, expected), path)
    network = pretrained.pretrained("resnet18", 5, path).state_dict()
    body = [name for name in expected if not name.startswith("fc.")]
    assert all(torch.equal(network[name], expected[name]) for name in body)
    lines = [f"weights: {path}", *([f"weights: {told}"] if told else [])]
    assert capsys.readouterr().out.splitlines() == lines


def test_safetensors(tmp_path):
    expected = resnet18(num_classes=7).half().state_dict()
    path = tmp_path / "model.safetensors"
    save_file(expected, path)
    network = pretrained.pretrained("resnet18", 5, path)
    assert torch.equal(network.layer4[1].conv2.weight.half(), expected["layer4.1.conv2.weight"])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="model.safetensors is damaged or no safetensors"):
        find_weights("resnet18", path)


def test_a_larger_network_is_not_taken_for_a_smaller(tmp_path):
    path = tmp_path / "34.pth"
    torch.save(resnet34().state_dict(), path)
    with pytest.raises(ValueError, match=r"first layer1.2.conv1.weight, which is one too many"):
        pretrained.pretrained("resnet18", 2, path)


@pytest.mark.parametrize("folder", ["usb/weights", "data/weights", "hub/checkpoints"])
def test_official_weights_from_a_folder(folder, official, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "usb"))
    (tmp_path / folder).mkdir(parents=True)
    shutil.copy(official, tmp_path / folder)
    model = pretrained.pretrained("resnet18", num_classes=3)
    assert "torchvision's resnet18, trained on ImageNet" in capsys.readouterr().out
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


def test_without_them_the_courses_own(capsys):
    model = pretrained.pretrained("resnet18", num_classes=10)
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("no official weights: 127.0.0.1:9 ")
    assert told[1] == f"weights: {find_weights('resnet18', 'own')}"
    own = torch.load(pretrained.OWN, weights_only=True)
    assert torch.equal(model.layer4[1].conv2.weight, own["layer4.1.conv2.weight"].float())
    assert model.fc.out_features == 10
    again = create_model(**model.config)  # what a checkpoint of it would build
    again.load_state_dict(model.state_dict())


def test_official_alone_is_not_replaced():
    with pytest.raises(DownloadError, match="no official weights: 127.0.0.1:9 .* the course's own"):
        find_weights("resnet18", "official")


def test_the_addresses_are_torchvisions():
    from torchvision.models import get_model_weights

    for name, address in ADDRESSES.items():
        assert address == get_model_weights(name)["IMAGENET1K_V1"].url


def test_official_googlenet_loads_into_the_courses(tmp_path):
    theirs = googlenet(aux_logits=True, init_weights=False)
    path = tmp_path / "googlenet.pth"
    torch.save(theirs.state_dict(), path)
    model = pretrained.pretrained("googlenet", 5, pretrained._official("googlenet", path))
    assert torch.equal(
        model.inception5b.branch1.conv.weight, theirs.inception5b.branch1.conv.weight
    )
    assert model.config["transform_input"] and model.fc.out_features == 5


def test_a_folder_named_holds_official_weights(official, tmp_path, capsys):
    shutil.copy(official, tmp_path)
    found = find_weights("resnet18", tmp_path)
    assert found.kind == "official" and found.image_size == 224
    with pytest.raises(ValueError, match="holds no resnet34-"):
        find_weights("resnet34", tmp_path)


def test_a_checkpoint_of_the_course_is_a_start(tmp_path, capsys):
    begun = create_model("resnet18", 7, stem="cifar", width=8)
    path = tmp_path / "best.pt"
    content = {"model": begun.state_dict(), "config": begun.config, "about": {"image_size": 32}}
    torch.save(content, path)
    found = find_weights("resnet18", str(path))
    assert (found.image_size, found.options) == (32, {"stem": "cifar", "width": 8})
    model = pretrained.pretrained("resnet18", 2, found)
    assert capsys.readouterr().out == f"weights: {path}\n"
    assert torch.equal(model.conv1.weight, begun.conv1.weight) and model.fc.out_features == 2
    with pytest.raises(ValueError, match="holds weights of resnet18, not of resnet34"):
        find_weights("resnet34", path)


def test_a_checkpoint_that_was_damaged_is_no_start(tmp_path):
    model = create_model("resnet18", 2, width=8)
    path = tmp_path / "best.pt"
    save_checkpoint({"model": model.state_dict(), "config": model.config}, path)
    assert find_weights("resnet18", path).options == {"width": 8}
    content = bytearray(path.read_bytes())
    place = content.index(model.conv1.weight.detach().numpy().tobytes())
    content[place] ^= 1  # which torch does not notice
    path.write_bytes(content)
    with pytest.raises(ValueError, match="best.pt is damaged: its SHA-256 is not that in best.pt."):
        find_weights("resnet18", path)


@pytest.mark.parametrize(
    "content, message",
    [
        ({"config": ["resnet18"]}, "is no checkpoint of this course"),
        ({"config": "resnet18"}, "is no checkpoint of this course"),
        ({"config": {"name": "resnet18", "width": "8"}}, "its config builds no resnet18"),
        ({"config": {"width": 8}}, "is of another network than resnet18"),
        ({"about": ["red"]}, "is no checkpoint of this course"),
        ({"about": {"image_size": "large"}}, "is no checkpoint of this course"),
        ({"about": {"mean": 0.5}}, "is no checkpoint of this course"),
        ({"about": None}, "is of another network than resnet18"),
        ({"config": None, "model": torch.zeros(2)}, r"for each name, but model \(Tensor\), config"),
        ({"model": {"fc.weight": 1.0}}, r"not a tensor for each name, but model \(dict\)"),
        ({1: torch.zeros(2)}, r"not a tensor for each name, but 1 \(Tensor\)"),
        ({"config": {"lr": 0.1}}, "is of another network than resnet18"),
    ],
)
def test_foreign_checkpoints(content, message, tmp_path):
    path = tmp_path / "best.pt"
    weights = {} if 1 in content else {"model": {"fc.weight": torch.zeros(2)}}
    torch.save(weights | content, path)
    with pytest.raises(ValueError, match=message) as told:
        pretrained.pretrained("resnet18", 2, path)
    assert "\n" not in str(told.value)


class Code:
    def __reduce__(self):
        return print, ("run!",)


@pytest.mark.parametrize(
    "content, message",
    [
        ({"model": Code()}, r"is refused: it holds (\w+\.)?print,"),
        ({"conv1.weight": torch.zeros(64, 1, 7, 7)}, "in the file are conv1.weight$"),
        (torch.zeros(2), "holds no weights but a Tensor"),
        ({"conv1.weight": torch.zeros(1)}, "is of another network than resnet18: 100 tensors"),
    ],
)
def test_files_that_are_no_such_weights(content, message, tmp_path, capsys):
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(ValueError, match=message):
        pretrained.pretrained("resnet18", 2, path)
    assert "run!" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "model, weights, message",
    [
        ("cnn", "official", "no official weights of cnn, only of resnet18, resnet34"),
        ("cnn", "auto", "no official weights of cnn"),
        ("resnet50", "own", "the course's own weights are of resnet18, not of resnet50"),
        ("resnet18", "oficial", "'oficial': neither auto, official, own nor a file or folder"),
    ],
)
def test_weights_that_there_are_not(model, weights, message):
    with pytest.raises(ValueError, match=message):
        find_weights(model, weights)


def test_what_is_no_file_of_weights_is_quoted(tmp_path):
    path = tmp_path / "weights.pth"
    for text in ("version https://git-lfs.github.com/spec/v1", "<!DOCTYPE html>"):
        path.write_text(text)
        with pytest.raises(ValueError, match=f"begins with b'{text[:20]}"):
            find_weights("resnet18", path)


def test_a_cut_file_is_no_weights(tmp_path):
    path = tmp_path / "cut.pth"
    path.write_bytes(pretrained.OWN.read_bytes()[:1000])
    with pytest.raises(ValueError, match="cut.pth is damaged or holds no weights"):
        find_weights("resnet18", path)
