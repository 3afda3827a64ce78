"""The Loader with real worker processes that raise, die and hang."""

import os
import pickle
import signal
import sys
import time

import pytest
import torch

from course_utils.data.batches import Batches
from course_utils.data.datasets import ImageSet
from course_utils.data.loading import ImageLoader, Loader, LoadingError


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
