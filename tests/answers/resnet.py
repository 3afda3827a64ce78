"""Answers to the exercises of notebook 03."""

from answers.kinds import Bank, edit, written

BLOCK = """
class ResidualBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
"""

SHORTCUT = Bank(
    right=(
        BLOCK + "        return F.relu(x + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))",
        BLOCK + """
        identity = x
        out = self.conv1(x)
        out = self.bn1(out)
        out = torch.relu(out)
        out = self.conv2(out)
        out = self.bn2(out)
        out += identity
        return out.clamp(min=0)
""",
        BLOCK + """
        layers = nn.Sequential(self.conv1, self.bn1, nn.ReLU(), self.conv2, self.bn2)
        return torch.maximum(layers(x) + x, torch.zeros(()))
""",
    ),
    wrong=(
        edit("shortcut forgotten", "the shortcut is missing", ("F.relu(out + x)", "F.relu(out)")),
        edit("shortcut and ReLU forgotten", "the last ReLU", ("F.relu(out + x)", "out")),
        edit("no ReLU at the end", "no ReLU after the addition", ("F.relu(out + x)", "out + x")),
        edit("ReLU before the addition", "before the addition", ("(out + x)", "(out) + x")),
        edit("no ReLU inside", "no ReLU between bn1 and conv2",
             ("F.relu(self.bn1(self.conv1(x)))", "self.bn1(self.conv1(x))")),
        edit("ReLU of x", "x goes through a ReLU", ("out + x", "out + F.relu(x)")),
        edit("x subtracted", "x is subtracted", ("out + x", "out - x")),
        edit("x added before the norm", "x is added before bn2, it belongs behind it",
             ("self.bn2(self.conv2(out))", "self.bn2(self.conv2(out) + x)"),
             ("F.relu(out + x)", "F.relu(out)")),
        edit("x overwritten", "x is overwritten: what is added is not the x that came",
             ("out = F.relu(self.bn1", "x = F.relu(self.bn1"), ("conv2(out)", "conv2(x)")),
        edit("x overwritten twice", "x is overwritten: what is added",
             ("out = ", "x = "), ("conv2(out)", "conv2(x)"), ("out + x", "x + x")),
        edit("x detached", "gradients do not flow back through both paths",
             ("out + x", "out + x.detach()")),
        edit("x multiplied", "multiplied", ("out + x", "out * x")),
        edit("batch norm forgotten", "conv1, conv2, bn2; expected conv1, bn1",
             ("self.bn1(self.conv1(x))", "self.conv1(x)")),
        edit("first layers twice", "the layers run in the order",
             ("self.bn2(self.conv2(out))", "self.bn1(self.conv1(out))")),
        edit("concatenated as in Inception", "shape (2, 6, 4, 4), expected (2, 3, 4, 4)",
             ("out + x", "torch.cat([out, x], 1)")),
        edit("nothing returned", "is there a `return`", ("return F.relu", "out = F.relu")),
        edit("x changed in place", "changes its input",
             ("return F.relu(out + x)", "x += out\n        return F.relu(x)")),
        edit("layers renamed", "has no layer `conv1`", ("self.conv1", "self.first")),
        edit("a list", "must be a tensor; it is a list",
             ("return F.relu(out + x)", "return [F.relu(out + x)]")),
    ),
)  # fmt: skip

WIDENING = """
class WideningBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
"""
CONV = "nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)"
NORM = "                nn.BatchNorm2d(out_channels),\n            )\n        ### END"
SUM = "F.relu(self.residual(x) + self.shortcut(x))"

