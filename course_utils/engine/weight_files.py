"""Files of weights, other people's too: what they hold, and by which names."""

import pickle
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from course_utils.models import is_weights
from course_utils.store.files import checked_hash, list_of

# of torch.compile, FSDP and activation checkpointing, at any place of a name
WRAPPERS = r"(^|(?<=\.))(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\."
USUAL_PLACES = ("model", "state_dict", "model_state_dict")


def read_weights(path: Path) -> dict:
    """What a file of weights holds, a torch.save or .safetensors; never runs code that is in it.

    Raises ``ValueError`` for a file that is damaged, would run code, or holds no dictionary.
    """
    if not checked_hash(path):
        raise ValueError(f"{path} is damaged: its SHA-256 is not that in {list_of(path).name}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        values = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))  # the first thing that is more than a tensor
        what = f"it holds {found[1]}" if found else f"damaged, or more than tensors{_begins(path)}"
        raise ValueError(
            f"{path} is refused: {what}, and loading that could run code; save weights with "
            "`torch.save(model.state_dict(), …)`"
        ) from None
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged or no safetensors ({error})") from error
    except Exception as error:  # on damaged bytes torch raises nearly anything
        if "TorchScript" in str(error):
            raise ValueError(
                f"{path} is refused: a TorchScript program, not weights; save weights with "
                "`torch.save(model.state_dict(), …)`"
            ) from None
        reason = f"({error!r}){_begins(path)}"
        raise ValueError(f"{path} is damaged or holds no weights {reason}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} holds no weights but a {type(values).__name__}")
    return values


def _begins(path: Path) -> str:
    """The first bytes of a file that torch.save did not write, such as a web page."""
    with path.open("rb") as file:
        first = file.read(40)
    return "" if first.startswith((b"PK", b"\x80")) else f"; it begins with {first!r}"


def bare_weights(values: dict, names: Collection[str] = ()) -> dict[str, Tensor]:
    """The weights in what a file holds, by the names that the network itself gives them.

    They may lie under any name, as in a training's checkpoint, and have prefixes, such as
    ``module.`` where DistributedDataParallel was saved. Of several dictionaries of tensors, and of
    several prefixes, those are taken in which most of ``names`` are found, which are the network's
    own. Empty where there is no dictionary of tensors.

    >>> bare_weights({"epoch": 3, "net": {"module.fc.bias": torch.zeros(2)}}, ["fc.bias"])
    {'fc.bias': tensor([0., 0.])}
    """
    return find_in(values, names)[0]


def find_in(values: dict, names: Collection[str]) -> tuple[dict[str, Tensor], str]:
    """As `bare_weights`, and a line that tells what was chosen, where there was a choice."""
    found = [
        (place, prefix, weights)
        for place, weights in _dictionaries(values)
        for prefix in _prefixes(weights, names)
    ]
    if not found:
        return {}, ""
    usual = {place: -number for number, place in enumerate(USUAL_PLACES)}

    def fits(one: tuple) -> tuple:
        place, prefix, weights = one
        return sum(prefix + name in weights for name in names), usual.get(place, -9)

    place, prefix, weights = max(found, key=fits)
    rest = [name for name in weights if not name.startswith(prefix)]
    others = {other for other, _, _ in found} - {place}
    told = [f"those under {place!r}, not {few(sorted(others))}"] if others else []
    told += [f"those whose names begin with {prefix}"] if prefix else []
    told += [f"left out: {few(rest)}"] if rest else []
    weights = {n.removeprefix(prefix): v for n, v in weights.items() if n.startswith(prefix)}
    return weights, "; ".join(told)


def _dictionaries(values: dict, place: str = "", depth: int = 2) -> Iterator[tuple[str, dict]]:
    """Every dictionary of tensors in what a file holds, with the name under which it lies."""
    if values and is_weights(values):
        yield place, {_unwrapped(name): value for name, value in values.items()}
    elif depth:
        for name, value in values.items():
            if isinstance(value, dict) and isinstance(name, str):
                yield from _dictionaries(value, f"{place}.{name}".lstrip("."), depth - 1)


def _unwrapped(name: str) -> str:
    return re.sub(r"^(module\.)+", "", re.sub(WRAPPERS, "", name))


def _prefixes(weights: dict, names: Collection[str]) -> list[str]:
    """What stands before the network's first name; the empty prefix first."""
    first = next(iter(names), None)
    return ["", *(n.removesuffix(first) for n in weights if first and n.endswith(f".{first}"))]


def few(names: Iterable[str], most: int = 4) -> str:
    """The first of some names, and how many more there are.

    >>> few("abcdef"), few("ab")
    ('a, b, c, d and 2 more', 'a, b')
    """
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(islice(names, most)) + more
