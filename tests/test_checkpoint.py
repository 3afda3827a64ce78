"""A checkpoint is whole or refused, and never runs code."""

import hashlib
import os
import pickle
import random
import shutil
import warnings
import zipfile
from collections import Counter

import numpy as np
import pytest
import torch
from helpers import same, small_model, small_run
from torch import nn

from course_utils import create_model, load_checkpoint, load_model, save_checkpoint
from course_utils.engine import checkpoint
from course_utils.engine.checkpoint import CheckpointError, load_latest, load_weights, previous_of


def content(epoch: int) -> dict:
    weights = {"weight": torch.full((1000,), float(epoch)), "bias": torch.tensor(epoch)}
    return {"model": weights, "epoch": epoch, "steps": Counter([1]), "kind": torch.float16}


def save(folder, *epochs: int):
    for epoch in epochs:
        save_checkpoint(content(epoch), folder / "last.pt")
    return folder / "last.pt"


def test_saved_is_loaded_and_the_one_before_is_kept(tmp_path):
    path = save(tmp_path / "new" / "folder", 1, 2, 3)
    assert same(load_checkpoint(path), content(3))
    assert same(load_checkpoint(previous_of(path)), content(2))
    names = {p.name for p in path.parent.iterdir()}
    assert names == {"last.pt", "last.prev.pt", "last.pt.sha256"}
    lines = (path.parent / "last.pt.sha256").read_text().splitlines()
    files = [path, previous_of(path)]
    assert lines == [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}" for f in files]


def damages(data: bytes) -> list[bytes]:
    """Cut short, emptied, and one bit turned over at twenty places."""
    chance = random.Random(0)
    damaged = [b"", data[:1], data[: len(data) // 2], data[:-1]]
    for _ in range(20):
        place = chance.randrange(len(data))
        damaged.append(
            data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]
        )
    return damaged


def test_damage_is_told_and_the_one_before_is_used(tmp_path):
    path = save(tmp_path, 1, 2)
    whole = path.read_bytes()
    for damaged in damages(whole):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"last.pt is damaged.*use last.prev.pt"):
            load_checkpoint(path)
        with pytest.warns(UserWarning, match="last.pt is damaged.*going on from last.prev.pt"):
            assert same(load_latest(tmp_path), content(1))


def test_a_damaged_file_never_takes_the_place_of_the_whole_one_before(tmp_path):
    path = save(tmp_path, 1, 2)
    path.write_bytes(b"damaged")
    save(tmp_path, 3)
    assert [load_checkpoint(p)["epoch"] for p in (path, previous_of(path))] == [3, 1]


def test_with_both_damaged_it_says_so(tmp_path):
    path = save(tmp_path, 1, 2)
    path.write_bytes(b"damaged")
    previous_of(path).write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="no checkpoint beside it is whole") as error:
        load_latest(tmp_path)
    assert all(f"{name} is damaged" in str(error.value) for name in ("last.pt", "last.prev.pt"))
    assert "prev.prev" not in str(error.value)
    save_checkpoint(content(1), tmp_path / "epoch001_accuracy0.5000_loss1.0000.pt")
    with pytest.raises(CheckpointError, match=r"; use epoch001\S+0.pt$"):
        load_latest(tmp_path)


def test_without_a_whole_last_one_a_run_goes_on_from_its_best(tmp_path):
    path = save(tmp_path, 2, 3)
    save_checkpoint(content(1), tmp_path / "best.pt")
    for damaged in (path, previous_of(path)):
        damaged.write_bytes(b"damaged")
    told = "last.pt is damaged.*last.prev.pt is damaged.*; going on from best.pt"
    with pytest.warns(UserWarning, match=told):
        assert load_latest(tmp_path)["epoch"] == 1
    path.unlink(), previous_of(path).unlink()
    with pytest.warns(UserWarning, match="last.pt is not there.*; going on from best.pt"):
        assert load_latest(tmp_path)["epoch"] == 1