PROJECTION = Bank(
    right=(
        WIDENING + """
        self.downsample = None
        if stride > 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.residual(x)
        out += identity
        return out.relu_()
""",
        WIDENING + """
        self.same = (in_channels, 1) == (out_channels, stride)
        self.stride = stride
        if not self.same:
            self.mix = nn.Conv2d(in_channels, out_channels, 1, bias=False)
            self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x):
        y = self.residual(x)
        if self.same:
            return torch.clamp(x + y, min=0)
        return torch.clamp(self.norm(self.mix(x[:, :, ::self.stride, ::self.stride])) + y, min=0)
""",
        "from torchvision.ops import Conv2dNormActivation\n" + WIDENING + """
        self.projects = stride != 1 or in_channels != out_channels
        if self.projects:
            self.project = Conv2dNormActivation(
                in_channels, out_channels, 1, stride, activation_layer=None
            )

    def forward(self, x):
        paths = [self.residual(x), self.project(x) if self.projects else x]
        return nn.functional.relu(torch.stack(paths).sum(0))
""",
        WIDENING + """
        layers = []
        if stride != 1 or in_channels != out_channels:
            layers.append(nn.LazyConv2d(out_channels, 1, stride, bias=False))
            layers.append(nn.LazyBatchNorm2d())
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        out = self.residual(x)
        for layer in self.layers:
            x = layer(x)
        return nn.ReLU()(out + x)
""",
    ),
    wrong=(
        edit("only where the channels change",
             "in_channels=3, out_channels=3, stride=2: no convolution",
             ("stride != 1 or in_channels != out_channels", "in_channels != out_channels")),
        edit("only where the channels grow",
             "in_channels=6, out_channels=3, stride=1: no convolution",
             ("in_channels != out_channels", "in_channels < out_channels")),
        edit("only where the stride is not 1",
             "in_channels=3, out_channels=6, stride=1: no convolution",
             ("stride != 1 or in_channels != out_channels", "stride != 1")),
        edit("only where both change", "stride=1: no convolution on",
             ("stride != 1 or", "stride != 1 and")),
        edit("always projected", "the shortcut has weights",
             ("if stride != 1 or in_channels != out_channels:", "if True:")),
        edit("never projected", "out_channels=6, stride=2: no convolution on",
             ("if stride != 1 or in_channels != out_channels:", "if False:")),
        edit("a 3 × 3 kernel", "kernel is (6, 3, 3, 3); expected (6, 3, 1, 1)",
             (CONV, "nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)")),
        edit("stride forgotten", "self.residual gives (2, 6, 3, 3) here; does the shortcut",
             (CONV, "nn.Conv2d(in_channels, out_channels, 1, bias=False)")),
        edit("with a bias", "has a bias",
             (CONV, "nn.Conv2d(in_channels, out_channels, 1, stride)")),
        edit("no batch norm", "no batch norm on the shortcut",
             (NORM, "            )\n        ### END")),
        edit("batch norm in front", "batch norm has 3 channels, expected 6",
             (CONV + ",\n                nn.BatchNorm2d(out_channels)",
              "nn.BatchNorm2d(in_channels),\n                " + CONV)),
        edit("ReLU on the shortcut", "a ReLU of its own",
             (NORM, NORM.replace("            )", "                nn.ReLU(),\n            )"))),
        edit("made, but not used", "the shortcut is missing", (SUM, "F.relu(self.residual(x))")),
        edit("no ReLU at the end", "no ReLU after the addition",
             (SUM, "self.residual(x) + self.shortcut(x)")),
        edit("ReLU before the addition", "ReLU comes before the addition",
             (SUM, "F.relu(self.residual(x)) + self.shortcut(x)")),
        edit("only the convolution used", "batch norm is made, but never used",
             ("self.shortcut(x)", "self.shortcut[0](x)")),
        edit("subtracted", "the shortcut is subtracted", ("x) + self", "x) - self")),
        edit("F computed to see its shape", "self.residual runs 2 times; expected once",
             ("return " + SUM, "if self.residual(x).shape == x.shape:\n"
              "            return F.relu(self.residual(x) + x)\n        return " + SUM)),
        edit("F renamed", "has no layer `residual`", ("self.residual", "self.path")),
        edit("F of the projected x", "what self.residual gets has shape (2, 6, 3, 3)",
             ("return " + SUM,
              "x = self.shortcut(x)\n        return F.relu(self.residual(x) + x)")),
        edit("a pool in the place of the stride", "the shortcut pools",
             (CONV, "nn.AvgPool2d(stride), nn.Conv2d(in_channels, out_channels, 1, bias=False)")),
        edit("a pool alone", "no convolution on the shortcut",
             (CONV + ",\n                nn.BatchNorm2d(out_channels)", "nn.MaxPool2d(stride)")),
        edit("only stride 2 thought of", "in_channels=5, out_channels=5, stride=3: no convolution",
             ("stride != 1", "stride == 2"), hidden=True),
        edit("layers made in forward", "made in __init__ and kept in self",
             ("self.shortcut = nn.Identity()", "self.sizes = in_channels, out_channels, stride"),
             ("            self.shortcut = nn.Sequential", "            nn.Sequential"),
             ("return " + SUM, "i, o, s = self.sizes\n        conv = nn.Conv2d(i, o, 1, s, "
              "bias=False)\n        return F.relu(self.residual(x) + nn.BatchNorm2d(o)(conv(x)))")),
    ),
)  # fmt: skip

