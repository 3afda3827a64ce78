"""What a check asks of an answer, and what may come back.

A check has two sides. A *question* runs the student's code, where that lives: in the notebook, or
in a process of its own when a class is graded. What comes back is plain: numbers, text, lists,
dictionaries and tensors, in exactly these types. The check then judges it, and runs none of it.
"""

import base64
import functools
import json
import sysconfig
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedTensorMixin

from course_utils.store.locations import ROOT

LIBRARIES = (
    str(ROOT / "course_utils"),
    sysconfig.get_path("stdlib"),
    sysconfig.get_path("purelib"),
)
MOST = 8_000_000  # characters of one reply: no check asks for more
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.bool,
                  torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
}  # fmt: skip
UNREADABLE = "the answer gives back something that cannot be read"
QUESTIONS: dict[str, Callable] = {}


class CheckFailed(AssertionError):
    """A check did not hold; the message says what to look at."""


class NotSolved(CheckFailed):
    """The stub is still in place."""


@dataclass(frozen=True)
class Other:
    """Stands for a value that is not plain, such as an array; only its type's name is known."""

    type_name: str


@dataclass(frozen=True)
class Remote:
    """An answer that lives in another process, by its name there.

    ``send`` takes the name of a question and its arguments as text, and gives the reply as text.
    """

    name: str
    send: Callable[[str, str], str]


def question(function: Callable) -> Callable:
    """Make a function (answer, …) a question: it runs beside the answer, and gives plain values.

    Arguments are copied on the way, as between processes; the random state stays as it was. Where
    the student's code raises, the caller gets ``CheckFailed``, with the line that raised.

    >>> @question
    ... def result(answer, *arguments):
    ...     return answer(*arguments)
    >>> result(lambda x: {"twice": 2 * x}, 4)
    {'twice': 8}
    >>> result(lambda x: object(), 4)
    Other(type_name='object')
    """
    name = f"{function.__module__}:{function.__qualname__}"
    QUESTIONS[name] = function

    @functools.wraps(function)
    def ask(*arguments, **options):
        answers: list[Any] = []
        request = json.dumps(encode([arguments, options], answers))
        remote = next((answer for answer in answers if isinstance(answer, Remote)), None)
        reply = (
            remote.send(name, request) if remote else perform(name, request, answers.__getitem__)
        )
        return _opened(reply)

    return ask


def perform(name: str, request: str, answer: Callable) -> str:
    """Ask a question here, and give the reply as text; ``answer`` finds an answer by its name."""
    arguments, options = decode(json.loads(request), answer)
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            reply = {"value": QUESTIONS[name](*arguments, **options)}
    except CheckFailed as failed:
        reply = {"failed": str(failed)}
    except (Exception, SystemExit) as error:
        # torch raises it too, and then it says something
        stub = type(error) is NotImplementedError and not str(error)
        reply = {"unsolved": True} if stub else {"raised": described(error)}
    try:
        return json.dumps(encode(reply))
    except (ValueError, RecursionError):  # a number of thousands of digits, a list in itself
        return json.dumps(encode({"failed": UNREADABLE}))


def _opened(reply: str) -> Any:
    """The value in a reply, which may come from a process that nobody trusts."""
    try:
        reply = decode(json.loads(reply)) if len(reply) <= MOST else {}
    except (ValueError, TypeError, KeyError, RecursionError, RuntimeError):
        reply = {}
    if type(reply) is dict and "value" in reply:
        return reply["value"]
    if type(reply) is dict and "unsolved" in reply:
        raise NotSolved("not solved yet: put your code in the place of `raise NotImplementedError`")
    told = [reply[kind] for kind in ("failed", "raised") if type(reply) is dict and kind in reply]
    if not told or type(told[0]) is not str:
        raise CheckFailed(UNREADABLE)
    raise CheckFailed(told[0])


def described(error: BaseException) -> str:
    """What a student wants to know of an error: kind, message, the line of their own code."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(LIBRARIES)
    ]  # fmt: skip
    where = f" in `{frames[-1].line}`" if frames and frames[-1].line else ""
    text = " ".join(str(error).split())
    return f"your code raises {type(error).__name__}{where}: {text[:300]}"


def encode(value: Any, answers: list | None = None) -> Any:
    """Plain values as JSON knows them; functions and classes as their number in ``answers``.

    What is neither comes out as `Other`, with the name of its type.
    """
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind in (list, tuple, torch.Size):
        return {"list" if kind is list else "tuple": [encode(each, answers) for each in value]}
    if kind is dict:
        return {"dict": [[encode(k, answers), encode(v, answers)] for k, v in value.items()]}
    if issubclass(kind, Tensor) and not issubclass(kind, UninitializedTensorMixin):
        # as functions of torch: a student's subclass may have methods of its own
        value = value if kind in (Tensor, nn.Parameter) else Tensor.as_subclass(value, Tensor)
        if type(value) in (Tensor, nn.Parameter) and value.layout is torch.strided:
            return _encoded_tensor(value)
    if isinstance(value, np.generic):
        return encode(value.item())
    if kind is torch.dtype:
        return str(value)
    if answers is not None and not isinstance(value, Other):
        answers.append(value)
        return {"answer": value.name if isinstance(value, Remote) else len(answers) - 1}
    return {"other": value.type_name if isinstance(value, Other) else kind.__name__}


def _encoded_tensor(tensor: Tensor) -> dict:
    name = str(tensor.dtype).removeprefix("torch.")
    if name not in DTYPES:
        return {"other": f"Tensor of {name}"}
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    data = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
    return {"tensor": name, "shape": list(tensor.shape), "data": base64.b64encode(data).decode()}


def decode(value: Any, answer: Callable | None = None) -> Any:
    """The plain value that `encode` wrote; ValueError or TypeError for anything else."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    match value:
        case {"list": list(items)}:
            return [decode(item, answer) for item in items]
        case {"tuple": list(items)}:
            return tuple(decode(item, answer) for item in items)
        case {"dict": list(items)}:
            return {decode(k, answer): decode(v, answer) for k, v in items}
        case {"tensor": str(name), "shape": list(shape), "data": str(data)}:
            content = bytearray(base64.b64decode(data, validate=True))
            if not content and 0 in shape:
                return torch.empty(shape, dtype=DTYPES[name])
            return torch.frombuffer(content, dtype=DTYPES[name]).reshape(shape)
        case {"other": str(name)}:
            return Other(name[:100])
        case {"answer": int() | str() as name} if answer:
            return answer(name)
    raise ValueError("not a plain value")
