"""Answers to the exercises of notebook 04."""

from answers.kinds import Bank, edit, written

FROZEN_BACKBONE = Bank(
    right=(
        """
def frozen_backbone(model, num_classes):
    for parameter in model.parameters():
        parameter.requires_grad = False
    width = model.fc.weight.shape[1]
    model.fc = nn.Linear(width, num_classes)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()
    return model
""",
        """
def frozen_backbone(model, num_classes):
    model.fc = nn.Linear(model.fc.in_features, num_classes, bias=True)
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name in ("fc.weight", "fc.bias")
    model.train(False)
    return model
""",
        """
import copy

def frozen_backbone(model, num_classes):
    model = copy.deepcopy(model).eval()
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    for name, part in model.named_children():
        part.requires_grad_(name == "fc")
    return model
""",
        """
def frozen_backbone(model, num_classes):
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    mine = set(map(id, model.fc.parameters()))
    for p in filter(lambda p: id(p) not in mine, model.parameters()):
        p.requires_grad_(False)
    return model.eval()
""",
    ),
    wrong=(
        edit("head frozen with the rest", "`fc.weight` is frozen: the new head shall learn",
             ("    model.requires_grad_(False)\n", ""),
             ("return model.eval()", "model.requires_grad_(False)\n    return model.eval()")),
        edit("nothing frozen", "5 of the backbone's 5 parameters still learn, first `conv1.weight`",
             ("    model.requires_grad_(False)\n", "")),
        edit("a misspelt attribute", "5 of the backbone's 5 parameters still learn",
             ("model.requires_grad_(False)",
              "for p in model.parameters():\n        p.require_grad = False")),
        edit("the attribute set on the module", "5 of the backbone's 5 parameters still learn",
             ("model.requires_grad_(False)", "model.requires_grad = False")),
        edit("no_grad does not freeze", "still learn, first `conv1.weight`",
             ("    model.requires_grad_(False)\n    ", "    with torch.no_grad():\n        ")),
        edit("convolutions frozen only", "still learn, first `bn1.weight`",
             ("model.requires_grad_(False)", "model.conv1.requires_grad_(False)")),
        edit("every fc spared", "first `gate.fc.weight`",
             ("model.requires_grad_(False)", "for name, p in model.named_parameters():\n"
              "        p.requires_grad = 'fc' in name")),
        edit("biases spared", "first `bn1.bias`",
             ("model.requires_grad_(False)", "for name, p in model.named_parameters():\n"
              "        p.requires_grad = 'bias' in name")),
        edit("still in training mode", "a forward pass moves bn1.running_mean",
             ("model.eval()", "model")),
        edit("head not replaced", "fc.weight has shape (5, 6), expected (2, 6)",
             ("    model.fc = nn.Linear(model.fc.in_features, num_classes)\n",
              "    model.fc.requires_grad_(True)\n")),
        edit("only the attribute changed", "fc.weight has shape (5, 6), expected (2, 6)",
             ("model.fc = nn.Linear(model.fc.in_features, num_classes)",
              "model.fc.out_features = num_classes")),
        edit("in and out swapped", "fc.weight has shape (6, 2), expected (2, 6)",
             ("(model.fc.in_features, num_classes)", "(num_classes, model.fc.in_features)")),
        edit("features of the old classes", "fc.weight has shape (2, 5), expected (2, 6)",
             ("in_features", "out_features")),
        edit("512 features as in ResNet-18", "fc.weight has shape (2, 512), expected (2, 6)",
             ("model.fc.in_features", "512")),
        edit("no bias", "has no `fc.bias`", ("num_classes)\n", "num_classes, bias=False)\n")),
        edit("a head of two layers", "has no `fc.weight`",
             ("nn.Linear(model.fc.in_features, num_classes)",
              "nn.Sequential(nn.Dropout(), nn.Linear(model.fc.in_features, num_classes))")),
        edit("head kept where the numbers agree", "from 5 classes to 5: fc still has the old",
             ("    model.fc = nn", "    if model.fc.out_features != num_classes:\n"
              "        model.fc = nn"),
             ("return", "model.fc.requires_grad_(True)\n    return")),
        edit("the rows of the old head", "from 5 classes to 5: fc still has the old",
             ("return", "model.fc.weight.data = old.weight.data[:num_classes].clone()\n    return"),
             ("    model.requires_grad_(False)\n",
              "    model.requires_grad_(False)\n    old = model.fc\n")),
        edit("old head kept beside", "has a new `old.weight` afterwards",
             ("    model.fc =", "    model.old = model.fc\n    model.fc =")),
        edit("batch norm without statistics", "not those of the new head on the features of eval",
             ("return model.eval()", "model.bn1.track_running_stats = False\n    return model")),
        edit("backbone from scratch", "the function changes `conv1.weight` of the backbone",
             ("return", "model.conv1.reset_parameters()\n    return")),
        edit("nothing returned", "is there a `return`", ("return ", "")),
        edit("the head returned", "has no `conv1.weight`", ("return model", "return model.fc")),
        edit("momentum of batch norm 0", "a forward pass moves bn1.num_batches_tracked",
             ("return model.eval()", "model.bn1.momentum = 0\n    return model")),
        written("the numbers of the example", "fc.weight has shape (2, 9), expected (4, 9)", """
def frozen_backbone(model, num_classes):
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.fc = nn.Linear(model.fc.in_features, 5 if num_classes == 5 else 2)
    return model.eval()
""", hidden=True),
    ),
)  # fmt: skip

