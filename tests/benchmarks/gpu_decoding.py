"""How many JPEGs a second one core decodes, and the GPU's own decoder (nvJPEG).

python tests/benchmarks/gpu_decoding.py [FOLDER with train/<class>]
"""

import argparse
import time
from pathlib import Path

import torch
from torchvision.io import ImageReadMode, decode_jpeg, read_file

from course_utils import profile
from course_utils.commands.record import machine
from course_utils.store.locations import find


def rate(decode, files: list, repetitions: int, device: torch.device) -> float:
    """Images per second, after one pass to warm up."""
    for repetition in range(repetitions + 1):
        if repetition == 1:
            began = time.perf_counter()
        decode(files)
        if device.type == "cuda":
            torch.cuda.synchronize()
    return repetitions * len(files) / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--repetitions", type=int, default=5)
    asked, device = parser.parse_args(), profile.best_device()
    root = asked.folder or find("imagenet", "drawings").path
    paths = sorted(p for p in root.glob("train/*/*") if p.suffix.lower() in (".jpg", ".jpeg"))
    files, rgb = [read_file(str(path)) for path in paths], ImageReadMode.RGB
    torch.set_num_threads(1)
    ways = {"one core": lambda files: [decode_jpeg(data, mode=rgb) for data in files]}
    if device.type == "cuda":
        for size in (1, 32, len(files)):
            ways[f"GPU, {size} at a time"] = lambda files, size=size: [
                decode_jpeg(files[k : k + size], mode=rgb, device=device)
                for k in range(0, len(files), size)
            ]
    for name, decode in ways.items():
        print(f"{name:22} {rate(decode, files, asked.repetitions, device):9,.0f} images/s")
    about = machine(device)
    print(f"{len(files)} JPEGs; {about['device']}, {about['processor']}, torch {about['torch']}")


if __name__ == "__main__":
    main()
