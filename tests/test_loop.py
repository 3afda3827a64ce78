"""`fit` does what the loop written by hand does, and counts every image once."""

import threading

import pytest
import torch
import torch.nn.functional as F
from helpers import CLASSES, At, Noisy, same, small_model, small_run, small_set, stop_at
from torch import nn
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, IterableDataset

from course_utils import Batches, Callback, evaluate, fit
from course_utils.training.optim import clip_gradients


def train_by_hand(model: nn.Module, loader, optimizer, epochs: int) -> None:
    for _ in range(epochs):
        model.train()
        for images, labels in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()


def test_fit_gives_the_weights_of_the_loop_written_by_hand():
    model = small_model()
    loader = Batches(small_set(), 8, shuffle=True, augment=True, padding=1)
    train_by_hand(model, loader, torch.optim.Adam(model.parameters(), 0.01), epochs=3)
    fitted = small_model()
    small_run(model=fitted, optimizer=torch.optim.Adam(fitted.parameters(), 0.01))
    assert same(fitted.state_dict(), model.state_dict())
    assert not same(fitted.state_dict(), small_model().state_dict())


def test_epoch_is_a_mean_over_images_not_over_batches():
    """Seven batches, the last of 2 images: slow sums over single images, weights held still."""
    model = small_model()
    loader = Batches(small_set(), 8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    model[1], model[4] = nn.Identity(), nn.Identity()  # so that train and eval mode agree
    [entry] = small_run(model=model, train_loader=loader, optimizer=optimizer, epochs=1)
    losses, right = [], 0
    for images, labels in loader:
        for image, label in zip(images, labels):
            logits = model(image[None])[0].double()
            losses.append((logits.logsumexp(0) - logits[label]).item())
            right += int(logits.argmax() == label)
    assert entry["train_loss"] == pytest.approx(sum(losses) / 50, rel=1e-5)
    assert entry["train_accuracy"] == right / 50
    means = [sum(losses[i : i + 8]) / len(losses[i : i + 8]) for i in range(0, 50, 8)]
    assert entry["train_loss"] != pytest.approx(sum(means) / 7, rel=1e-4), "cannot tell them apart"


def test_history_says_what_happened():
    val = Batches(small_set(30, seed=1), 8)
    model = small_model()
    history = small_run(model=model, val_loader=val, epochs=3, rate=0.1)
    assert [entry["epoch"] for entry in history] == [1, 2, 3]
    assert [entry["step"] for entry in history] == [7, 14, 21]
    assert {"loss": history[-1]["val_loss"], "accuracy": history[-1]["val_accuracy"]} == evaluate(
        model, val
    )
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert all(0 <= e["waiting"] <= e["seconds"] and e["cpu_seconds"] > 0 for e in history)


def test_evaluate_counts_the_short_last_batch_and_leaves_every_mode_as_it_was():
    model = small_model().train()
    model[4].eval()  # a part that its owner has frozen
    before = [part.training for part in model.modules()], same_weights(model)
    whole = evaluate(model, Batches(small_set(), 50))
    assert evaluate(model, Batches(small_set(), 8)) == pytest.approx(whole, rel=1e-6)
    assert ([part.training for part in model.modules()], same_weights(model)) == before
    with torch.no_grad():
        logits = model.eval()(next(iter(Batches(small_set(), 50)))[0])
    assert whole["loss"] == pytest.approx(float(F.cross_entropy(logits, small_set().labels)))


def same_weights(model: nn.Module) -> list:
    return [value.tolist() for value in model.state_dict().values()]


def test_modes_come_back_after_an_error_too():
    model = small_model().train()
    with pytest.raises(RuntimeError):
        evaluate(model, [(torch.zeros(2, 3, 5, 5), torch.tensor([0, 1]))])
    assert model[1].training


def test_training_is_in_train_mode_and_validation_in_eval_mode():
    model = small_model()
    seen = []
    look = lambda part, *_: seen.append((part.training, torch.is_grad_enabled()))  # noqa: E731
    model[4].register_forward_hook(look)
    small_run(model=model.eval(), epochs=2)
    assert seen == 2 * (7 * [(True, True)] + 4 * [(False, False)])


def test_label_smoothing_is_for_training_only():
    val = Batches(small_set(30, seed=1), 8)
    model = small_model()
    smooth = nn.CrossEntropyLoss(label_smoothing=0.3)
    [entry] = small_run(model=model, loss_fn=smooth, val_loader=val, epochs=1)
    assert entry["val_loss"] == evaluate(model, val)["loss"]
    assert entry["val_loss"] != pytest.approx(evaluate(model, val, smooth)["loss"], rel=0.01)
    [plain] = small_run(epochs=1, val_loader=val)
    assert entry["train_loss"] > plain["train_loss"]


@pytest.mark.parametrize("amp_dtype", [torch.bfloat16, torch.float16])
def test_mixed_precision_runs_and_learns(amp_dtype):
    model, kinds = small_model(), set()
    model.register_forward_hook(lambda *args: kinds.add(args[-1].dtype))
    history = small_run(model=model, amp_dtype=amp_dtype, epochs=8)
    assert kinds == {amp_dtype}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert history[-1]["val_accuracy"] > 0.7 > history[0]["train_accuracy"]


def test_double_precision_is_possible():
    model = small_model().double()
    batches = [(images.double(), labels) for images, labels in Batches(small_set(), 8)]
    history = small_run(model=model, train_loader=batches, val_loader=batches)
    assert history[-1]["train_loss"] < history[0]["train_loss"]


def test_a_callback_stops_after_its_step(capsys):
    model = small_model()
    history = small_run(callbacks=[stop_at(10)], model=model, epochs=5)
    assert len(history) == 1
    assert "stopped: told to, after 1 epochs and 3 steps" in capsys.readouterr().out
    by_hand = small_model()
    loader = Batches(small_set(), 8, shuffle=True, augment=True, padding=1)
    optimizer = torch.optim.SGD(by_hand.parameters(), 0.05, momentum=0.9, nesterov=True)
    train_by_hand(by_hand, loader, optimizer, epochs=1)
    small = [batch for batch, _ in zip(loader, range(3))]
    evaluate(by_hand, Batches(small_set(30, seed=1), 8))
    train_by_hand(by_hand, small, optimizer, epochs=1)
    assert same(dict(model.named_parameters()), dict(by_hand.named_parameters()))


def test_stopped_in_the_last_step_of_an_epoch_the_epoch_counts():
    assert len(small_run(callbacks=[stop_at(14)], epochs=5)) == 2


def test_no_epochs_is_no_training():
    model = small_model()
    assert small_run(model=model, epochs=0) == []
    assert same(model.state_dict(), small_model().state_dict())


def test_fit_works_in_another_thread():
    found = []
    thread = threading.Thread(target=lambda: found.extend(small_run(epochs=1)))
    thread.start()
    thread.join()
    assert len(found) == 1


class Endless(IterableDataset):
    def __init__(self, length=None):
        self.length = length

    def __iter__(self):
        yield from Noisy(small_set(16))

    def __len__(self):
        if self.length is None:
            raise TypeError("no length")
        return self.length


@pytest.mark.parametrize(
    "change, words",
    [
        (dict(train_loader=DataLoader(Endless(), 8)), "DataLoader.* has no length.*__len__"),
        (dict(train_loader=DataLoader(Endless(80), 8)), "gave 2 batches where its len.* says 10"),
        (dict(train_loader=DataLoader(Noisy(small_set(3)), 8, drop_last=True)), "loader is empty"),
        (dict(val_loader=[]), "no image to evaluate on: the loader is empty"),
        (dict(schedule_every="batch"), "schedule_every is 'batch'; it must be 'step' or 'epoch'"),
    ],
)
def test_loaders_and_settings_that_do_not_fit(change, words):
    with pytest.raises(ValueError, match=words):
        small_run(**change)


class Broken(Callback):
    def on_step(self, state) -> None:
        raise OSError("image 7 (a.jpg) failed")


def test_the_error_of_a_callback_or_loader_passes_through():
    with pytest.raises(OSError, match="image 7"):
        small_run(callbacks=[Broken()])


def test_gradient_clipping_clips():
    """The joint norm after every step is at most the one asked for; before, it was larger."""
    for amp_dtype in (None, torch.float16):
        norms = {"free": [], "clipped": []}
        for kind, found in norms.items():
            model = small_model()
            # a fused optimiser leaves undoing the scale to its own step, after clipping
            optimizer = torch.optim.SGD(model.parameters(), 0.01, fused=amp_dtype is not None)
            if kind == "clipped":
                clip_gradients(optimizer, max_norm=0.05)
            look = [
                At(step, lambda state, found=found: found.append(norm(state.model)))
                for step in range(8, 15)  # by then the scaler of float16 has found its scale
            ]
            small_run(callbacks=look, model=model, optimizer=optimizer, amp_dtype=amp_dtype)
        assert min(norms["free"]) > 0.1
        assert norms["clipped"] == pytest.approx(7 * [0.05], rel=1e-3)


def norm(model: nn.Module) -> float:
    return float(nn.utils.get_total_norm([p.grad for p in model.parameters()]))


def test_fit_takes_a_scheduler_by_steps():
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, CLASSES))
    optimizer = torch.optim.SGD(model.parameters(), 1.0)
    halved = lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    data = Batches(small_set(), 25)
    history = fit(
        model, data, data, optimizer, epochs=2, num_classes=CLASSES, scheduler=halved,
        schedule_every="step",
    )  # fmt: skip
    assert [entry["learning_rate"] for entry in history] == [0.5, 0.125]  # those used last
