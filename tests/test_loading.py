"""The Loader with real worker processes that raise, die and hang."""

import errno
import os
import pickle
import random
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import Noisy, same, small_run, small_set, stop_at
from picture_folders import write_pictures

from course_utils.data.batches import Batches
from course_utils.data.datasets import ImageSet
from course_utils.data.folders import image_folder
from course_utils.data.loading import ImageLoader, Loader, LoadingError
from course_utils.data.transforms import train_transform
from course_utils.store.colour import ColourJitter
from course_utils.store.locations import DRAWINGS

ROOT = Path(__file__).resolve().parents[1]
STEPS = 7  # of an epoch of `small_run`


class Numbers(torch.utils.data.Dataset):
    """Gives its index; one index can go wrong in one way."""

    def __init__(self, count: int, bad: int | None = None, manner: str = ""):
        self.count, self.bad, self.manner = count, bad, manner
        self.targets = list(range(count))
        self.samples = [(f"photos/{i}.jpg", i) for i in range(count)]

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if index == self.bad:
            self.go_wrong()
        return torch.tensor([index, torch.randint(1000, ()).item()])

    def go_wrong(self):
        if self.manner == "raise":
            raise OSError("cut off\nafter 3 bytes")
        if self.manner == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.manner == "hang":
            time.sleep(2)


def epoch(loader) -> list[list[int]]:
    return torch.cat(list(loader)).tolist()


@pytest.mark.parametrize("workers", [0, 2])
def test_the_image_that_fails_is_named(workers):
    loader = Loader(Numbers(20, bad=13, manner="raise"), 4, workers=workers)
    for _ in range(2):  # and the second time, with new workers
        with pytest.raises(LoadingError) as error:
            epoch(loader)
        assert str(error.value) == (
            "image 13 (photos/13.jpg) failed: OSError: cut off after 3 bytes"
        )


def test_too_many_open_files_names_the_limit(monkeypatch):
    data = Numbers(4, bad=2)

    def limit() -> None:  # what the system says of one file too many
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(data, "go_wrong", limit)
    with pytest.raises(LoadingError, match="image 2 .*open files; allow more: ulimit -n 4096$"):
        epoch(Loader(data, 4))


@pytest.mark.parametrize("workers", [0, 1])
def test_images_that_do_not_fit_together_are_told_in_one_line(workers):
    images = [torch.zeros(3, 4, 4), torch.zeros(3, 5, 4)]
    with pytest.raises(LoadingError, match="stack expects each tensor to be equal size") as error:
        list(Loader(images, 2, workers=workers))
    assert "\n" not in str(error.value)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")
