"""How the processes of one training run share the images of every batch.

A batch belongs to all processes together: the same images make it whatever their number. Process
``rank`` of ``processes`` takes its images ``rank``, ``rank + processes``, and so on.
"""


def joint_sizes(
    images: int,
    batch_size: int,
    processes: int = 1,
    limit: int | None = None,
    training: bool = True,
) -> list[int]:
    """How many images each step of an epoch sees, all processes together.

    The last batch is smaller. In training it is left out where it has fewer than two images for
    each of several processes, or one in all, since batch norm cannot learn from a single image;
    otherwise every image counts. ``limit`` takes only the first so many batches. Raises
    ``ValueError`` for a training batch that the processes cannot share equally.

    >>> joint_sizes(10, 4), joint_sizes(10, 4, processes=2), joint_sizes(9, 4)
    ([4, 4, 2], [4, 4], [4, 4])
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
    if training and batch_size % processes:
        raise ValueError(
            f"batch_size is {batch_size}, of all {processes} processes together: "
            f"it must be a multiple of {processes}"
        )
    whole, rest = divmod(images, batch_size)
    enough = (2 * processes if processes > 1 else min(2, batch_size)) if training else 1
    return ([batch_size] * whole + [rest] * (rest >= enough))[:limit]