def test_damage_without_a_checksum_is_an_error_of_one_line_or_harmless(tmp_path):
    path = save(tmp_path, 1)
    whole = path.read_bytes()
    (tmp_path / "last.pt.sha256").unlink()
    with pytest.warns(UserWarning, match="last.pt has no last.pt.sha256 beside it: unchecked"):
        assert same(load_checkpoint(path), content(1))
    for damaged in damages(whole)[:4]:
        path.write_bytes(damaged)
        with warnings.catch_warnings(), pytest.raises(CheckpointError, match="last.pt is"):
            warnings.simplefilter("ignore")
            load_checkpoint(path)


def zipped(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "")


def savez(path):
    with path.open("wb") as file:
        np.savez(file, a=np.zeros(2))


FOREIGN = {
    "an empty file": lambda path: path.write_bytes(b""),
    "a web page or XML": lambda path: path.write_bytes(b"<html>not found</html>"),
    "a JPEG image": lambda path: path.write_bytes(b"\xff\xd8\xff\xe0 a picture"),
    "a TorchScript archive": lambda path: zipped(path, "a/data.pkl", "a/constants.pkl"),
    "a NumPy archive": lambda path: savez(path),
    "a zip archive": lambda path: zipped(path, "notes.txt"),
    "a safetensors file": lambda path: path.write_bytes(b"\x40" + 7 * b"\0" + b'{"a":{}}'),
    "a Git LFS pointer": lambda path: path.write_bytes(b"version https://git-lfs.github.com/"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_is_told_for_what_it_is(kind, tmp_path):
    FOREIGN[kind](tmp_path / "best.pt")
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(tmp_path / "best.pt")
    assert f"best.pt is {kind}" in str(error.value) and "expected is a run's" in str(error.value)
    assert "weights_only" not in str(error.value)


def test_a_checkpoint_of_a_newer_format_names_its_version(tmp_path):
    save_checkpoint(content(1) | {"format": 99, "version": "7.1"}, tmp_path / "last.pt")
    with pytest.raises(CheckpointError, match="has the format '99', written by version 7.1; this"):
        load_checkpoint(tmp_path / "last.pt")


def test_an_absent_checkpoint_or_folder(tmp_path):
    with pytest.raises(CheckpointError, match="x.pt is not there; a run saves last.pt"):
        load_checkpoint(tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="last.pt is not there"):
        load_latest(tmp_path)
    save(tmp_path, 1, 2).unlink()
    with pytest.warns(UserWarning, match="going on from last.prev.pt"):
        assert load_latest(tmp_path)["epoch"] == 1


class Code:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("protocol", [None, 2, 4])  # None: in a file made by torch.save
def test_a_file_that_runs_code_is_refused_and_did_not_run(protocol, tmp_path):
    path, proof = tmp_path / "evil.pt", tmp_path / "it ran"
    evil = {"model": {"weight": Code(proof)}}
    if protocol:
        path.write_bytes(pickle.dumps(evil, protocol))
    else:
        torch.save(evil, path)
    (tmp_path / "evil.pt.sha256").write_text(hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(CheckpointError, match="evil.pt is refused") as error:
        load_checkpoint(path)
    assert not proof.exists() and "weights_only" not in str(error.value)
    torch.load(path, weights_only=False) if not protocol else pickle.loads(path.read_bytes())
    assert proof.exists(), "it would not have run anyway"


def test_what_loading_would_refuse_is_not_saved(tmp_path):
    path = save(tmp_path, 1)
    with pytest.raises(TypeError, match=r"not pathlib\.\w*Path: convert"):
        save_checkpoint({**content(2), "folder": tmp_path}, path)
    assert load_checkpoint(path)["epoch"] == 1


def test_other_files_of_torch_are_no_checkpoint(tmp_path):
    for number, thing in enumerate([torch.zeros(3), {"weights": 1}, {"model": 1}]):
        torch.save(thing, tmp_path / f"{number}.pt")
        with pytest.warns(UserWarning), pytest.raises(CheckpointError, match="holds no 'model'"):
            load_checkpoint(tmp_path / f"{number}.pt")


def test_a_full_disk_is_seen_beforehand(tmp_path, monkeypatch):
    path = save(tmp_path, 1)
    full = shutil.disk_usage(tmp_path)._replace(free=2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: full)
    with pytest.raises(OSError, match="needs 1 MiB and 1 MiB are free; make room"):
        save_checkpoint(content(2), path)
    assert load_checkpoint(path)["epoch"] == 1
    with pytest.warns(UserWarning, match="make room.*training goes on"):
        assert len(small_run(tmp_path / "run", epochs=2)) == 2


def test_any_failing_call_leaves_a_whole_one(tmp_path, monkeypatch):
    """Each call to the system fails once; then the next save works."""
    path = save(tmp_path, 1)
    for name in ("fsync", "replace", "link"):
        for number in range(5):
            counted, real = Counter(), getattr(os, name)

            def fail(*arguments, name=name, number=number, counted=counted, real=real):
                counted[name] += 1
                if counted[name] > number:
                    raise OSError(28, "No space left on device")
                return real(*arguments)

            before = load_checkpoint(path)["epoch"]
            with monkeypatch.context() as patched:
                patched.setattr(checkpoint.os, name, fail)
                try:
                    save_checkpoint(content(before + 1), path)
                    assert counted[name] == {"fsync": 4, "replace": 3, "link": 1}[name]
                except OSError as error:
                    assert "last.pt could not be saved, the one before is whole" in str(error)
                    assert "No space left" in str(error)
                    assert load_latest(tmp_path)["epoch"] == before
            save_checkpoint(content(before + 2), path)
            assert load_checkpoint(path)["epoch"] == before + 2
            assert load_checkpoint(previous_of(path))["epoch"] in (before, before + 1)
            assert not list(tmp_path.glob("*.part"))


def test_a_file_system_without_hard_links(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    path = save(tmp_path, 1, 2, 3)
    assert [load_checkpoint(p)["epoch"] for p in (path, previous_of(path))] == [3, 2]


def test_weights_of_another_model_are_refused_by_both_shapes():
    ten, two = create_model("cnn"), create_model("cnn", num_classes=2)
    before = [p.clone() for p in two.parameters()]
    with pytest.raises(CheckpointError) as error:
        load_weights(two, ten.state_dict(), "RUN/best.pt")
    for word in ("RUN/best.pt", "2 tensors", "fc.weight", "(10, 400)", "(2, 400)", "CNN"):
        assert word in str(error.value)
    assert same(before, list(two.parameters()))
    with pytest.raises(
        CheckpointError, match="0.weight: absent in the checkpoint, .* in Sequential"
    ):
        load_weights(nn.Sequential(nn.Linear(2, 2)), {})


def test_the_model_comes_back_with_what_it_knows(tmp_path):
    model = create_model("cnn", num_classes=3)
    about = {"classes": ["a", "b", "c"], "image_size": 32}
    about |= {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
    saved = {"model": model.state_dict(), "config": model.config, "about": about, "epoch": 4}
    save_checkpoint(saved, tmp_path / "best.pt")
    loaded, knows = load_model(tmp_path / "best.pt")
    assert knows == {**about, "epoch": 4} and not loaded.training
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(loaded(images), model.eval()(images))


def test_a_model_of_ones_own_is_not_guessed(tmp_path):
    small_run(tmp_path, epochs=1)
    with pytest.raises(
        CheckpointError, match="does not say which model it is of: build it by hand"
    ):
        load_model(tmp_path / "best.pt")
    own = small_model(5)
    load_weights(own, load_checkpoint(tmp_path / "best.pt")["model"])
    assert not same(own.state_dict(), small_model(5).state_dict())