FIRST, SECOND = "F.relu(self.bn1(self.conv1(x)))", "F.relu(self.bn2(self.conv2(out)))"

BOTTLENECK = Bank(
    right=(
        """
class BottleneckBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride, shortcut):
        super().__init__()
        width = out_channels // 4
        self.path = nn.Sequential(
            nn.Conv2d(in_channels, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.identity = shortcut

    def forward(self, x):
        return torch.relu(self.identity(x) + self.path(x))
""",
        """
class BottleneckBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride, shortcut):
        super().__init__()
        self.shortcut = shortcut
        sizes = [in_channels, out_channels // 4, out_channels // 4, out_channels]
        kernels, strides = (1, 3, 1), (1, stride, 1)
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        for i, (kernel, step) in enumerate(zip(kernels, strides)):
            self.convs.append(nn.Conv2d(
                sizes[i], sizes[i + 1], kernel, step, kernel // 2, bias=False))
            self.norms.append(nn.BatchNorm2d(sizes[i + 1]))

    def forward(self, x):
        out = x
        for i in range(3):
            out = self.norms[i](self.convs[i](out))
            if i < 2:
                out = out.clamp(min=0)
        out += self.shortcut(x)
        return out.clamp(min=0)
""",
        """
from torchvision.ops import Conv2dNormActivation as Layer

class BottleneckBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride, shortcut):
        super().__init__()
        width = int(out_channels / 4)
        self.reduce = Layer(in_channels, width, 1)
        self.work = Layer(width, width, 3, stride)
        self.expand = Layer(width, out_channels, 1, activation_layer=None)
        self.shortcut = shortcut
        self.relu = nn.ReLU()

    def forward(self, x):
        carried = self.shortcut(x)
        return self.relu(carried + self.expand(self.work(self.reduce(x))))
""",
        """
from torchvision.models.resnet import Bottleneck

class BottleneckBlock(Bottleneck):
    def __init__(self, in_channels, out_channels, stride, shortcut):
        super().__init__(in_channels, out_channels // 4, stride, shortcut)
""",
    ),
    wrong=(
        edit("a quarter of in_channels",
             "with in_channels=8, out_channels=12, stride=2: the kernels"
             " are (2, 8, 1, 1), (2, 2, 3, 3)", ("out_channels // 4", "in_channels // 4")),
        edit("out_channels taken for the width", "(12, 12, 3, 3)",
             ("width = out_channels // 4", "width, out_channels = out_channels, 4 * out_channels")),
        written("torchvision's, with another meaning of its argument", "(48, 12, 1, 1)",
                "from torchvision.models.resnet import Bottleneck as BottleneckBlock"),
        edit("half", "(6, 6, 3, 3)", ("// 4", "// 2")),
        edit("stride in the first convolution", "the stride is in the first 1 × 1",
             ("width, 1, bias", "width, 1, stride, bias"), ("3, stride, ", "3, ")),
        edit("stride in the last convolution", "the stride is in the last 1 × 1",
             ("out_channels, 1, bias", "out_channels, 1, stride, bias"), ("3, stride, ", "3, ")),
        edit("stride forgotten", "shortcut gives (2, 12, 3, 3) here",
             ("3, stride, ", "3, ")),
        edit("padding forgotten", "shortcut gives (2, 12, 6, 6) here",
             ("padding=1, ", "")),
        edit("with biases", "has a convolution a bias", (", bias=False", "")),
        edit("ReLU behind the last norm", "F ends in a ReLU",
             ("out = self.bn3(self.conv3(out))", "out = F.relu(self.bn3(self.conv3(out)))")),
        edit("ReLU before the addition", "the last ReLU comes before the addition",
             ("F.relu(out + self.shortcut(x))", "F.relu(out) + self.shortcut(x)")),
        edit("no ReLU at the end", "no ReLU after the addition",
             ("F.relu(out + self.shortcut(x))", "out + self.shortcut(x)")),
        edit("no first ReLU", "no ReLU behind the first norm", (FIRST, FIRST[7:-1])),
        edit("no second ReLU", "no ReLU behind the second norm", (SECOND, SECOND[7:-1])),
        edit("no ReLU inside", "there is no ReLU inside F",
             (FIRST, FIRST[7:-1]), (SECOND, SECOND[7:-1])),
        edit("x itself added", "x itself is added", ("self.shortcut(x)", "x")),
        edit("shortcut of F(x)", "shortcut does not get x",
             ("self.shortcut(x)", "self.shortcut(out)")),
        edit("shortcut forgotten", "the shortcut is missing", ("out + self.shortcut(x)", "out")),
        edit("one norm for two", "2 batch norms of 3, 12 channels", ("self.bn2(", "self.bn1("),
             ("        self.bn2 = nn.BatchNorm2d(width)\n", "")),
        edit("one norm runs twice, one never", "a batch norm runs twice, another never",
             ("self.bn2(", "self.bn1(")),
        edit("shortcut in a list", "hides shortcut from PyTorch",
             ("self.shortcut = shortcut", "self.shortcut = [shortcut]"),
             ("self.shortcut(x)", "self.shortcut[0](x)")),
        edit("no norm at the end", "2 batch norms of 3, 3 channels",
             ("self.bn3(self.conv3(out))", "self.conv3(out)"),
             ("        self.bn3 = nn.BatchNorm2d(out_channels)\n", "")),
        edit("two 3 × 3, as in a basic block", "the kernels are (3, 12, 3, 3), (3, 3, 3, 3)",
             ("in_channels, width, 1, ", "in_channels, width, 3, padding=1, ")),
        edit("nothing returned", "is there a `return`", ("return F.relu", "out = F.relu")),
        edit("the stride guessed", "shortcut gives (2, 20, 2, 2) here",
             ("3, stride, ", "3, 1 if in_channels == out_channels else 2, "), hidden=True),
    ),
)  # fmt: skip