FOLDER = """
class PictureFolder(Dataset):
    def __init__(self, folder):
"""
READ = """
    def __len__(self):
        return len(self.samples)

    def __getitem__(self, i):
        path, label = self.samples[i]
        image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        return v2.functional.pil_to_tensor(image), label
"""
RIGHT_LIST = "[path.name for path in shown if path.is_dir()]"
UPRIGHT = 'ImageOps.exif_transpose(image).convert("RGB")'
ENDINGS = 'path.suffix.lower() in (".jpg", ".jpeg", ".png")'
NO_DOT = 'not path.name.startswith(".")'

PICTURE_FOLDER = Bank(
    right=(
        FOLDER + """
        import os
        endings = (".jpg", ".jpeg", ".png")
        self.classes = sorted(
            name for name in os.listdir(folder)
            if os.path.isdir(os.path.join(folder, name)) and name[0] != "."
        )
        self.samples = []
        for label, name in enumerate(self.classes):
            for file in sorted(os.listdir(os.path.join(folder, name))):
                if file.lower().endswith(endings) and file[0] != ".":
                    self.samples.append((os.path.join(folder, name, file), label))
""" + READ,
        FOLDER + """
        self.paths = sorted(
            path for path in folder.glob("*/*")
            if path.suffix.lower() in {".jpg", ".jpeg", ".png"}
            and not path.name.startswith(".") and not path.parent.name.startswith(".")
        )
        shown = (path for path in folder.iterdir() if path.is_dir())
        self.classes = sorted(path.name for path in shown if not path.name.startswith("."))

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        import numpy
        path = self.paths[i]
        with Image.open(path) as image:
            image = ImageOps.exif_transpose(image.convert("RGB"))
            pixels = torch.from_numpy(numpy.array(image)).permute(2, 0, 1)
        return pixels, torch.tensor(self.classes.index(path.parent.name))
""",
        FOLDER + """
        from torchvision.datasets import ImageFolder

        class Shown(ImageFolder):
            def find_classes(self, directory):
                names = sorted(p.name for p in Path(directory).iterdir()
                               if p.is_dir() and not p.name.startswith("."))
                return names, {name: label for label, name in enumerate(names)}

        def wanted(path):
            path = Path(path)
            return (path.suffix.lower() in (".jpg", ".jpeg", ".png")
                    and not path.name.startswith(".") and path.parent.parent == folder)

        found = Shown(folder, is_valid_file=wanted, allow_empty=True)
        self.classes, self.samples = found.classes, found.samples
""" + READ,
        FOLDER + """
        import os
        _, names, _ = next(os.walk(folder))
        self.classes = tuple(sorted(n for n in names if not n.startswith(".")))
        self.samples = []
        for label, name in enumerate(self.classes):
            _, _, files = next(os.walk(folder / name))
            good = [f for f in files if f.lower().rsplit(".", 1)[-1] in ("jpg", "jpeg", "png")]
            self.samples += [(folder / name / f, label) for f in sorted(good) if f[0] != "."]
""" + READ.replace("v2.functional.pil_to_tensor(image)", "v2.functional.to_image(image)"),
        FOLDER + """
        visible = lambda path: not path.name.startswith(".")
        folders = sorted(filter(visible, filter(Path.is_dir, folder.glob("*"))))
        self.classes, self.samples = [each.name for each in folders], []
        for label, each in enumerate(folders):
            for path in sorted(filter(visible, each.glob("*.*"))):
                if path.suffix.lower().lstrip(".") in ("jpg", "jpeg", "png"):
                    self.samples.append((path, label))
""" + READ.replace("v2.functional.pil_to_tensor", "v2.ToImage()"),
    ),
    wrong=(
        edit("classes as they are listed", "['bees', 'ants'], expected ['ants', 'bees']",
             ("sorted(folder.iterdir())", "folder.iterdir()")),
        edit("pictures as they are listed", "from a camera held upside down: sort by file",
             ("sorted((folder / name).iterdir())", "(folder / name).iterdir()")),
        edit("files taken for classes", "with readme.txt in the folder, classes are",
             (RIGHT_LIST, "[path.name for path in shown]"),
             ("sorted((folder / name).iterdir())", 'sorted((folder / name).glob("*"))')),
        edit("hidden folders taken for classes", "classes are ['.ipynb_checkpoints', 'ants'",
             ("shown = [path for path in sorted(folder.iterdir()) if " + NO_DOT + "]",
              "shown = sorted(folder.iterdir())")),
        edit("capitals left out", "with ants/2.JPG in the folder, len() is 3, expected 4",
             (".lower()", "")),
        edit("only .jpg", "with ants/2.jpeg in the folder, len() is 3, expected 4",
             ('(".jpg", ".jpeg", ".png")', '(".jpg",)')),
        edit("PNG forgotten", "with ants/2.png in the folder, len() is 3, expected 4",
             (', ".png")', ")")),
        edit("one ending after the other", "item 2 (ants/2.png, with a palette) shows ants/3.jpg",
             ("sorted((folder / name).iterdir())",
              "sorted((folder / name).iterdir(), key=lambda path: (path.suffix, path.name))")),
        edit("sorted as numbers are", "item 1 (ants/10.jpg, grey) shows ants/2.png",
             ("sorted((folder / name).iterdir())",
              "sorted((folder / name).iterdir(), key=lambda path: (len(path.stem), path.name))")),
        edit("the ending anywhere in a name", "with ants/1.jpg.txt in the folder, len() is 4",
             (ENDINGS, 'any(e in path.name.lower() for e in (".jpg", ".jpeg", ".png"))')),
        edit("classes without pictures left out", "a class without pictures is one, too",
             ("if path.is_dir()]", "if path.is_dir()\n                        "
              "and any(each.suffix.lower() in ('.jpg', '.jpeg', '.png')"
              " for each in path.iterdir())]")),
        edit("any file", "with ants/notes.txt in the folder, len() is 4, expected 3",
             (ENDINGS, "path.is_file()")),
        edit("files with a dot in front", "with ants/._1.jpg in the folder, len() is 4, expected 3",
             (ENDINGS + " and " + NO_DOT, ENDINGS)),
        edit("folders in folders", "with ants/.trash/1.jpg in the folder, len() is 4, expected 3",
             ("(folder / name).iterdir()", '(folder / name).rglob("*")')),
        edit("not turned", "item 3 (ants/3.jpg, from a camera held upright) has height and width",
             (UPRIGHT, 'image.convert("RGB")')),
        edit("no RGB", "item 1 (ants/10.jpg, grey) has shape (1, 16, 24), expected (3, 16, 24)",
             ('.convert("RGB")', "")),
        edit("grey only made RGB", "item 2 (ants/2.png, with a palette) has shape (1, 16, 24)",
             (UPRIGHT, 'ImageOps.exif_transpose(image)\n'
              '        if upright.mode == "L":\n            upright = upright.convert("RGB")')),
        edit("channels last", "has shape (16, 24, 3), expected (3, 16, 24)",
             ("(upright), label", "(upright).permute(1, 2, 0), label")),
        edit("BGR", "has blue in the place of red",
             ("(upright), label", "(upright).flip(0), label")),
        edit("all made grey", "has other pixels than its file", (UPRIGHT, UPRIGHT.replace(
             '.convert', '.convert("L").convert'))),
        edit("height and width swapped", "item 0 (ants/1.jpg, a photograph) has height and width",
             ("(upright), label", "(upright).transpose(1, 2), label")),
        edit("floats", "is torch.float32, expected torch.uint8",
             ("(upright), label", "(upright) / 255, label")),
        edit("the picture itself", "must be a tensor; it is an Image",
             ("v2.functional.pil_to_tensor(upright)", "upright")),
        edit("labels from 1", "item 0 (ants/1.jpg, a photograph) has the label 1, expected 0",
             ("enumerate(self.classes)", "enumerate(self.classes, 1)")),
        edit("names for labels", "must be a number; it is a str",
             ("upright), label", "upright), self.classes[label]")),
        edit("no label", "must be a pair, pixels and label; it is a torch.uint8 tensor",
             ("(upright), label", "(upright)")),
        edit("length of the classes", "len() is 2, expected 3",
             ("len(self.samples)", "len(self.classes)")),
        edit("no attribute classes", "the data set has no attribute `classes`",
             ("self.classes", "self.names")),
        edit("turned the wrong way", "from a camera held upright) stands on its",
             (UPRIGHT, 'image.rotate(90 * (image.getexif().get(274) == 6), expand=True)'
              '.convert("RGB")')),
        edit("only turned by a quarter", "from a camera held upside down) stands on its head",
             (UPRIGHT, 'image.rotate(-90 * (image.getexif().get(274) == 6), expand=True)'
              '.convert("RGB")')),
        edit("a number for the classes", "must be a list of names; it is an int",
             ("self.classes = " + RIGHT_LIST, "names = " + RIGHT_LIST
              + "\n        self.classes = len(names)"),
             ("enumerate(self.classes)", "enumerate(names)")),
        edit("the classes of the lesson", "classes are ['ants', 'bees', 'wasps'], expected ['apes'",
             (RIGHT_LIST, '[n for n in ("ants", "bees", "wasps") if (folder / n).exists()]'
              ' or ["ants", "bees", "wasps"]'),
             ("sorted((folder / name).iterdir())",
              'sorted((folder / name).iterdir() if (folder / name).exists() else [])'),
             hidden=True),
    ),
)  # fmt: skip

