"""Ctrl-C, the notebook's stop button and SIGTERM ask training to stop; not to break off."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_on_interrupt(state) -> Iterator[None]:
    """While this is in force an interrupt sets ``state.stop``; a second Ctrl-C raises as usual.

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
        state.stop = "interrupted" if number == signal.SIGINT else "asked to terminate"

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)  # None: it was not set from Python
