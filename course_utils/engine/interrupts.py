"""Ctrl-C, the stop button, SIGTERM and a closed terminal ask training to stop; not to break off."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from course_utils.engine.distributed import all_gather, all_reduce_min
from course_utils.training.callbacks import Callback


@contextmanager
def stop_on_interrupt(state) -> Iterator[None]:
    """While this is in force an interrupt sets ``state.asked``; a second Ctrl-C raises as usual.

    Only the main thread receives signals; in any other this does nothing. Data workers forked
    meanwhile have the same handler, so that a Ctrl-C in a terminal does not end them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def ask(number: int, frame) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked = True
        state.asked = "interrupted" if number == signal.SIGINT else "asked to terminate"

    numbers = [signal.SIGINT, signal.SIGTERM]
    hang_up = getattr(signal, "SIGHUP", None)  # of a terminal that closes; `nohup` ignores it
    if hang_up and signal.getsignal(hang_up) != signal.SIG_IGN:
        numbers.append(hang_up)
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)  # None: it was not set from Python


class StopTogether(Callback):
    """Ends the run in all processes after the same step, whichever was asked to stop.

    The last of the callbacks: what another one found is then known to all. A signal sets
    ``state.asked`` at any moment, and this makes it ``state.stop`` between two steps.
    """

    def on_step(self, state) -> None:
        mine = state.stop or state.asked
        flag = torch.tensor(-int(bool(mine)))
        if not all_reduce_min(flag):
            return
        everyone = all_gather((mine, state.healthy))
        state.stop = next(reason for reason, _ in everyone if reason)
        state.healthy = all(healthy for _, healthy in everyone)

    on_epoch_end = on_step