SCALE = "v2.functional.resize(image, [resize], antialias=True)"
CUT = "v2.functional.center_crop(image, [size, size])"
LAST = "(image / 255 - mean) / std"

EVALUATION_PICTURE = Bank(
    right=(
        """
def evaluation_picture(image, resize, size, mean, std):
    return v2.Compose([
        v2.Resize(resize, antialias=True),
        v2.CenterCrop(size),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(mean, std),
    ])(image)
""",
        """
def evaluation_picture(image, resize, size, mean, std):
    channels, height, width = image.shape
    short = min(height, width)
    shape = (round(height * resize / short), round(width * resize / short))
    x = F.interpolate(image.unsqueeze(0).float(), shape, mode="bilinear", antialias=True)[0]
    top, left = (shape[0] - size) // 2, (shape[1] - size) // 2
    x = x[:, top:top + size, left:left + size] / 255
    return torch.stack([(x[c] - mean[c]) / std[c] for c in range(channels)])
""",
        """
def evaluation_picture(image, resize, size, mean, std):
    picture = v2.functional.to_pil_image(image)
    scale = resize / min(picture.size)
    sides = [int(side * scale) for side in picture.size]
    picture = picture.resize(sides, Image.Resampling.BILINEAR)
    left, top = [(side - size) // 2 for side in sides]
    picture = picture.crop((left, top, left + size, top + size))
    pixels = v2.functional.pil_to_tensor(picture).float() / 255
    return v2.functional.normalize(pixels, list(mean), list(std))
""",
        """
def evaluation_picture(image, resize, size, mean, std):
    image = v2.functional.to_dtype(image, torch.float32, scale=True)
    pixels = v2.CenterCrop(size)(v2.Resize(resize)(image)).permute(1, 2, 0)
    return ((pixels - torch.tensor(mean)) / torch.tensor(std)).permute(2, 0, 1)
""",
        """
def evaluation_picture(image, resize, size, mean, std):
    return v2.Compose([
        v2.ToImage(),
        v2.Resize(resize),
        v2.CenterCrop(size),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(mean, std),
    ])(image)
""",
    ),
    wrong=(
        edit("proportions lost", "squashed into a square before it is cut",
             ("[resize]", "[resize, resize]")),
        edit("scaled to size at once", "squashed into a square, and nothing is cut out",
             ("[resize]", "[size, size]"), (CUT, "image")),
        edit("short side scaled to size", "its short side is size (24), expected resize (48)",
             ("[resize]", "[size]")),
        edit("long side scaled", "the picture is scaled by its long side",
             ("[resize]", "None, max_size=resize")),
        edit("not scaled", "the picture is cut, but not scaled", (SCALE, "image")),
        edit("not cut", "has shape (3, 48, 72), expected (3, 24, 24)", (CUT, "image")),
        edit("random crop", "is another one every time: is something left to chance",
             (CUT, "v2.RandomCrop(size)(image)")),
        edit("random resized crop", "another one every time",
             (SCALE, "image"), (CUT, "v2.RandomResizedCrop(size)(image)")),
        edit("mirrored by chance", "another one every time",
             (CUT, "v2.RandomHorizontalFlip()(" + CUT + ")")),
        edit("always mirrored", "the picture is mirrored", (CUT, CUT + ".flip(2)")),
        edit("corner", "upper left corner, expected the middle",
             (CUT, "image[:, :size, :size]")),
        edit("no antialiasing", "scaled without antialiasing", ("True", "False")),
        edit("interpolate as it is by default", "scaled without antialiasing",
             (SCALE, "F.interpolate(image[None].float(), scale_factor=resize /"
              " min(image.shape[1:]), mode='bilinear')[0]")),
        edit("cut before scaling", "the picture is cut before it is scaled",
             (SCALE, "v2.functional.center_crop(image, [resize, resize])"),
             (CUT, "v2.functional.resize(image, [size, size])")),
        edit("bytes normalised", "divide by 255 before you normalise", ("image / 255", "image")),
        edit("divided by 256", "half a grey level too low", ("image / 255", "image / 256")),
        edit("bicubic", "scaled bicubic, expected bilinear",
             ("antialias=True", "v2.InterpolationMode.BICUBIC, antialias=True")),
        edit("nearest", "scaled by the nearest pixel, expected bilinear",
             ("antialias=True", "v2.InterpolationMode.NEAREST")),
        edit("nearest as Pillow has it", "scaled by the nearest pixel, expected bilinear",
             ("antialias=True", "v2.InterpolationMode.NEAREST_EXACT")),
        edit("twice as exact", "is torch.float64, expected torch.float32",
             ("torch.tensor(numbers)", "torch.tensor(numbers, dtype=torch.float64)")),
        written("printed each time", "is there a `return`", """
printed = []
def evaluation_picture(image, resize, size, mean, std):
    printed.append(image)
    if len(printed) > 1:
        raise RuntimeError("the screen is full")
"""),
        edit("BGR", "blue in the place of red", (CUT, CUT + ".flip(0)")),
        edit("nothing normalised", "it is not normalised: values are from 0 to 1",
             (LAST, "image / 255")),
        edit("bytes as floats", "it still has values up to 255", (LAST, "image.float()")),
        edit("bytes", "is torch.uint8, expected torch.float32", (LAST, "image")),
        edit("std forgotten", "nothing divided by std", (") / std", ")")),
        edit("mean forgotten", "no mean subtracted", (LAST, "image / 255 / std")),
        edit("brackets forgotten", "where are the brackets", (LAST, "image / 255 - mean / std")),
        edit("multiplied by std", "it is multiplied by std", (") / std", ") * std")),
        edit("mean added", "the mean is added", ("- mean", "+ mean")),
        edit("mean and std swapped", "mean and std have changed places",
             ("mean, std = (", "std, mean = (")),
        edit("the square of std", "divided by the square of std", (") / std", ") / std**2")),
        edit("ImageNet's numbers", "normalised with ImageNet's numbers",
             ("in (mean, std))", "in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))")),
        edit("the picture's own mean and std", "with its own mean and std",
             (LAST, "(image / 255 - (image / 255.0).mean((1, 2), keepdim=True)) / "
              "(image / 255.0).std((1, 2), keepdim=True)")),
        edit("a batch of one", "has shape (1, 3, 24, 24), expected (3, 24, 24)",
             (LAST, "((image / 255 - mean) / std)[None]")),
        edit("channels last", "has shape (24, 24, 3), expected (3, 24, 24)",
             (LAST, "((image / 255 - mean) / std).permute(1, 2, 0)")),
        edit("numbers of shape (3,)", "your code raises RuntimeError", (".view(3, 1, 1)", "")),
        edit("numbers of the visible check", "off on average: scale by `resize`",
             ("[resize]", "[48]"),
             hidden=True),
    ),
)  # fmt: skip