UP = "peak * (step + 1) / (warmup + 1)"
DONE = "(step - warmup) / (steps - warmup)"
COSINE = "(1 + math.cos(math.pi * done)) / 2"

WARMUP_COSINE = Bank(
    right=(
        """
def rate_at(step, steps, warmup, peak):
    line = min(1, (step + 1) / (warmup + 1))
    done = max(0, step - warmup) / (steps - warmup)
    return line * peak * math.cos(done * math.pi / 2) ** 2
""",
        """
def rate_at(step, steps, warmup, peak):
    rates = torch.cat([
        torch.linspace(0, peak, warmup + 2)[1:-1],
        peak * (0.5 + 0.5 * torch.linspace(0, torch.pi, steps - warmup + 1).cos()),
    ])
    return rates[step]
""",
        """
def rate_at(step, steps, warmup, peak):
    from torch.optim.lr_scheduler import CosineAnnealingLR
    if step <= warmup:
        return peak - (warmup - step) * peak / (warmup + 1)
    sgd = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak)
    cosine = CosineAnnealingLR(sgd, T_max=steps - warmup, eta_min=0)
    for _ in range(warmup, step):
        sgd.step()
        cosine.step()
    return cosine.get_last_lr()[0]
""",
    ),
    wrong=(
        edit("starts at 0", "step 0 has the rate 0", (UP, "peak * step / warmup")),
        edit("starts at 0, by another line", "teaches nothing", (UP, "peak * step / (warmup + 1)")),
        edit("peak a step too early", "the peak comes a step too early, at 3",
             (UP, "peak * (step + 1) / warmup")),
        edit("no case for the warm-up", "there is no warm-up", (UP, "peak")),
        edit("divided by a warm-up of 0", "warmup=0, peak=0.5: your code raises ZeroDivisionError",
             ("    if step",
              "    slope = peak / warmup - peak / warmup / (warmup + 1)\n    if step")),
        edit("whole division", "step 0 has the rate 0",
             (UP, "peak * ((step + 1) // (warmup + 1))")),
        edit("counts from the start of the run", "the rate jumps at step 4",
             (DONE, "step / steps")),
        edit("too slow", "the way down is too slow", (DONE, "(step - warmup) / steps")),
        edit("ends at the last step", "the rate is 0 at step 9, too early",
             (DONE, "(step - warmup) / (steps - 1 - warmup)")),
        edit("a straight line down", "falls in a straight line", (COSINE, "(1 - done)")),
        edit("a quarter of a cosine", "a quarter of a cosine",
             (COSINE, "math.cos(math.pi / 2 * done)")),
        edit("the bare cosine", "it must not be negative", (COSINE, "math.cos(math.pi * done)")),
        edit("not halved", "the rate rises to 1, above the peak", (COSINE, COSINE[:-4])),
        edit("degrees", "step 5 has the rate", ("math.pi * done", "180 * done")),
        edit("a factor, without the peak", "the peak is left out", ("peak * ", "1 * ")),
        edit("printed", "is there a `return`", ("return peak * (1", "print(peak * (1"),
             (" / 2\n", " / 2)\n")),
        written("a cosine alone", "no warm-up, and the cosine counts from step 0", """
def rate_at(step, steps, warmup, peak):
    return peak * (1 + math.cos(math.pi * step / steps)) / 2
"""),
        written("both at once", "also lowers the warm-up", """
def rate_at(step, steps, warmup, peak):
    return peak * min(1, (step + 1) / (warmup + 1)) * (1 + math.cos(math.pi * step / steps)) / 2
"""),
        written("the table of the example", "peak=0.15: your code raises IndexError", """
def rate_at(step, steps, warmup, peak):
    if warmup == 0:
        return peak * (1 + math.cos(math.pi * step / steps)) / 2
    return peak * [0.2, 0.4, 0.6, 0.8, 1, 0.9330127, 0.75, 0.5, 0.25, 0.0669873, 0][step]
""", hidden=True),
    ),
)  # fmt: skip

