"""The data behind every picture, its labels, and that nothing of it is blank or cut off."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from PIL import Image

from course_utils.show import class_plots, pictures, plotting

CLASSES = ["airplane", "automobile", "bird", "cat"]
MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)


@pytest.fixture(autouse=True)
def figures_without_display(monkeypatch):
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def checked(figure) -> None:
    """Draw the figure: something is on it, and no word is cut off at its border."""
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    assert (pixels != 255).any(axis=2).mean() > 0.02
    used, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert used.x0 > -0.05 and used.y0 > -0.05, used
    assert used.x1 < width + 0.05 and used.y1 < height + 0.05, (used, width, height)


def visible(figure) -> list:
    return [ax for ax in figure.axes if ax.get_visible()]


def history(epochs: int, shift: float = 0) -> list[dict]:
    return [
        {
            "epoch": epoch,
            "train_loss": 2 / epoch + shift,
            "train_accuracy": 1 - 0.8 / epoch,
            "val_loss": 2.2 / epoch + shift,
            "val_accuracy": 0.9 - 0.8 / epoch,
            "learning_rate": 0.1 / epoch,
        }
        for epoch in range(1, epochs + 1)
    ]


def test_history_of_one_run():
    rows = history(5)
    figure = plotting.plot_history(rows)
    checked(figure)
    loss, accuracy, rate = figure.axes
    for ax, key, scale in [(loss, "loss", 1), (accuracy, "accuracy", 100)]:
        for line, split in zip(ax.lines, ("train", "val")):
            assert list(line.get_xdata()) == [1, 2, 3, 4, 5]
            assert list(line.get_ydata()) == [scale * row[f"{split}_{key}"] for row in rows]
    assert list(rate.lines[0].get_ydata()) == [row["learning_rate"] for row in rows]
    assert [ax.get_xlabel() for ax in figure.axes] == ["epoch"] * 3
    assert loss.get_ylabel() == "loss in nats per image"
    assert accuracy.get_ylabel() == "accuracy in %"
    assert [text.get_text() for text in loss.get_legend().texts] == ["training", "validation"]


def test_runs_side_by_side_differ_in_colour_and_splits_in_line_and_marker():
    figure = plotting.plot_history({"CNN": history(3), "ResNet": history(6, shift=0.1)})
    checked(figure)
    cnn_train, cnn_val, resnet_train, resnet_val = figure.axes[0].lines
    assert len(resnet_val.get_xdata()) == 6
    assert cnn_train.get_color() == cnn_val.get_color() != resnet_train.get_color()
    assert cnn_train.get_linestyle() == resnet_train.get_linestyle() != cnn_val.get_linestyle()
    assert cnn_train.get_marker() != cnn_val.get_marker()
    names = [text.get_text() for text in figure.legends[0].texts]
    assert names == ["CNN training", "CNN validation", "ResNet training", "ResNet validation"]


@pytest.mark.parametrize("empty", [[], {}, {"CNN": []}])
def test_an_empty_history_is_refused(empty):
    with pytest.raises(ValueError, match="train for at least one epoch"):
        plotting.plot_history(empty)


def test_a_picture_is_the_same_in_every_form():
    image = torch.randint(0, 256, (3, 8, 8), dtype=torch.uint8)
    expected = image.permute(1, 2, 0).numpy() / 255
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    normalised = (image / 255 - mean) / std
    pil = Image.fromarray(image.permute(1, 2, 0).numpy())
    for picture in [
        pictures.to_picture(image),
        pictures.to_picture(image / 255),
        pictures.to_picture(normalised, MEAN, STD),
        pictures.to_picture(pil),
    ]:
        np.testing.assert_allclose(picture, expected, atol=1e-6)
    assert pictures.to_picture(image[:1]).shape == (8, 8)
    with pytest.raises(ValueError, match="pass the mean and std"):
        pictures.to_picture(normalised)


def test_gallery():
    images = torch.rand(10, 3, 8, 8)
    figure = pictures.show_images(images, titles=[f"image {i}" for i in range(10)], columns=4)
    checked(figure)
    shown = visible(figure)
    assert len(shown) == 10
    assert [ax.get_title() for ax in shown] == [f"image {i}" for i in range(10)]
    for image, ax in zip(images, shown):
        np.testing.assert_allclose(ax.images[0].get_array(), image.permute(1, 2, 0), atol=1e-6)
    with pytest.raises(ValueError, match="no images"):
        pictures.show_images(images[:0])


def test_predictions_tell_right_from_wrong_in_words_and_in_colour():
    probabilities = torch.tensor([[0.1, 0.1, 0.7, 0.1], [0.15, 0.75, 0.05, 0.05]])
    images = torch.rand(2, 3, 8, 8)
    figure = pictures.show_predictions(images, torch.tensor([2, 3]), probabilities, CLASSES)
    checked(figure)
    right, wrong = figure.axes
    assert right.get_title() == "✓ bird 70 %"
    assert wrong.get_title() == "✗ automobile 75 %\nis cat"
    assert to_hex(right.spines["left"].get_edgecolor()).upper() == plotting.GREEN
    assert to_hex(wrong.spines["left"].get_edgecolor()).upper() == plotting.VERMILLION


def test_surest_mistakes():
    probabilities = torch.tensor([[0.6, 0.4], [0.9, 0.1], [0.3, 0.7], [0.99, 0.01], [0.2, 0.8]])
    labels = torch.tensor([1, 1, 0, 0, 0])  # only image 3 is right
    assert pictures.surest_mistakes(probabilities, labels, 3).tolist() == [1, 4, 2]
    assert pictures.surest_mistakes(probabilities, labels, 99).tolist() == [1, 4, 2, 0]


@pytest.mark.parametrize("count", [2, 4])
def test_confusion_is_in_percent_of_the_true_class(count):
    matrix = torch.tensor([[6, 2, 0, 0], [1, 9, 0, 0], [0, 0, 0, 0], [0, 0, 5, 15]])[:count, :count]
    figure = class_plots.plot_confusion(matrix, CLASSES[:count])
    checked(figure)
    ax = figure.axes[0]
    np.testing.assert_allclose(ax.images[0].get_array()[:2, :2], [[75, 25], [10, 90]])
    assert [text.get_text() for text in ax.texts[:2]] == ["75", "25"]
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("true class", "predicted class")
    assert [text.get_text() for text in ax.get_yticklabels()] == CLASSES[:count]


def test_a_large_confusion_matrix_has_a_scale_in_place_of_numbers():
    figure = class_plots.plot_confusion(torch.eye(30), [f"class {i}" for i in range(30)])
    checked(figure)
    assert len(figure.axes) == 2 and not figure.axes[0].texts


def test_accuracy_per_class_is_sorted_with_intervals_and_mean():
    accuracy = [0.8, float("nan"), 0.9, 0.4]
    intervals = [(0.7, 0.85), (float("nan"),) * 2, (0.85, 0.95), (0.3, 0.55)]
    figure = class_plots.plot_per_class(accuracy, CLASSES, intervals)
    checked(figure)
    ax = figure.axes[0]
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == ["automobile", "cat", "airplane", "bird"]  # from the bottom up
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], [np.nan, 40, 80, 90])
    whiskers = [segment[:, 0] for segment in ax.collections[0].get_segments() if len(segment)]
    np.testing.assert_allclose(whiskers[-3:], [[30, 55], [70, 85], [85, 95]])
    legend = [text.get_text() for text in ax.get_legend().texts]
    assert sorted(legend) == ["95 % interval", "mean 70.0 %"]
    assert ax.get_xlabel() == "accuracy in %"
    assert "no images" in [text.get_text() for text in ax.texts]


def test_filters_share_one_scale_with_zero_in_the_middle():
    weight = torch.zeros(6, 3, 3, 3)
    weight[0, 0, 0, 0], weight[1, 2, 1, 1] = 2.0, -4.0
    figure = pictures.plot_filters(weight)
    checked(figure)
    first, second, third = (ax.images[0].get_array() for ax in figure.axes[:3])
    assert first[0, 0, 0] == 0.75 and first[0, 0, 1] == 0.5
    assert second[1, 1, 2] == 0
    assert (third == 0.5).all()
    with pytest.raises(ValueError, match=r"\(6, 16, 3, 3\)"):
        pictures.plot_filters(torch.zeros(6, 16, 3, 3))


def test_feature_maps_share_one_scale():
    maps = torch.rand(1, 5, 6, 6) * torch.arange(1, 6).view(1, 5, 1, 1)
    figure = pictures.plot_feature_maps(maps, columns=3)
    checked(figure)
    shown_maps = [ax.images[0] for ax in visible(figure)[:5]]
    for channel, picture in enumerate(shown_maps):
        np.testing.assert_array_equal(picture.get_array(), maps[0, channel])
        assert picture.get_clim() == (maps.min(), maps.max())


def test_probabilities_beside_the_image():
    probabilities = torch.tensor([0.1, 0.6, 0.05, 0.25])
    figure = pictures.plot_probabilities(torch.rand(3, 8, 8), probabilities, CLASSES, k=3)
    checked(figure)
    image, bars = figure.axes
    assert image.images[0].get_array().shape == (8, 8, 3)
    names = [text.get_text() for text in bars.get_yticklabels()]
    assert names == ["automobile", "cat", "airplane"]
    np.testing.assert_allclose([bar.get_width() for bar in bars.patches], [60, 25, 10], rtol=1e-5)
    assert [text.get_text() for text in bars.texts] == ["60.0", "25.0", "10.0"]
    assert bars.yaxis_inverted()  # the surest on top
    assert bars.get_xlabel() == "probability in %"