def test_a_worker_that_is_killed():
    with pytest.raises(LoadingError) as error:
        epoch(Loader(Numbers(20, bad=13, manner="die"), 4, workers=2))
    assert str(error.value) == (
        "a data worker died, most likely for want of memory: "
        "use fewer workers (now 2) or a smaller batch_size (now 4)"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")
def test_a_worker_lost_between_two_epochs_is_not_waited_for():
    loader = Loader(Numbers(20), 4, workers=2, timeout=1000)
    epoch(loader)
    worker, before = loader._iterator._workers[0], signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:  # nobody hears of it, as where Python forks just then
        worker.kill()
        worker.join()
    finally:
        signal.signal(signal.SIGCHLD, before)
    with pytest.raises(LoadingError, match="a data worker died"):
        epoch(loader)
    assert len(epoch(loader)) == 20  # with new workers


@pytest.mark.skipif(sys.platform == "win32", reason="no fork on Windows")
def test_while_workers_are_forked_the_signal_of_a_lost_one_waits(monkeypatch):
    told, fork = [], os.fork

    def watched():
        signal.raise_signal(signal.SIGCHLD)
        told.append("forked")
        return fork()

    monkeypatch.setattr(os, "fork", watched)
    before = signal.signal(signal.SIGCHLD, lambda *_: told.append("heard"))
    try:
        list(Loader(Numbers(20), 4, workers=1, multiprocessing_context="fork"))
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert told[:2] == ["forked", "heard"]


def test_a_worker_that_hangs():
    with pytest.raises(LoadingError) as error:
        epoch(Loader(Numbers(20, bad=13, manner="hang"), 4, workers=1, timeout=0.5))
    assert str(error.value) == (
        "no batch came within 0.5 s: a data worker hangs; "
        "use workers=0 to see where, or a longer timeout"
    )


def test_seeds_repeat_order_and_augmentation_in_the_workers():
    first, other = (Loader(Numbers(20), 4, shuffle=True, workers=2, seed=s) for s in (1, 2))
    again = Loader(Numbers(20), 4, shuffle=True, workers=2, seed=1)
    torch.manual_seed(0)
    one = [epoch(first), epoch(first)]
    torch.manual_seed(9)  # the global seed plays no part
    assert [epoch(again), epoch(again)] == one
    assert one[0] != one[1] and one[0] != epoch(other)
    for rows in one:
        assert sorted(index for index, _ in rows) == list(range(20))


def test_the_generator_repeats_an_epoch():
    loader = Loader(Numbers(20), 4, shuffle=True, seed=3)
    epoch(loader)
    state = loader.generator.get_state()
    order = [index for index, _ in epoch(loader)]
    loader.generator.set_state(state)
    assert [index for index, _ in epoch(loader)] == order


@pytest.mark.parametrize(
    "count, options, sizes",
    [
        (9, {"shuffle": True}, [4, 4]),  # the lone last image would upset batch norm
        (9, {}, [4, 4, 1]),
        (10, {"shuffle": True}, [4, 4, 2]),
        (10, {"shuffle": True, "drop_last": True}, [4, 4]),
        (10, {"drop_last": True}, [4, 4]),
        (3, {"shuffle": True, "drop_last": True}, []),
    ],
)
def test_sizes_of_batches(count, options, sizes):
    loader = Loader(Numbers(count), 4, **options)
    assert [len(batch) for batch in loader] == sizes and len(loader) == len(sizes)


def test_the_data_set_shows_through():
    dataset = Loader(Numbers(5), 2).dataset
    spawned = pickle.loads(pickle.dumps(dataset))  # as workers get it on macOS and Windows
    assert dataset.targets == spawned.targets == [0, 1, 2, 3, 4]
    with pytest.raises(AttributeError):
        _ = Loader(Numbers(5), 2).dataset.nonsense


# ---- the same chance everywhere ----


class Dice(Numbers):
    """Gives its index and what three generators say, as random transforms ask them."""

    def __getitem__(self, index):
        if index == self.bad:
            self.go_wrong()
        thrown = [random.random(), np.random.rand(), torch.rand(()).item()]
        return torch.tensor([index, *thrown], dtype=torch.float64)


def test_batches_are_the_same_with_any_number_of_workers():
    def epochs(workers, prefetch):
        options = {"prefetch_factor": prefetch} if workers else {}
        loader = Loader(Dice(23), 4, shuffle=True, seed=5, workers=workers, **options)
        return [list(loader) for _ in range(3)]  # of workers that live on

    alone = epochs(0, None)
    for ours in (epochs(1, 1), epochs(2, 3)):
        assert same(ours, alone)
    thrown = torch.cat([row for epoch in alone for row in epoch])[:, 1:].flatten()
    assert len(thrown.unique()) == len(thrown)  # never the same twice


@pytest.mark.parametrize("shuffle", [True, False])
def test_processes_share_every_batch(shuffle):
    for count, size in ((23, 6), (24, 6), (21, 6), (3, 6)):
        options = {"shuffle": shuffle, "seed": 5}
        joint = Loader(Dice(count), size, **options)
        shares = [Loader(Dice(count), size, rank=r, processes=3, **options) for r in range(3)]
        assert all(share.joint_sizes == shares[0].joint_sizes for share in shares)
        assert all(share.batch_size == 2 for share in shares)
        for _ in range(2):
            whole = list(joint)
            parts = [list(share) for share in shares]
            assert [len(part) for part in parts] == [len(share) for share in shares]
            for step, images in enumerate(shares[0].joint_sizes):
                there = [part[step] for part in parts if step < len(part)]
                assert sum(map(len, there)) == images == len(whole[step])
                for rank, rows in enumerate(there):
                    assert torch.equal(rows, whole[step][rank::3])
    if shuffle:  # with one image for a process batch norm cannot learn: left out
        assert shares[0].joint_sizes == [] and sum(joint.joint_sizes) == 3
    else:
        assert [len(share) for share in shares] == [1, 1, 1]


def test_a_process_for_which_no_image_is_left_evaluates_none():
    parts = [list(Loader(Dice(2), 50, rank=r, processes=3)) for r in range(3)]
    assert [len(part) for part in parts] == [1, 1, 0]
    odd = [torch.cat(list(Loader(Dice(7), 2, rank=r, processes=3)))[:, 0] for r in range(3)]
    assert torch.cat(odd).sort().values.tolist() == list(range(7))


def test_a_batch_that_cannot_be_shared():
    with pytest.raises(ValueError, match="batch_size is 8, of all 3 processes together"):
        Loader(Dice(20), 8, shuffle=True, processes=3)


def test_errors_name_the_batch_of_all_processes():
    loader = Loader(Numbers(20, bad=13, manner="die"), 4, workers=1, rank=1, processes=2)
    with pytest.raises(LoadingError, match=r"or a smaller batch_size \(now 4\)"):
        epoch(loader)


@pytest.mark.parametrize("workers", [0, 1])
def test_skip_leaves_out_batches_of_one_epoch_without_reading_them(workers):
    loader, whole = (
        Loader(Dice(22), 4, shuffle=True, seed=5, workers=w, rank=1, processes=2)
        for w in (workers, 0)
    )
    list(loader), list(whole)
    loader.skip = 3
    order = torch.randperm(22, generator=torch.Generator().set_state(loader.generator.get_state()))
    loader.dataset.dataset.bad, loader.dataset.dataset.manner = order[1].item(), "raise"
    rest = list(loader)  # the first image of this process would fail
    loader.dataset.dataset.bad = None
    assert same(rest, list(whole)[3:]) and loader.skip == 0
    if not workers:  # those that live on have a copy of the data set that fails
        assert same(list(loader), list(whole)) and len(loader) == 5


def test_loading_leaves_the_generators_of_the_training_alone():
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    list(Loader(Dice(9), 4, shuffle=True))
    failing = Loader(Numbers(9, bad=3, manner="raise"), 4)
    with pytest.raises(LoadingError):
        list(failing)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    assert before[:2] == after[:2] and torch.equal(before[2], after[2])


def test_the_generator_repeats_seeds_too_and_workers_do_not_move_it():
    loaders = [Loader(Dice(9), 4, shuffle=True, seed=3, workers=w) for w in (0, 1)]
    states = []
    for loader in loaders:
        list(loader)
        state = loader.generator.get_state()
        second = list(loader)
        loader.generator.set_state(state)
        assert same(list(loader), second)
        states.append(state)
    assert torch.equal(*states)


def test_data_sets_that_fetch_whole_batches():
    subset = torch.utils.data.Subset(Dice(20), range(10, 20))  # has PyTorch's __getitems__
    rows = torch.cat(list(Loader(subset, 4)))
    assert rows[:, 0].tolist() == list(range(10, 20))


@pytest.mark.parametrize("stop", [STEPS + 4, 2 * STEPS])
def test_training_that_is_resumed_reads_the_same_batches_from_workers_that_live_on(stop, tmp_path):
    def run(folder, workers, **options):
        loader = Loader(Noisy(small_set()), 8, shuffle=True, workers=workers)
        return small_run(folder, train_loader=loader, **options)

    whole = run(None, 0)
    run(tmp_path, 1, callbacks=[stop_at(stop)])
    torch.manual_seed(99)
    assert same(run(tmp_path, 1, resume=tmp_path), whole)


# ---- normalised batches ----


def images() -> ImageSet:
    pixels = torch.randint(256, (10, 3, 6, 5), dtype=torch.uint8)
    return ImageSet(pixels, torch.arange(10) % 2, ("a", "b"), (0.4, 0.5, 0.6), (0.2, 0.3, 0.4))


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_are_float_and_normalised_as_those_from_memory(workers):
    data = images()
    loader = ImageLoader(data, 4, memory_format=torch.channels_last, workers=workers)
    for (ours, labels), (expected, known) in zip(loader, Batches(data, 4), strict=True):
        assert ours.dtype == torch.float32 and labels.dtype == torch.int64
        assert ours.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(ours, expected) and torch.equal(labels, known)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (data.mean, data.std))
    first = next(iter(loader))[0][0]
    assert torch.allclose(first, (data.images[0] / 255 - mean) / std, atol=1e-6)