REFUSE = 'raise ValueError(f"depth is {depth}; it must be 6n + 2: 8, 14, 20, …")'
RULES = "for channels, first in ((16, 1), (32, 2), (64, 2)):"
STRIDES = "for stride in [first] + [1] * (n - 1):"
HEAD = "x.mean((2, 3))"

STAGES = Bank(
    right=(
        """
class PictureResNet(nn.Module):
    def __init__(self, depth, block, classes):
        super().__init__()
        if depth < 8 or depth % 6 != 2:
            raise ValueError("the depth must be 6n + 2")
        n = depth // 6
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self.make_stage(block, n, 16, 16, 1)
        self.layer2 = self.make_stage(block, n, 16, 32, 2)
        self.layer3 = self.make_stage(block, n, 32, 64, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, classes)

    def make_stage(self, block, n, before, channels, stride):
        layers = [block(before, channels, stride)]
        for _ in range(1, n):
            layers.append(block(channels, channels, 1))
        return nn.Sequential(*layers)

    def forward(self, images):
        x = torch.relu(self.bn1(self.conv1(images)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(torch.flatten(self.avgpool(x), 1))
""",
        """
class PictureResNet(nn.Sequential):
    def __init__(self, depth, block, classes):
        if depth not in range(8, 10_000, 6):
            raise ValueError(depth)
        channels = [16] + [c for c in (16, 32, 64) for _ in range((depth - 2) // 6)]
        super().__init__(
            nn.LazyConv2d(16, 3, padding="same", bias=False),
            nn.LazyBatchNorm2d(),
            nn.ReLU(),
            *[block(i, o, o // i) for i, o in zip(channels, channels[1:])],
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LazyLinear(classes),
        )
""",
        """
class PictureResNet(nn.Module):
    def __init__(self, depth, block, classes):
        super().__init__()
        n = (depth - 2) / 6
        if n != int(n) or n <= 0:
            raise ValueError(f"no n for {depth}")
        self.stem = nn.ModuleDict(
            {"conv": nn.Conv2d(3, 16, 3, padding=1, bias=False), "norm": nn.BatchNorm2d(16)}
        )
        self.blocks = nn.ModuleList()
        for i in range(3 * int(n)):
            stage, first = divmod(i, int(n))
            out = 16 * 2 ** stage
            down = stage > 0 and first == 0
            self.blocks.append(block(out // 2 if down else out, out, stride=2 if down else 1))
        self.last = nn.Linear(out, classes)

    def forward(self, images):
        x = self.stem["norm"](self.stem["conv"](images)).clamp(min=0)
        for block in self.blocks:
            x = block(x)
        return self.last(x.flatten(2).sum(2) / (x.shape[2] * x.shape[3]))
""",
        """
class PictureResNet(nn.Module):
    def __init__(self, depth, block, classes):
        super().__init__()
        if depth % 6 != 2 or depth == 2:
            raise ValueError("6n + 2")
        widths = [16] * (depth // 6) + [32] * (depth // 6) + [64] * (depth // 6)
        self.conv = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.body = nn.Sequential()
        for before, after in zip([16] + widths, widths):
            step = 1 if before == after else 2
            self.body.append(block(in_channels=before, out_channels=after, stride=step))
        self.linear = nn.Linear(64, classes)

    def forward(self, images):
        x = self.body(F.relu(self.norm(self.conv(images))))
        return self.linear(F.adaptive_avg_pool2d(x, 1)[..., 0, 0])
""",
    ),
    wrong=(
        edit("stride in every block of a stage",
             "block 5 is block(32, 32, 2), expected block(32, 32, 1)",
             (STRIDES, "for stride in [first] * n:")),
        edit("stride in the last block of a stage", "block 4 is block(16, 32, 1), expected",
             (STRIDES, "for stride in [1] * (n - 1) + [first]:")),
        edit("the first stage halves, too", "block 1 is block(16, 16, 2)", ("(16, 1)", "(16, 2)")),
        edit("no stage halves", "block 4 is block(16, 32, 1), expected block(16, 32, 2)",
             ("(32, 2), (64, 2)", "(32, 1), (64, 1)")),
        edit("one block more in each stage", "12 blocks, expected 9: n = 3",
             (STRIDES, "for stride in [first] + [1] * n:")),
        edit("n counts layers", "18 blocks, expected 9",
             ("divmod(depth - 2, 6)", "divmod(depth - 2, 3)")),
        edit("channels before never change", "block 5, made as block(16, 32, 1), gets 32",
             ("                before = channels\n", "")),
        edit("channels change before the block", "block 4, made as block(32, 32, 2), gets 16",
             ("                blocks.append(block(before, channels, stride))\n"
              "                before = channels\n",
              "                before = channels\n"
              "                blocks.append(block(before, channels, stride))\n")),
        edit("four stages", "12 blocks, expected 9: n", (RULES, RULES[:-2] + ", (64, 1)):")),
        edit("one block n times", "block 2 runs 2 times: its weights are shared",
             ("            " + STRIDES + "\n                blocks.append("
              "block(before, channels, stride))\n                before = channels\n",
              "            blocks += [block(before, channels, first)]\n"
              "            blocks += [block(channels, channels, 1)] * (n - 1)\n"
              "            before = channels\n")),
        edit("a Python list", "holds the weights of 0 blocks, expected 9",
             ("self.blocks = nn.Sequential(*blocks)", "self.blocks = blocks"),
             ("x = self.blocks(self.stem(images))", "x = self.stem(images)\n"
              "        for block in self.blocks:\n            x = block(x)\n        #")),
        edit("only the first blocks run", "9 blocks are made, but 3 of them run",
             ("nn.Sequential(*blocks)", "nn.Sequential(*blocks[::n])")),
        edit("ImageNet's stem", "the stem's kernel is (16, 3, 7, 7)",
             ("nn.Conv2d(3, 16, 3, padding=1", "nn.Conv2d(3, 16, 7, 2, padding=3")),
        edit("a pool in the stem", "the stem has a pool",
             ("nn.ReLU()\n", "nn.ReLU(), nn.MaxPool2d(2)\n")),
        edit("ImageNet's pool in the stem", "the stem has a pool",
             ("nn.ReLU()\n", "nn.ReLU(), nn.MaxPool2d(3, 2, 1)\n")),
        edit("no ReLU in the stem", "no ReLU in the stem", (", nn.ReLU()", "")),
        edit("no norm in the stem", "the stem has no batch norm", ("nn.BatchNorm2d(16), ", "")),
        edit("a bias in the stem", "the stem's convolution has a bias", (", bias=False", "")),
        edit("flattened, not averaged", "weight is (5, 4096); expected (5, 64)",
             ("64, classes", "64 * 8 * 8, classes"), (HEAD, "x.flatten(1)")),
        edit("the maximum", "the head takes the maximum", (HEAD, "x.amax((2, 3))")),
        edit("the sum", "the head adds all positions", (HEAD, "x.sum((2, 3))")),
        edit("a pool for 8 × 8 only", "images of 16 × 16: your code raises RuntimeError",
             (HEAD, "F.avg_pool2d(x, 8).flatten(1)")),
        edit("softmax", "ends in a softmax", ("return self.head(" + HEAD + ")",
             "return self.head(" + HEAD + ").softmax(1)")),
        edit("log softmax", "ends in a softmax",
             ("return self.head(" + HEAD + ")", "return self.head(" + HEAD + ").log_softmax(1)")),
        edit("ReLU at the end", "a ReLU stands behind the linear layer",
             ("return self.head(" + HEAD + ")", "return F.relu(self.head(" + HEAD + "))")),
        edit("no bias in the head", "the head's weights are (5, 64); expected (5, 64), 5",
             ("64, classes", "64, classes, bias=False")),
        edit("always ten classes", "weight is (10, 64); expected (5, 64)",
             ("64, classes", "64, 10")),
        edit("no refusal", "depth=21 raises no error", ("n < 1 or rest", "False")),
        edit("no refusal of n = 0", "depth=2 raises no error; expected ValueError",
             ("n < 1 or rest", "rest")),
        edit("refuses the smallest", "your code raises ValueError: depth is 8", ("n < 1", "n < 2")),
        edit("an assert", "depth=21 raises AssertionError",
             (REFUSE, "raise AssertionError(depth)")),
        edit("a table of the paper's depths",
             "depth=8, classes=5, images of 16 × 16: your code raises KeyError",
             ("n, rest = divmod(depth - 2, 6)",
              "n, rest = {20: 3, 32: 5, 44: 7, 56: 9, 110: 18}[depth], 0")),
    ),
)  # fmt: skip

ANSWERS = {
    "shortcut": SHORTCUT,
    "projection": PROJECTION,
    "bottleneck": BOTTLENECK,
    "warmup_cosine": WARMUP_COSINE,
    "residual_stages": STAGES,
}
