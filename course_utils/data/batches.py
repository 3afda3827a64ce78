"""Mini-batches from images held in memory, augmented as whole batches on tensors (notebook 01)."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.data.datasets import ImageSet
from course_utils.store.balance import draw_order
from course_utils.store.sharing import joint_sizes


class Batches:
    """Iterate over images `(B, 3, H, W)` float32 normalised, with labels `(B,)` int64.

    ``augment=True`` gives every image its own random crop of the image padded by ``padding`` black
    pixels, and a mirror image half of the time. ``shuffle=True`` visits every image once an epoch
    in a new order; a last batch of one single image is then left out, since batch norm cannot
    learn from it. With ``weights`` (N,) each image comes as often as its weight says, see
    `draw_order`. ``limit`` takes only the first so many batches of an epoch.

    Both sorts of chance come from ``generator``, drawn at the start of an epoch: an epoch can be
    repeated exactly by restoring its state. Of several processes each takes its part of every
    batch, see `store.sharing`. Raises ``ValueError`` where there is no batch to give.

    Random crop and flip: Lee et al., *Deeply-Supervised Nets*, 2015; He et al. 2016, §4.2.

    >>> from course_utils import cifar10
    >>> images, labels = next(iter(Batches(cifar10("drawings").val, batch_size=8)))
    data: the embedded drawings
    >>> tuple(images.shape), tuple(labels.shape)
    ((8, 3, 32, 32), (8,))
    """

    def __init__(
        self,
        data: ImageSet,
        batch_size: int,
        *,
        shuffle: bool = False,
        augment: bool = False,
        padding: int = 4,
        seed: int = 0,
        device: torch.device | str = "cpu",
        memory_format: torch.memory_format = torch.contiguous_format,
        limit: int | None = None,
        weights: Tensor | None = None,
        rank: int = 0,
        processes: int = 1,
    ):
        self.data, self.batch_size, self.shuffle = data, batch_size, shuffle
        self.weights = weights
        self.memory_format, self.rank, self.processes = memory_format, rank, processes
        self.joint_sizes = joint_sizes(len(data), batch_size, processes, limit, training=shuffle)
        self.generator = torch.Generator().manual_seed(seed)
        self.labels = data.labels.to(device)
        if not self.joint_sizes:  # of a few images, a process may have none
            raise ValueError(f"no batch of {batch_size} in {len(data)} images (limit {limit})")
        images = data.images.to(device)
        self.crops = all_crops(images, padding) if augment else images[:, :, None, None]
        mean, std = (torch.tensor(v, device=device).view(3, 1, 1) for v in (data.mean, data.std))
        self.scale, self.shift = 1 / (255 * std), -mean / std  # normalised = image·scale + shift

    def __len__(self) -> int:
        return sum(size > self.rank for size in self.joint_sizes)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        images, device = len(self.labels), self.labels.device
        order = places = torch.arange(images)
        if self.shuffle:
            order, places = draw_order(images, self.weights, self.generator)
        both = torch.stack([order, places]).to(device)
        where = self._draw_crops().to(device)
        for batch in both.split(self.batch_size, dim=1)[: len(self)]:
            batch, drawn = batch[:, self.rank :: self.processes]
            mirrored, top, left = where[:, drawn]
            crops = self.crops[batch + mirrored * images, :, top, left]  # (B, 3, H, W) uint8
            crops = crops.contiguous(memory_format=self.memory_format)  # while a value is one byte
            yield torch.addcmul(self.shift, crops, self.scale), self.labels[batch]

    def _draw_crops(self) -> Tensor:
        """Mirrored or not, top edge, left edge: (3, N) for the N images of an epoch."""
        doubled, _, tops, lefts = self.crops.shape[:4]
        choices = (doubled // len(self.labels), tops, lefts)
        return torch.stack(
            [torch.randint(n, (len(self.labels),), generator=self.generator) for n in choices]
        )


def all_crops(images: Tensor, padding: int) -> Tensor:
    """A view of every crop of every image and of its mirror image.

    images (N, 3, H, W) → (2N, 3, 2·padding + 1, 2·padding + 1, H, W), where index ``n + N`` is the
    mirror image of ``n``. Only the padded images take memory; the crops share it.
    """
    height, width = images.shape[-2:]
    both = torch.cat([images, images.flip(-1)])
    return F.pad(both, [padding] * 4).unfold(2, height, 1).unfold(3, width, 1)