TENTH = '"lr": learning_rate / 10'

TWO_RATES = Bank(
    right=(
        """
def two_rates(model, learning_rate):
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    return torch.optim.SGD(
        [
            {"params": [p for name, p in named if name.startswith("fc.")]},
            {"params": [p for name, p in named if not name.startswith("fc.")],
             "lr": 0.1 * learning_rate},
        ],
        lr=learning_rate,
        momentum=0.9,
    )
""",
        """
def two_rates(model, learning_rate):
    groups = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            lr = learning_rate if name in ("fc.weight", "fc.bias") else learning_rate / 10
            groups.append({"params": [parameter], "lr": lr})
    return torch.optim.SGD(groups, lr=learning_rate, momentum=0.9)
""",
        """
def two_rates(model, learning_rate):
    optimizer = torch.optim.SGD(model.fc.parameters(), lr=learning_rate, momentum=0.9)
    for name, part in model.named_children():
        rest = [p for p in part.parameters() if p.requires_grad]
        if name != "fc" and rest:
            optimizer.add_param_group({"params": rest, "lr": learning_rate / 10})
    return optimizer
""",
        """
def two_rates(model, learning_rate):
    rest = {p for p in model.parameters() if p.requires_grad} - set(model.fc.parameters())
    groups = [dict(params=list(rest), lr=learning_rate / 10, momentum=0.9),
              dict(params=model.fc.parameters(), lr=learning_rate, momentum=0.9)]
    return torch.optim.SGD(groups)
""",
    ),
    wrong=(
        edit("only the head", "`bn1.weight` is not frozen, but the optimiser does not have it",
             ('        {"params": backbone, ' + TENTH + "},\n", "")),
        edit("only the backbone", "`fc.weight` is not frozen, but the optimiser does not have it",
             ('        {"params": head, "lr": learning_rate},\n', "")),
        edit("head twice", "appear in more than one parameter group",
             (" and id(p) not in in_head", "")),
        edit("layers and all that is in them", "`gate.fc.weight` stands in the optimiser 2 times",
             ("[p for p in model.parameters() if",
              "[p for part in list(model.modules())[1:] for p in part.parameters() if")),
        edit("frozen ones too", "`conv1.weight` is frozen, but stands in the optimiser",
             ("model.parameters() if p.requires_grad and", "model.parameters() if")),
        edit("one rate", "`bn1.weight` learns at a rate of 0.05, expected 0.005 for the backbone",
             (TENTH, '"lr": learning_rate')),
        edit("rates swapped", "`bn1.weight` learns at a rate of 0.05, expected 0.005 for",
             ('"params": head', '"params": other'), ('"params": backbone', '"params": head'),
             ('"params": other', '"params": backbone')),
        edit("head ten times the rate", "`fc.weight` learns at a rate of 0.5, expected 0.05",
             ('head, "lr": learning_rate', 'head, "lr": 10 * learning_rate'),
             (TENTH, '"lr": learning_rate')),
        edit("backbone ten times the rate", "`bn1.weight` learns at a rate of 0.5, expected 0.005",
             ("/ 10", "* 10")),
        edit("a hundredth", "a rate of 0.0005, expected 0.005", ("/ 10", "/ 100")),
        edit("a wrong key", "learns at a rate of 0.001, expected", ('"lr"', '"learning_rate"')),
        edit("every fc in the head", "`gate.fc.weight` learns at a rate of 0.05, expected 0.005",
             ("[p for p in model.fc.parameters() if p.requires_grad]",
              '[p for n, p in model.named_parameters() if "fc" in n and p.requires_grad]')),
        edit("weights only", "`gate.fc.bias` is not frozen, but the optimiser does not have it",
             ("[p for p in model.parameters() if",
              '[p for n, p in model.named_parameters() if "weight" in n and')),
        edit("layer by layer, one forgotten", "`bn1.weight` is not frozen, but",
             ("[p for p in model.parameters() if",
              "[p for p in [*model.conv1.parameters(), *model.gate.parameters()] if")),
        edit("`in` among tensors", "your code raises RuntimeError",
             ("id(p) not in in_head", "p not in head")),
        edit("no momentum", "the momentum is 0, expected 0.9", (", momentum=0.9", "")),
        edit("Adam", "the optimiser is Adam, expected SGD", ("SGD(groups, momentum=0.9)",
             "Adam(groups)")),
        edit("weight decay", "otherwise than plain SGD with momentum 0.9",
             ("momentum=0.9", "momentum=0.9, weight_decay=0.1")),
        edit("Nesterov", "otherwise than plain SGD with momentum 0.9",
             ("momentum=0.9", "momentum=0.9, nesterov=True")),
        edit("the groups only", "must return an optimiser; it gives a list",
             ("return torch.optim.SGD(groups, momentum=0.9)", "return groups")),
        edit("nothing returned", "is there a `return`", ("return torch", "torch")),
        edit("two optimisers", "must return an optimiser; it gives a tuple",
             ("torch.optim.SGD(groups, momentum=0.9)", "torch.optim.SGD(head, learning_rate), "
              "torch.optim.SGD(head, learning_rate / 10)")),
        edit("everything thawed", "`conv1.weight` is frozen, but stands in the optimiser",
             ("    head =", "    model.requires_grad_(True)\n    head =")),
        edit("head of a copy", "`fc.weight` is not frozen, but the optimiser does not have it",
             ("    groups =", "    head = [nn.Parameter(p.clone()) for p in head]\n    groups =")),
        edit("rates of the visible check", "expected 0.3 for the head",
             ('head, "lr": learning_rate', 'head, "lr": 0.05'), (TENTH, '"lr": 0.005'),
             hidden=True),
    ),
)  # fmt: skip