def test_normalised_batches_have_order_and_sizes_of_the_loader():
    data = images()
    options = {"shuffle": True, "seed": 3}
    ours = [labels.tolist() for _, labels in ImageLoader(data, 3, **options)]
    assert ours == [labels.tolist() for _, labels in Loader(data, 3, **options)]
    assert list(map(len, ours)) == [3, 3, 3] and ImageLoader(data, 3).labels is data.labels


def test_normalisation_happens_where_it_is_told():
    loader = ImageLoader(images(), 4, device="meta")  # a device without values, on any machine
    batch, labels = next(iter(loader))
    assert batch.device.type == labels.device.type == "meta" and batch.dtype == torch.float32


# ---- pictures ----


def pictures(**options) -> ImageLoader:
    folder = DRAWINGS / "hymenoptera_data"
    data = image_folder(
        folder, "val", bad_images="unchecked", transform=train_transform(24, rotation=10)
    )
    jitter = ColourJitter(0.2, 0.2, 0.2, 0.1)
    return ImageLoader(data, 8, shuffle=True, seed=2, jitter=jitter, **options)


@pytest.mark.slow
def test_spawned_workers_and_processes_change_no_pixel():
    """Crops, rotations, colours: with a spawned worker, as on macOS and Windows, and without."""
    alone = pictures()
    whole = [list(alone) for _ in range(2)]
    spawned = pictures(workers=1, multiprocessing_context="spawn")
    assert same([list(spawned) for _ in range(2)], whole)
    first, second = (pictures(rank=rank, processes=2) for rank in range(2))
    for (images, labels), (other, known), (joint, all_labels) in zip(first, second, whole[0]):
        assert torch.equal(images, joint[::2]) and torch.equal(other, joint[1::2])
        assert torch.equal(
            torch.cat([labels, known]), torch.cat([all_labels[::2], all_labels[1::2]])
        )
    assert not torch.equal(whole[0][0][0], whole[1][0][0])


def test_jitter_changes_the_colours_and_not_the_crops():
    plain = pictures()
    plain.jitter = None
    for (images, _), (coloured, _) in zip(plain, pictures()):
        assert 0.02 < (images - coloured).abs().mean() < 0.6


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs mount namespaces")
def test_full_shared_memory_is_told_with_two_ways_out(tmp_path):
    root = write_pictures(tmp_path / "colours", train=4, val=2)
    words = [sys.executable, "-m", "course_utils", "train", "--data", root]
    words += ["--out", tmp_path / "run", *["--model", "cnn", "--weights", "none", "--epochs", "1"]]
    train = shlex.join(map(str, [*words, "--workers", 2]))
    script = f"mount -t tmpfs -o size=64k tmpfs /dev/shm && echo mounted && {train}"
    command = ["unshare", "--map-root-user", "--mount", "bash", "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    if "mounted" not in done.stdout:  # as in most containers
        pytest.skip("mount namespaces are not allowed here")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "/dev/shm, is full" in done.stderr
    assert "--workers 0" in done.stderr and "--shm-size" in done.stderr
