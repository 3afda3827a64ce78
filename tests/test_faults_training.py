"""Losses that are not finite, and two runs into one folder: good weights stay, the user is told."""

from pathlib import Path

import pytest
import torch
from helpers import At, Process, small_run, stop_at
from torch import nn

from course_utils import load_checkpoint


class BadLoss(nn.CrossEntropyLoss):
    """Becomes bad at one step of training, once."""

    def __init__(self, step: int, bad: float):
        super().__init__()
        self.step, self.bad, self.calls = step, bad, 0

    def forward(self, logits, labels):
        self.calls += 1
        loss = super().forward(logits, labels)
        return loss * self.bad if self.calls == self.step else loss


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("step", [1, 8, 18, 21])
def test_a_bad_loss_stops_the_run_and_names_its_step(step, bad, tmp_path, capsys):
    history = small_run(tmp_path, epochs=9, loss_fn=BadLoss(step, bad))
    done = (step - 1) // 7
    assert [entry["epoch"] for entry in history] == list(range(1, done + 1))
    assert f"the loss is not finite since step {step};" in capsys.readouterr().out
    if not done:
        assert not list(tmp_path.glob("*.pt"))
        return
    for name in ("last.pt", "best.pt"):
        content = load_checkpoint(tmp_path / name)
        assert content["epoch"] <= done and content["batch"] == 0
        assert all(value.isfinite().all() for value in content["model"].values())
    assert load_checkpoint(tmp_path / "last.pt")["epoch"] == done


def test_a_bad_loss_ends_a_long_epoch_soon():
    seen = []
    look = [At(step, lambda state: seen.append(state.step)) for step in range(1, 100)]
    batches = 99 * [(torch.randn(2, 3, 8, 8), torch.tensor([0, 1]))]
    assert small_run(callbacks=look, train_loader=batches, loss_fn=BadLoss(30, float("nan"))) == []
    assert seen[-1] == 50


def test_a_stop_just_after_a_bad_loss_saves_nothing(tmp_path, capsys):
    small_run(tmp_path, [stop_at(10)], loss_fn=BadLoss(9, float("nan")))
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 7
    assert "not finite since step 9" in capsys.readouterr().out


def test_a_bad_loss_after_a_resume_within_an_epoch_has_its_right_step(tmp_path, capsys):
    small_run(tmp_path, [stop_at(10)])
    small_run(tmp_path, resume=tmp_path, loss_fn=BadLoss(3, float("nan")))
    assert "not finite since step 13;" in capsys.readouterr().out
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 10


def test_weights_that_blow_up_in_the_last_step_are_seen_in_validation(tmp_path, capsys):
    def blow_up(state) -> None:
        state.model[5].weight.data.fill_(float("inf"))

    history = small_run(tmp_path, [At(14, blow_up)])
    assert len(history) == 1
    assert "the validation loss is not finite after step 14" in capsys.readouterr().out
    assert load_checkpoint(tmp_path / "last.pt")["epoch"] == 1


def test_a_rate_much_too_large_is_caught_for_real(tmp_path, capsys):
    small_run(tmp_path, epochs=50, rate=1e30)
    assert "not finite" in capsys.readouterr().out


def intrude(line, folder: Path) -> str:
    try:
        small_run(folder)
    except FileExistsError as error:
        return str(error)
    return "it was let in"


def test_the_second_run_into_a_folder_is_refused(tmp_path):
    answers = []

    def let_another_try(state) -> None:
        with Process(intrude, tmp_path) as process:
            answers.append(process.receive())

    assert len(small_run(tmp_path, [At(3, let_another_try)])) == 3
    assert answers == [f"another run is writing to {tmp_path}; choose another folder"]
