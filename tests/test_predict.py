"""Predictions for a picture of one's own, from wherever it comes."""

import io

import loopback as web
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from course_utils.data.batches import Batches
from course_utils.data.datasets import cifar10
from course_utils.data.transforms import eval_image
from course_utils.engine.checkpoint import CheckpointError, save_checkpoint
from course_utils.models import create_model
from course_utils.show.predict import predict
from course_utils.store.images import ImageError

DATA = cifar10("drawings")


@pytest.fixture(autouse=True)
def no_figures_left():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def model():
    """The CNN, which knows 20 drawings by heart."""
    torch.manual_seed(0)
    images, labels = next(iter(Batches(some(), 20)))
    model = create_model("cnn")
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
    assert (model(images).argmax(1) == labels).all()
    return model.train()


def some():
    return DATA.train.subset(torch.arange(20) * len(DATA.train) // 20)


def picture(index: int) -> Image.Image:
    return Image.fromarray(some().images[index].permute(1, 2, 0).numpy())


def as_bytes(image: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, **{"format": "PNG", **options})
    return file.getvalue()


@pytest.fixture
def checkpoint(model, tmp_path):
    path = tmp_path / "best.pt"
    content = {"model": model.state_dict(), "config": model.config, "about": DATA.about()}
    save_checkpoint({**content, "epoch": 3}, path)
    return path


class Seeing(nn.Module):
    """Keeps what it is shown."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(10))

    def forward(self, images):
        self.seen, self.mode = images, self.training
        return self.weight.expand(len(images), 10)


# ---- from everywhere ----


def test_the_right_class(model):
    for index in (0, 7, 13):
        label = DATA.classes[some().labels[index]]
        named = predict(model, picture(index), about=DATA.about())
        assert named[0][0] == label and len(named) == 3
        shares = [share for _, share in named]
        assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1.000001
    assert model.training  # left as it was


def test_every_source_gives_the_same(checkpoint, model, tmp_path):
    content = as_bytes(picture(5))
    (tmp_path / "Größe 1.png").write_bytes(content)
    expected = predict(model, picture(5), about=DATA.about(), k=10)
    assert len(expected) == 10 and sum(share for _, share in expected) == pytest.approx(1)
    with web.Loopback() as server:
        url = server.put("/birds/1.png", content)
        for source in (content, tmp_path / "Größe 1.png", str(tmp_path / "Größe 1.png"), url):
            for known in (checkpoint, str(checkpoint)):
                assert dict(predict(known, source, k=10)) == pytest.approx(dict(expected))
    assert server.seen


def test_more_classes_than_there_are(model):
    assert len(predict(model, picture(0), about=DATA.about(), k=99)) == 10


@pytest.mark.parametrize(
    "mode, colour, rgb",
    [
        ("RGB", (200, 100, 50), (200, 100, 50)),
        ("L", 90, (90, 90, 90)),
        ("P", 2, (10, 20, 30)),
        ("RGBA", (200, 100, 50, 0), (255, 255, 255)),
        ("LA", (90, 255), (90, 90, 90)),
        ("CMYK", (255, 0, 0, 0), (0, 255, 255)),
        ("1", 1, (255, 255, 255)),
        ("I;16", 257 * 40, (40, 40, 40)),
    ],
)
def test_every_colour_mode_reaches_the_network_with_its_pixels(mode, colour, rgb):
    image = Image.new(mode, (48, 40), colour)
    if mode == "P":
        image.putpalette([0, 0, 0, 1, 1, 1, 10, 20, 30])
    about, network = DATA.about(), Seeing()
    predict(network, image, about=about)
    expected = (torch.tensor(rgb) / 255 - torch.tensor(about["mean"])) / torch.tensor(about["std"])
    assert network.seen.shape == (1, 3, 32, 32) and network.seen.dtype == torch.float32
    assert network.training and not network.mode  # in eval mode while it predicts
    assert (network.seen - expected.view(1, 3, 1, 1)).abs().max() < 1e-5


def test_a_picture_is_scaled_and_cut_as_the_validation_images_were():
    chance = np.random.default_rng(0)
    image = Image.fromarray(chance.integers(0, 256, (60, 90, 3), np.uint8))
    network, about = Seeing(), DATA.about()
    for resize in (32, 40):
        predict(network, image, about={**about, "resize": resize})
        expected = eval_image(image, 32, about["mean"], about["std"], resize)
        assert torch.equal(network.seen[0], expected)
    del about["resize"]  # of checkpoints that do not say: nothing but the longer side is cut
    predict(network, image, about=about)
    assert torch.equal(network.seen[0], eval_image(image, 32, about["mean"], about["std"]))


def test_a_turned_photo_is_seen_upright():
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:, :16] = 255  # white on the left as it is stored
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise: white on top
    network = Seeing()
    predict(network, as_bytes(Image.fromarray(pixels), exif=exif), about=DATA.about())
    white = network.seen[0].mean(0) > 0
    assert white[:16].all() and not white[16:].any()


# ---- the picture drawn ----


def test_it_draws_the_picture_and_its_classes(model):
    named = predict(model, picture(3), about=DATA.about())
    figure = plt.gcf()
    figure.canvas.draw()
    assert len(plt.get_fignums()) == 1
    left, right = figure.axes
    assert np.allclose(left.images[0].get_array(), np.asarray(picture(3)) / 255)
    assert [text.get_text() for text in right.get_yticklabels()] == [name for name, _ in named]
    widths = [bar.get_width() for bar in right.patches]
    assert widths == pytest.approx([100 * share for _, share in named])
    assert right.get_xlabel() == "probability in %"
    assert (np.asarray(figure.canvas.buffer_rgba())[..., :3] != 255).any(axis=2).mean() > 0.05


# ---- what cannot be ----


@pytest.mark.parametrize(
    "source, message",
    [
        ("none.png", "none.png: there is no such file"),
        (b"\x89PNG nonsense", "the given bytes: is damaged"),
        (b"<html>Log in</html>", "is a web page"),
        (b"", "is empty"),
        ("ftp://example.org/a.png", "only http and https"),
    ],
)
def test_pictures_that_cannot_be_read(model, source, message):
    with pytest.raises(ImageError, match=message):
        predict(model, source, about=DATA.about())
    assert not plt.get_fignums()


def test_a_cut_picture_is_named(model, tmp_path):
    path = tmp_path / "cut.png"
    path.write_bytes(as_bytes(picture(0))[:-700])
    with pytest.raises(ImageError, match="cut.png: damaged, cut off or unreadable"):
        predict(model, path, about=DATA.about())


@pytest.mark.parametrize("about", [None, {}, {"classes": ["a", "b"], "image_size": 32}])
def test_a_model_needs_to_be_told_of_its_data(model, about):
    with pytest.raises(ValueError, match=r"pass about=data.about\(\)"):
        predict(model, picture(0), about=about)


@pytest.mark.filterwarnings("ignore:.*unchecked")
@pytest.mark.parametrize(
    "content, message",
    [
        ({"config": ["cnn"]}, "its config builds no network"),
        ({"config": "cnn"}, "its config builds no network"),
        ({"config": {"num_classes": 10}}, "its config builds no network"),
        ({"config": {"name": "cnn", "num_classes": "ten"}}, "its config builds no network"),
        ({"config": {1: 2}}, "its config builds no network"),
        ({"about": ["red"]}, "about is .*; it must be a table"),
        ({"about": None}, "predict needs classes"),
        ({"model": torch.zeros(2)}, "holds no 'model'"),
        ({"model": {1: torch.zeros(2)}}, "holds no 'model'"),
        ({"model": {"weight": 1.0}}, "holds no 'model'"),
    ],
)
def test_foreign_checkpoints(model, tmp_path, content, message):
    whole = {"model": model.state_dict(), "config": model.config, "about": DATA.about()}
    torch.save(whole | content, tmp_path / "best.pt")
    with pytest.raises(ValueError, match=message) as told:
        predict(tmp_path / "best.pt", picture(0))
    assert "\n" not in str(told.value)


def test_checkpoints_that_cannot_be_used(model, checkpoint, tmp_path):
    with pytest.raises(CheckpointError, match="none.pt is not there"):
        predict(tmp_path / "none.pt", picture(0))
    bare = tmp_path / "bare.pt"
    save_checkpoint({"model": model.state_dict(), "config": model.config}, bare)
    with pytest.raises(ValueError, match="needs classes"):
        predict(bare, picture(0))
    weights = model.state_dict()
    weights["fc.bias"] = weights["fc.bias"] * float("nan")
    save_checkpoint({"model": weights, "config": model.config}, tmp_path / "nan.pt")
    with pytest.raises(CheckpointError, match="nan.pt: fc.bias is not finite: the training has di"):
        predict(tmp_path / "nan.pt", picture(0))
    checkpoint.write_bytes(checkpoint.read_bytes()[:-9])
    with pytest.raises(CheckpointError, match="best.pt is damaged"):
        predict(checkpoint, picture(0))