TRAINED = """
    optimizer = torch.optim.SGD(model.fc.parameters(), lr=learning_rate)
    losses = []
    for step in range(steps):
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(model.fc(features), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return features, losses
"""
COLLECT = "        pairs = [(model(images), labels) for images, labels in loader]\n"
LOSS = "F.cross_entropy(head(features), labels)"
THROUGH = """
def feature_head(model, loader, steps, learning_rate):
    model.eval()
    optimizer = torch.optim.SGD(model.fc.parameters(), learning_rate)
    losses = []
    for _ in range(steps):
        for images, labels in loader:
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    return model.avgpool(images).flatten(1), losses
"""

FEATURE_HEAD = Bank(
    right=(
        """
def feature_head(model, loader, steps, learning_rate):
    kept, names = [], []
    hook = model.fc.register_forward_pre_hook(lambda layer, inputs: kept.append(inputs[0]))
    model.eval()
    with torch.inference_mode():
        for images, labels in loader:
            model(images)
            names.append(labels)
    hook.remove()
    features, labels = torch.cat(kept), torch.cat(names)  # no longer in inference mode
""" + TRAINED,
        """
def feature_head(model, loader, steps, learning_rate):
    backbone = nn.Sequential(*list(model.children())[:-1], nn.Flatten()).eval()
    features, labels = [], []
    with torch.no_grad():
        for x, y in loader:
            features += list(backbone(x))
            labels += y.tolist()
    features, labels = torch.stack(features), torch.tensor(labels)
""" + TRAINED,
        """
import copy

def feature_head(model, loader, steps, learning_rate):
    model.requires_grad_(False)
    body = copy.deepcopy(model)
    body.fc = nn.Identity()
    body.eval()
    model.fc.requires_grad_(True)
    images_and_labels = list(loader)
    features = torch.cat([body(images) for images, _ in images_and_labels])
    labels = torch.cat([labels for _, labels in images_and_labels])
""" + TRAINED,
        """
def feature_head(model, loader, steps, learning_rate):
    head = model.fc
    model.fc = nn.Identity()
    was, features, labels = model.training, torch.empty(0, head.in_features), torch.empty(0).long()
    model.eval()
    for images, batch in loader:
        with torch.no_grad():
            features = torch.cat([features, model(images)])
        labels = torch.cat([labels, batch])
    model.fc = head
    model.train(was)
    losses = torch.zeros(steps)
    for i in range(steps):
        loss = -head(features).log_softmax(1)[torch.arange(len(labels)), labels].mean()
        gradients = torch.autograd.grad(loss, list(head.parameters()))
        with torch.no_grad():
            for p, g in zip(head.parameters(), gradients):
                p -= learning_rate * g
        losses[i] = loss.detach()
    return features, losses
""",
    ),
    wrong=(
        edit("training mode", "moves bn1.running_mean: is batch norm in training mode",
             ("    model.eval()\n", "    model.train()\n")),
        edit("gradients recorded", "gradients are recorded while the features",
             ("torch.no_grad()", "torch.enable_grad()"),
             ("zip(*pairs))\n", "zip(*pairs))\n    features = features.detach()\n")),
        edit("gradients recorded, not detached", "gradients are recorded while the features",
             ("torch.no_grad()", "torch.enable_grad()")),
        written("the backbone in every epoch", "went through the backbone 12 times, expected once",
                THROUGH),
        edit("features computed in every step", "went through the backbone 13 times",
             ("    for _ in range(steps):\n", "    for _ in range(steps):\n        with "
              "torch.no_grad():\n            [model(images) for images, _ in loader]\n")),
        edit("two passes", "went through the backbone 2 times, expected once",
             (COLLECT, COLLECT + "        [model(images) for images, _ in loader]\n")),
        edit("labels of another pass", "does each feature stand with its own label",
             ("    optimizer =", "    labels = torch.cat([labels for _, labels in loader])\n"
              "    optimizer =")),
        edit("first batch only", "went through the backbone 0 times, expected once",
             ("in loader]", "in [next(iter(loader))]]")),
        edit("last batch only", "the result `features` has shape (2, 6), expected (10, 6)",
             ("zip(*pairs))", "zip(*pairs[-1:]))")),
        edit("logits for features", "shape (10, 3), expected (10, 6)",
             ("head, model.fc = model.fc, nn.Identity()", "head = model.fc"),
             ("head(features)", "head(F.pad(features, (0, 3)))")),
        edit("maps not pooled", "expected (10, 6)",
             ("return features", "return features[:, :, None, None]")),
        edit("a list of batches", "the result `features` must be a tensor; it is a list",
             ("return features", "return [f for f, _ in pairs]")),
        edit("head not put back", "has no `fc.weight`", ("    model.fc = head\n", "")),
        edit("another head trained", "model.fc has not moved",
             ("    model.fc = head\n", "    model.fc = head\n"
              "    head = nn.Linear(head.in_features, head.out_features)\n")),
        edit("a new head", "does model.fc start from the weights it has",
             ("    model.fc = head\n",
              "    head = nn.Linear(head.in_features, head.out_features)\n    model.fc = head\n")),
        edit("no step", "model.fc has not moved", ("        optimizer.step()\n", "")),
        edit("gradients not set to zero", "gradients add up from step to step",
             ("        optimizer.zero_grad()\n", "")),
        edit("no backward pass", "model.fc has not moved", ("        loss.backward()\n", "")),
        edit("without gradients altogether", "does not require grad",
             ("def feature_head", "@torch.no_grad()\ndef feature_head")),
        edit("all joined in inference mode", "your code raises RuntimeError",
             ("torch.no_grad()", "torch.inference_mode()"), ("    features, labels = (",
              "    with torch.inference_mode():\n      features, labels = (")),
        edit("a sum for the loss", "the loss is a sum over the images, expected the mean",
             ("(features), labels)", "(features), labels, reduction='sum')")),
        edit("softmax before the loss", "there is a softmax before cross_entropy",
             ("head(features), labels", "head(features).softmax(1), labels")),
        edit("momentum", "the steps have momentum, expected plain SGD",
             ("learning_rate)\n    losses", "learning_rate, momentum=0.9)\n    losses")),
        edit("Adam", "a step is plain SGD on all features at once", ("optim.SGD", "optim.Adam")),
        edit("loss after the step", "the losses are those after the steps",
             ("        losses.append(loss.item())\n", ""),
             ("optimizer.step()\n",
              "optimizer.step()\n        losses.append(" + LOSS + ".item())\n")),
        edit("the last loss only", "expected a list of 12 losses, one for each step; got 1",
             ("return features, losses", "return features, losses[-1:]")),
        edit("a number for the losses", "one for each step; got a float",
             ("return features, losses", "return features, losses[-1]")),
        edit("one step a batch", "expected a list of 12 losses, one for each step; got 36",
             ("        loss = " + LOSS + "\n", "      for f, l in pairs:\n"
              "        loss = F.cross_entropy(head(f), l)\n")),
        edit("features only", "expected features and losses; what comes is a torch.float32 tensor",
             ("return features, losses", "return features")),
        edit("nothing returned", "is there a `return`", ("return features, losses", "")),
        edit("features normalised", "the features are not what reaches fc",
             ("\n    optimizer =", "\n    features = F.normalize(features)\n    optimizer =")),
        edit("the whole network learns", "went through the backbone 13 times",
             ("head.parameters()", "model.parameters()"),
             (LOSS, "torch.stack([F.cross_entropy(model(x), y) for x, y in loader]).mean()")),
        edit("steps of the visible check", "expected a list of 20 losses",
             ("range(steps)", "range(12)"), hidden=True),
    ),
)  # fmt: skip

ANSWERS = {
    "frozen_backbone": FROZEN_BACKBONE,
    "picture_folder": PICTURE_FOLDER,
    "evaluation_picture": EVALUATION_PICTURE,
    "two_rates": TWO_RATES,
    "feature_head": FEATURE_HEAD,
}
