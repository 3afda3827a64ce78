"""What hangs on the four hooks: their order, what is saved, what stops."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import same, small_model, small_run

from course_utils import Callback, Checkpoint, load_checkpoint, new_run
from course_utils.training import callbacks
from course_utils.training.callbacks import EarlyStopping, best_epochs


class Tell(Callback):
    """Notes every call; at each hook it sees what the state was."""

    def __init__(self, name: str, calls: list):
        self.name, self.calls = name, calls

    def on_fit_start(self, state) -> None:
        self.calls.append((self.name, "start", state.step))

    def on_step(self, state) -> None:
        self.calls.append((self.name, "step", state.step))

    def on_epoch_end(self, state) -> None:
        assert state.history[-1]["epoch"] == state.epoch
        assert state.val_totals.confusion.sum() == 30
        self.calls.append((self.name, "epoch", state.epoch))

    def on_fit_end(self, state) -> None:
        self.calls.append((self.name, "end", state.step))


def test_order_of_calls():
    calls = []
    small_run(callbacks=[Tell("a", calls), Tell("b", calls)], epochs=2)
    expected = [("start", 0)]
    for epoch in (1, 2):
        expected += [("step", 7 * epoch - 6 + i) for i in range(7)] + [("epoch", epoch)]
    forth = [(name, *what) for what in expected for name in "ab"]
    assert calls == [*forth, ("b", "end", 14), ("a", "end", 14)]


def test_after_an_error_only_those_that_began_are_ended():
    class Refuses(Callback):
        def on_fit_start(self, state) -> None:
            raise ValueError("no")

    class Untidy(Callback):
        def on_fit_end(self, state) -> None:
            raise OSError("at the end")

    calls = []
    with pytest.raises(ValueError, match="no"):
        small_run(callbacks=[Tell("a", calls), Refuses(), Tell("b", calls)])
    assert calls == [("a", "start", 0), ("a", "end", 0)]
    with pytest.raises(OSError, match="at the end"):  # the others are ended all the same
        small_run(callbacks=[Tell("c", calls), Untidy()], epochs=0)
    assert calls[-1] == ("c", "end", 0)


def test_new_run_makes_a_folder_of_its_own(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path))
    folders = {new_run("01") for _ in range(3)}
    assert len(folders) == 3
    assert all(f.is_dir() and f.parent == tmp_path / "01" for f in folders)
    assert all(re.match(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d", f.name) for f in folders)
    told = capsys.readouterr().out
    assert all(f"run folder: {folder.relative_to(tmp_path.parent)}\n" in told for folder in folders)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="set COURSE_RUNS elsewhere"):
        new_run("01", tmp_path / "file")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def history_of(*accuracies: float) -> list[dict]:
    return [
        {"epoch": i, "val_accuracy": a, "val_loss": 1 - a / 2} for i, a in enumerate(accuracies, 1)
    ]


def test_best_epochs_of_equals_the_earlier():
    assert best_epochs(history_of(0.2, 0.5, 0.5, 0.1), "val_accuracy") == [2, 3, 1, 4]
    assert best_epochs(history_of(0.2, 0.5, 0.5, 0.1), "val_loss") == [2, 3, 1, 4]


class Script(Callback):
    """Gives the epochs the accuracies wanted, and keeps the weights after each."""

    def __init__(self, *accuracies: float):
        self.accuracies, self.weights = accuracies, {}

    def on_epoch_end(self, state) -> None:
        accuracy = self.accuracies[state.epoch - 1]
        state.history[-1] |= {"val_accuracy": accuracy, "val_loss": 1 - accuracy / 2}
        self.weights[state.epoch] = {k: v.clone() for k, v in state.model.state_dict().items()}


def test_best_is_the_weights_of_the_best_epoch_and_keeps_the_k_best(tmp_path):
    accuracies = (0.3, 0.7, 0.5, 0.7, 0.6)
    script = Script(*accuracies)
    for epochs in (1, 2, 3, 4, 5):  # five resumes: what is best is known from the history alone
        resume = tmp_path if epochs > 1 else None
        saving = Checkpoint(tmp_path, keep=2, about={"classes": list("abcd")})
        small_run(callbacks=[script, saving], epochs=epochs, resume=resume)
        ranking = best_epochs(history_of(*accuracies[:epochs]), "val_accuracy")[:2]
        best = load_checkpoint(tmp_path / "best.pt")
        assert best["epoch"] == ranking[0] and same(best["model"], script.weights[ranking[0]])
        kept = set(tmp_path.glob("epoch*.pt"))
        assert {int(path.name[5:8]) for path in kept} == set(ranking)
        for path in kept:
            content = load_checkpoint(path)
            assert same(content["model"], script.weights[content["epoch"]])
            accuracy = accuracies[content["epoch"] - 1]
            name = (
                f"epoch{content['epoch']:03d}_accuracy{accuracy:.4f}_loss{1 - accuracy / 2:.4f}.pt"
            )
            assert path.name == name
    own = {"last.pt", "last.prev.pt", "best.pt", "best.prev.pt"}
    lists = {f"{name}.sha256" for name in ("last.pt", "best.pt", *(p.name for p in kept))}
    assert names(tmp_path) == own | lists | {path.name for path in kept}
    assert load_checkpoint(tmp_path / "last.pt")["about"] == {"classes": list("abcd")}
    assert load_checkpoint(tmp_path / "last.prev.pt")["epoch"] == 4


def test_epochs_are_kept_by_name_from_one_on(tmp_path):
    saving = Checkpoint(tmp_path, keep=2, save_from=3)
    for epochs, kept in ((2, set()), (4, {3, 4}), (5, {3, 5})):
        resume = tmp_path if epochs > 2 else None
        script = Script(0.9, 0.8, 0.5, 0.3, 0.4)
        small_run(callbacks=[script, saving], epochs=epochs, resume=resume)
        assert {int(path.name[5:8]) for path in tmp_path.glob("epoch*.pt")} == kept
        assert load_checkpoint(tmp_path / "best.pt")["epoch"] == 1  # which is of all epochs


def test_all_epochs_are_kept(tmp_path):
    small_run(callbacks=[Checkpoint(tmp_path, keep="all")], epochs=4)
    names = sorted(path.name for path in tmp_path.glob("epoch*.pt"))
    assert [name[:8] for name in names] == [f"epoch00{n}" for n in (1, 2, 3, 4)]
    small_run(callbacks=[Checkpoint(tmp_path, keep="all", save_from=5)], epochs=6, resume=tmp_path)
    names = sorted(path.name for path in tmp_path.glob("epoch*.pt"))
    assert [name[:8] for name in names] == ["epoch005", "epoch006"]


def test_a_run_killed_before_the_best_is_saved_still_finds_it(tmp_path, monkeypatch):
    real, script = callbacks.save_checkpoint, Script(0.3, 0.7, 0.5)

    def killed(content, path) -> None:
        if content["epoch"] == 2 and path.name == "best.pt":
            raise KeyboardInterrupt
        real(content, path)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(callbacks, "save_checkpoint", killed)
        small_run(callbacks=[script, Checkpoint(tmp_path)])
    small_run(callbacks=[script, Checkpoint(tmp_path)], resume=tmp_path)
    assert load_checkpoint(tmp_path / "best.pt")["epoch"] == 2


def test_best_by_loss(tmp_path):
    class Contrary(Script):
        def on_epoch_end(self, state) -> None:
            super().on_epoch_end(state)
            state.history[-1]["val_loss"] = state.history[-1]["val_accuracy"]

    small_run(callbacks=[Contrary(0.5, 0.3, 0.7), Checkpoint(tmp_path, monitor="val_loss")])
    assert load_checkpoint(tmp_path / "best.pt")["epoch"] == 2


def test_only_validation_chooses():
    for kind in (lambda m: Checkpoint("x", monitor=m), lambda m: EarlyStopping(1, m)):
        with pytest.raises(ValueError, match="'test_accuracy'; choose on val_accuracy or val_loss"):
            kind("test_accuracy")


def test_a_folder_belongs_to_one_run(tmp_path):
    small_run(tmp_path / "a", epochs=1)
    small_run(tmp_path / "b", epochs=1)
    refused = Checkpoint(tmp_path / "a")  # held on to, and its lock with it
    before = load_checkpoint(tmp_path / "a" / "last.pt")
    with pytest.raises(FileExistsError, match="holds a run already; resume it, or choose another"):
        small_run(callbacks=[refused], epochs=2)
    with pytest.raises(FileExistsError, match="holds a run already"):
        small_run(tmp_path / "a", epochs=2, resume=tmp_path / "b")
    assert same(load_checkpoint(tmp_path / "a" / "last.pt"), before)
    assert len(small_run(tmp_path / "a", epochs=2, resume=tmp_path / "a" / "best.pt")) == 2
    assert len(small_run(tmp_path / "c", epochs=2, resume=tmp_path / "b")) == 2  # a copy goes on


def test_the_lock_is_given_back_after_an_error(tmp_path):
    class Breaks(Callback):
        def on_step(self, state) -> None:
            state.stop = "first a stop, then an error in the same step"
            raise OSError("broken")

    kept = Checkpoint(tmp_path)
    with pytest.raises(OSError, match="broken"):
        small_run(callbacks=[kept, Breaks()])
    assert not list(tmp_path.glob("*.pt")), "a step torn by an error was saved"
    assert len(small_run(tmp_path, epochs=1)) == 1


def test_what_a_kill_left_behind_is_swept_away(tmp_path):
    small_run(tmp_path, epochs=1)
    (tmp_path / "last.pt.123.part").write_bytes(b"half")
    (tmp_path / "epoch001_accuracy0.1234_loss1.0000.pt").write_bytes(b"of an earlier attempt")
    small_run(callbacks=[Checkpoint(tmp_path, keep=2)], epochs=2, resume=tmp_path)
    assert not list(tmp_path.glob("*.part"))
    assert len(list(tmp_path.glob("epoch*.pt"))) == 1


def test_values_no_checkpoint_can_hold_are_refused_before_training(tmp_path):
    calls = []
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters(), np.float64(0.1))
    given = dict(callbacks=[Tell("a", calls)], model=model, optimizer=optimizer)
    with pytest.raises(TypeError, match=r"not numpy.*convert with float\(\)"):
        small_run(tmp_path, **given)
    with pytest.raises(TypeError, match="not pathlib"):
        small_run(callbacks=[Checkpoint(tmp_path, about={"data": tmp_path})])
    assert calls == []


def test_early_stopping_waits_for_its_patience(capsys):
    falling = Script(0.3, 0.5, 0.4, 0.5, 0.45, 0.9)
    assert len(small_run(callbacks=[falling, EarlyStopping(3)], epochs=6)) == 5
    assert "val_loss has not become better since epoch 2" in capsys.readouterr().out
    rising = Script(0.3, 0.2, 0.4, 0.3, 0.5, 0.4)
    assert len(small_run(callbacks=[rising, EarlyStopping(2, "val_accuracy")], epochs=6)) == 6
