"""What hangs on the four hooks of the training loop: checkpoints, early stopping (notebook 01)."""

import os
import warnings
from io import BytesIO
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from course_utils.engine.checkpoint import refuse_code, save_checkpoint
from course_utils.engine.distributed import world
from course_utils.engine.run_folder import best_epochs


class Callback:
    """Four hooks, all empty. ``state`` is the run's `TrainState`; set ``state.stop`` to end it.

    Callbacks are called in the order in which `fit` got them, and at the end in reverse.
    """

    def on_fit_start(self, state) -> None:
        """Before the first step, after a resume; one that raises undoes what it began."""

    def on_step(self, state) -> None:
        """After every optimiser step."""

    def on_epoch_end(self, state) -> None:
        """After validation, with the epoch's entry last in ``state.history``."""

    def on_fit_end(self, state) -> None:
        """Once at the end, also after an error, where `on_fit_start` was passed."""


def _checked(monitor: str) -> str:
    if monitor not in ("val_accuracy", "val_loss"):
        raise ValueError(f"monitor is {monitor!r}; choose on val_accuracy or val_loss")
    return monitor


class Checkpoint(Callback):
    """Saves ``last.pt`` every epoch, ``best.pt`` at the best one, and the ``keep`` best by name.

    The best is chosen by ``monitor`` on validation data, from the history, so a resumed run knows
    it too. ``keep=1`` is ``best.pt`` alone, ``keep="all"`` keeps every epoch by name, but for
    those before ``save_from``. ``about`` (see `Splits.about`) is what `predict` needs of the data.
    A run stopped within an epoch is saved there. A disk that is full costs a warning, not the run;
    what is not on it in the end is in ``unsaved``. Of several processes each needs one, with the
    same arguments; the first one writes.

    A folder belongs to one run: raises ``FileExistsError`` where it holds another, or where one is
    being written; and ``TypeError`` for values that no checkpoint can hold.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        *,
        about: dict | None = None,
        monitor: str = "val_accuracy",
        keep: int | str = 1,
        save_from: int = 1,
    ):
        self.folder, self.about = Path(folder), about or {}
        self.monitor, self.keep, self.save_from = _checked(monitor), keep, save_from
        self.unsaved: dict[str, str] = {}  # what could not be saved last time, and why

    def on_fit_start(self, state) -> None:
        self._check_saving(state)
        self.writes = not world().rank
        if not self.writes:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = FileLock(self.folder / ".lock")
        try:
            self.lock.acquire(timeout=0)
        except Timeout:
            raise FileExistsError(
                f"another run is writing to {self.folder}; choose another folder"
            ) from None
        if any(self.folder.glob("*.pt")) and state.resumed_from != self.folder.resolve():
            self.lock.release()
            raise FileExistsError(
                f"{self.folder} holds a run already; resume it, or choose another folder"
            )
        for left_by_a_kill in self.folder.glob("*.part"):
            left_by_a_kill.unlink()

    def on_epoch_end(self, state) -> None:
        content = self._content(state)  # of all processes
        if not self.writes:
            return
        ranking = best_epochs(state.history, self.monitor)
        late = [epoch for epoch in ranking if epoch >= self.save_from and self.keep != 1]
        late = late if self.keep == "all" else late[: self.keep]
        if ranking[0] == state.epoch:
            self._save(content, "best.pt")  # first: a run can go on from it too
        self._keep_best(content, [state.history[epoch - 1] for epoch in late])
        self._save(content, "last.pt")  # last: a run killed before it takes this epoch again

    def on_fit_end(self, state) -> None:
        try:
            if state.batch and state.healthy:  # stopped within an epoch
                content = self._content(state)
                if self.writes:
                    self._save(content, "last.pt")
        finally:
            if self.writes:
                self.lock.release()

    def _content(self, state) -> dict:
        return {**state.state_dict(), "about": self.about}

    def _check_saving(self, state) -> None:
        """Whether all can be saved and loaded: better said now than after an epoch."""
        content, file = self._content(state), BytesIO()
        groups = content["optimizer"]["param_groups"]
        torch.save({**content, "model": None, "optimizer": groups}, file)  # without what is large
        file.seek(0)
        refuse_code(file)

    def _save(self, content: dict, name: str) -> None:
        try:
            save_checkpoint(content, self.folder / name)
            self.unsaved.pop(name, None)
        except OSError as error:
            self.unsaved[name] = str(error)
            warnings.warn(f"{error}; training goes on", stacklevel=2)

    def _keep_best(self, content: dict, entries: list[dict]) -> None:
        names = {
            f"epoch{entry['epoch']:03d}_accuracy{entry['val_accuracy']:.4f}"
            f"_loss{entry['val_loss']:.4f}.pt": entry["epoch"]
            for entry in entries
        }
        for name, epoch in names.items():
            if epoch == content["epoch"]:
                self._save(content, name)
        for path in self.folder.glob("epoch*_accuracy*_loss*.pt*"):
            if path.name.removesuffix(".sha256") not in names:
                path.unlink()


class EarlyStopping(Callback):
    """Ends a run whose ``monitor`` has not become better for ``patience`` epochs.

    Prechelt, *Early Stopping — But When?*, 1998.
    """

    def __init__(self, patience: int, monitor: str = "val_loss"):
        self.patience, self.monitor = patience, _checked(monitor)

    def on_fit_start(self, state) -> None:
        if state.history:  # resumed: it may have been stopped by this
            self.on_epoch_end(state)

    def on_epoch_end(self, state) -> None:
        best = best_epochs(state.history, self.monitor)[0]
        if state.epoch - best >= self.patience:
            state.stop = f"{self.monitor} has not become better since epoch {best}"
