"""The same images make every batch, whatever the number of processes that share them."""

import pytest
import torch
from helpers import CLASSES, Noisy, small_model, small_set
from picture_folders import write_pictures
from torch.utils.data import DataLoader, DistributedSampler

from course_utils import Batches, ImageLoader, fit, image_folder
from course_utils.store.sharing import joint_sizes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = write_pictures(tmp_path_factory.mktemp("data"), train=11)
    return image_folder(root, size=8, bad_images="unchecked")


@pytest.fixture(params=["memory", "files"])
def make(request, folder):
    """A function that makes loaders of the same 33 images: one in memory, one of files."""
    if request.param == "memory":
        return lambda size, **options: Batches(
            small_set(33), size, augment=options.get("shuffle", False), padding=1, **options
        )
    return lambda size, **options: ImageLoader(folder, size, **options)


def epochs(make, processes: int, **options) -> list[list]:
    """Two epochs; of every batch what all processes got, put together as they share it."""
    loaders = [make(8, rank=rank, processes=processes, **options) for rank in range(processes)]
    result = []
    for _ in range(2):
        shares = [list(loader) for loader in loaders]
        assert [len(loader) for loader in loaders] == [len(share) for share in shares]
        result.append([joined([s[k] for s in shares if k < len(s)]) for k in range(len(shares[0]))])
    return result


def joined(parts: list) -> torch.Tensor:
    """Images (B, 3, S, S) of one batch, taken in turn from each process."""
    images = torch.empty(sum(len(part) for part, _ in parts), *parts[0][0].shape[1:])
    for rank, (part, _) in enumerate(parts):
        images[rank :: len(parts)] = part
    return images


@pytest.mark.parametrize("processes", [2, 4])
def test_a_batch_is_the_same_for_any_number_of_processes(make, processes):
    alone, shared = (epochs(make, n, shuffle=True) for n in (1, processes))
    assert [len(batch) for batch in shared[0]] == joint_sizes(33, 8, processes) == [8] * 4
    assert not torch.equal(shared[0][0], shared[1][0])  # every epoch has an order of its own
    for ours, theirs in zip(shared, alone):
        assert all(map(torch.equal, ours, theirs))


@pytest.mark.parametrize("processes", [2, 3, 4])
def test_evaluation_sees_every_image_once(make, processes):
    [alone, _], [shared, _] = (epochs(make, n) for n in (1, processes))
    alone, shared = (torch.cat(batches).flatten(1) for batches in (alone, shared))
    assert len(alone) == len(shared) == 33
    if processes != 3:  # of which 8 is no multiple: then the batches are others
        assert torch.equal(alone, shared)
    assert sorted(alone.tolist()) == sorted(shared.tolist())


def test_processes_that_get_no_image_of_a_batch(make):
    """36 processes of 33 images: three have none at all, and wait for nobody."""
    loaders = [make(8, rank=rank, processes=36) for rank in range(36)]
    assert sum(len(labels) for loader in loaders for _, labels in loader) == 33


@pytest.mark.parametrize("processes", [1, 2])
def test_the_last_training_batch_has_two_images_for_each_or_is_left_out(make, processes):
    sizes = joint_sizes(33 - 30, 2 * processes, processes)
    assert sizes == ([2] if processes == 1 else [])
    with pytest.raises(ValueError, match="batch_size is 9, of all 2 processes together"):
        make(9, shuffle=True, processes=2)


class Order(DataLoader):
    """Keeps the order in which it gave the labels."""

    seen = ()

    def __iter__(self):
        order = []
        self.seen = (*self.seen, order)
        for images, labels in super().__iter__():
            order += labels.tolist()
            yield images, labels


def test_fit_tells_a_distributed_sampler_the_epoch():
    """Which would else give the same order in every epoch."""
    data = Noisy(small_set(32))
    loader = Order(data, 4, sampler=DistributedSampler(data, num_replicas=2, rank=0))
    again = [[labels.tolist() for _, labels in loader] for _ in range(2)]
    assert again[0] == again[1]
    model, loader.seen = small_model(), ()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    fit(model, loader, DataLoader(data, 8), optimizer, epochs=3, num_classes=CLASSES)
    one, two, three = loader.seen
    assert one != two != three != one
