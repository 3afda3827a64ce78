"""Answers to the exercises of notebook 02."""

from answers.kinds import Bank, edit, written

BRANCH = Bank(
    right=(
        """
def branch(in_channels, reduced, out_channels, kernel_size):
    def part(n_in, n_out, k):
        return [nn.Conv2d(n_in, n_out, k, padding=(k - 1) // 2), nn.BatchNorm2d(n_out), nn.ReLU()]

    return nn.Sequential(*part(in_channels, reduced, 1), *part(reduced, out_channels, kernel_size))
""",
        """
class Branch(nn.Module):
    def __init__(self, in_channels, reduced, out_channels, kernel_size):
        super().__init__()
        self.bn2 = nn.BatchNorm2d(out_channels, eps=0.001)
        self.conv2 = nn.Conv2d(reduced, out_channels, kernel_size, padding="same", bias=False)
        self.bn1 = nn.BatchNorm2d(reduced, eps=0.001)
        self.conv1 = nn.Conv2d(in_channels, reduced, (1, 1), bias=False)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)))

branch = Branch
""",
        """
def branch(in_channels, reduced, out_channels, kernel_size):
    layers = nn.Sequential()
    for width, k in ((reduced, 1), (out_channels, kernel_size)):
        layers.append(nn.LazyConv2d(width, k, padding=k // 2))
        layers.append(nn.LazyBatchNorm2d())
        layers.append(nn.Threshold(0.0, 0.0))
    return layers
""",
    ),
    wrong=(
        edit("padding forgotten", "shape (2, 5, 5, 7), expected (2, 5, 7, 9)",
             (", padding=kernel_size // 2", "")),
        edit("padding for a kernel of 3 only", "with kernel_size=5 the output has shape",
             ("padding=kernel_size // 2", "padding=1")),
        edit("padding as large as the kernel", "with kernel_size=3 the output has shape",
             ("kernel_size // 2", "kernel_size")),
        edit("padding in the 1×1 convolution", "shape (2, 5, 9, 11)",
             ("kernel_size=1,", "kernel_size=1, padding=1,")),
        edit("a stride", "shape (2, 5, 4, 5)", ("out_channels, kernel_size,",
             "out_channels, kernel_size, 2,")),
        edit("no ReLU inside", "there is no ReLU between",
             ("nn.BatchNorm2d(reduced),\n        nn.ReLU(),", "nn.BatchNorm2d(reduced),")),
        edit("no ReLU at the end", "the last ReLU is missing",
             ("nn.BatchNorm2d(out_channels),\n        nn.ReLU(),",
              "nn.BatchNorm2d(out_channels),")),
        edit("no ReLU at all", "no ReLU at all", ("        nn.ReLU(),\n", "")),
        edit("first batch norm forgotten", "no batch norm over 6 channels",
             ("        nn.BatchNorm2d(reduced),\n", "")),
        edit("second batch norm forgotten", "no batch norm over 5 channels",
             ("        nn.BatchNorm2d(out_channels),\n", "")),
        edit("ReLU before batch norm", "ReLU comes before batch norm",
             ("nn.BatchNorm2d(reduced),\n        nn.ReLU(),",
              "nn.ReLU(),\n        nn.BatchNorm2d(reduced),"),
             ("nn.BatchNorm2d(out_channels),\n        nn.ReLU(),",
              "nn.ReLU(),\n        nn.BatchNorm2d(out_channels),")),
        edit("batch norm of what comes in", "running_mean should contain 6 elements not 8",
             ("nn.BatchNorm2d(reduced)", "nn.BatchNorm2d(in_channels)")),
        edit("batch norm first, as in other networks", "a batch norm over 8 channels too many",
             ("nn.Sequential(", "nn.Sequential(nn.BatchNorm2d(in_channels), nn.ReLU(),")),
        edit("second convolution sees all channels", "to have 8 channels, but got 6",
             ("nn.Conv2d(reduced, out_channels", "nn.Conv2d(in_channels, out_channels")),
        edit("the larger kernel first", "there is a 3×3 convolution from 8 to 6 channels",
             ("reduced, kernel_size=1,", "reduced, kernel_size, padding=kernel_size // 2,"),
             ("out_channels, kernel_size, padding=kernel_size // 2,", "out_channels, 1,")),
        written("no reduction", "there is a 3×3 convolution from 8 to 5 channels", """
def branch(in_channels, reduced, out_channels, kernel_size):
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )
"""),
        edit("kernel 3 or 5 only", "a 5×5 convolution from 3 to 7 channels in place",
             ("    return nn", "    kernel_size = 3 if kernel_size == 3 else 5\n    return nn"),
             hidden=True),
        edit("nothing returned", "is there a `return`", ("return nn", "layers = nn")),
        edit("a list of layers", "it is a list", ("nn.Sequential(", "list(("),
             ("    )\n    ###", "    ))\n    ###")),
    ),
)  # fmt: skip

WORK = "def work(in_channels, out_channels, kernel_size, height, width, reduced=None):\n"
DIRECT = "kernel_size**2 * in_channels * out_channels * height * width"
PAIR = "return reduction + work(reduced, out_channels, kernel_size, height, width)"
WORK_BANK = Bank(
    right=(
        WORK + """
    layers = [(in_channels, out_channels, kernel_size)]
    if reduced:
        layers = [(in_channels, reduced, 1), (reduced, out_channels, kernel_size)]
    return sum(k * k * a * b for a, b, k in layers) * height * width
""",
        WORK + """
    total = 0
    if reduced is not None:
        total = torch.ones(reduced, in_channels).sum() * (height * width)
        in_channels = reduced
    weight = torch.empty(out_channels, in_channels, kernel_size, kernel_size)
    return total + weight.numel() * height * width
""",
        "import math\n\n" + WORK + """
    places = math.prod((height, width))
    first = 0.0 if reduced is None else float(in_channels * reduced * places)
    seen = (in_channels if reduced is None else reduced) * kernel_size**2
    return first + seen * (out_channels * places)
""",
    ),
    wrong=(
        edit("operations", "counts once, not as two", (DIRECT, f"2 * {DIRECT}")),
        edit("kernel not squared", "kernel_size × kernel_size", ("kernel_size**2", "kernel_size")),
        edit("kernel forgotten", "the kernel's size is left out", ("kernel_size**2 * ", "")),
        edit("the weights", "these are the weights", (" * height * width\n", "\n")),
        edit("input channels forgotten", "sums over all input channels", (" * in_channels", "")),
        edit("output channels forgotten", "for every output channel",
             (" * out_channels * height", " * height")),
        edit("bias counted", "biases are left out",
             (DIRECT, f"({DIRECT} + out_channels * height * width)")),
        edit("a square picture", "expected 32400: the output has height × width",
             ("* height * width", "* height**2")),
        edit("a square picture, by the width", "the output has height × width",
             ("* height * width", "* width**2")),
        edit("height plus width", "the output has height × width", (
             "* height * width", "* (height + width)")),
        edit("no padding", "nothing is lost at the edges", ("* height * width",
             "* (height - kernel_size + 1) * (width - kernel_size + 1)")),
        edit("channels added", "a product", ("in_channels * out_channels",
             "(in_channels + out_channels)")),
        edit("reduction ignored", "`reduced` has no effect", ("reduced is not None", "False")),
        edit("cost of the reduction forgotten", "the 1×1 convolution works, too",
             ("reduction + work", "work")),
        edit("only the reduction", "the wide convolution is left out", (PAIR, "return reduction")),
        edit("reduction not used behind it", "only `reduced` channels",
             ("work(reduced, out", "work(in_channels, out")),
        edit("reduction with the large kernel", "the reduction has a 1×1 kernel",
             ("reduced, 1, height", "reduced, kernel_size, height")),
        edit("reduction in one place", "works at every place", ("1, height, width", "1, 1, 1")),
        edit("multiplied", "are added, not multiplied", ("reduction + work", "reduction * work")),
        edit("nothing returned", "is there a `return`", (f"return {DIRECT}", DIRECT)),
        written("the numbers of the check", "the work of one convolution is 32400, expected 22680",
                WORK + "    return 24948 if reduced else 32400\n", hidden=True),
    ),
)  # fmt: skip

CONV = """
def conv(in_channels, out_channels, kernel_size):
    padding = kernel_size // 2
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding), nn.ReLU()
    )

class InceptionBlock(nn.Module):
    def __init__(self, in_channels, widths, reduced):
        super().__init__()
"""
CAT = "torch.cat([self.one(x), self.three(x), self.five(x), self.pooled(x)], dim=1)"
POOLED = "self.pooled = nn.Sequential(pool, conv(in_channels, widths[3], 1))"
BLOCK_BANK = Bank(
    right=(
        CONV + """
        self.conv1 = nn.Conv2d(in_channels, widths[0], 1)
        self.reduce3 = nn.Conv2d(in_channels, reduced[0], 1)
        self.conv3 = nn.Conv2d(reduced[0], widths[1], 3, padding=1)
        self.reduce5 = nn.Conv2d(in_channels, reduced[1], 1)
        self.conv5 = nn.Conv2d(reduced[1], widths[2], 5, padding=2)
        self.project = nn.Conv2d(in_channels, widths[3], 1)

    def forward(self, x):
        three = self.conv3(F.relu(self.reduce3(x)))
        five = self.conv5(F.relu(self.reduce5(x)))
        pool = self.project(F.max_pool2d(x, 3, stride=1, padding=1))
        return F.relu(torch.cat((self.conv1(x), three, five, pool), 1))
""",
        CONV + """
        def reduction(n):
            return conv(in_channels, n, 1)

        b2 = nn.Sequential(reduction(reduced[0]), conv(reduced[0], widths[1], 3))
        b3 = nn.Sequential(reduction(reduced[1]), conv(reduced[1], widths[2], 5))
        b4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), reduction(widths[3]))
        self.branches = nn.ModuleList([reduction(widths[0]), b2, b3, b4])

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], dim=-3)
""",
        CONV + """
        a, b, c, d = widths
        self.a, self.d = conv(in_channels, a, 1), conv(in_channels, d, 1)
        self.b = nn.Sequential(conv(in_channels, reduced[0], 1), conv(reduced[0], b, 3))
        self.c = nn.Sequential(conv(in_channels, reduced[1], 1), conv(reduced[1], c, 5))
        self.ends = [a, a + b, a + b + c]
        self.width = sum(widths)

    def forward(self, x):
        out = x.new_empty(len(x), self.width, x.shape[2], x.shape[3])
        i, j, k = self.ends
        padded = F.pad(x, (1, 1, 1, 1), value=-1e9)
        out[:, :i], out[:, i:j], out[:, j:k] = self.a(x), self.b(x), self.c(x)
        out[:, k:] = self.d(F.max_pool2d(padded, kernel_size=3, stride=1))
        return out
""",
    ),
    wrong=(
        edit("stride of the pooling forgotten", "Expected size 6 but got size 2",
             ("stride=1, padding=1", "padding=1")),
        edit("padding of the pooling forgotten",
             "the branches differ in height or width, each must keep those of x: Sizes of tensors "
             "must match except in dimension 1. Expected size 6 but got size 4",
             ("stride=1, padding=1", "stride=1")),
        edit("average pooled", "the paper's takes the maximum", ("MaxPool2d", "AvgPool2d")),
        edit("no pooling", "there is no pooling", ("nn.Sequential(pool, ", "nn.Sequential(")),
        edit("pooling behind the convolution", "behind its convolution, it belongs before",
             (POOLED, "self.pooled = nn.Sequential(conv(in_channels, widths[3], 1), pool)")),
        edit("pooling without projection", "no 1×1 convolution from 8 to 2 channels",
             ("nn.Sequential(pool, conv(in_channels, widths[3], 1))", "pool")),
        edit("a branch forgotten", "shape (2, 12, 6, 9), expected (2, 14, 6, 9)",
             (", self.pooled(x)]", "]")),
        edit("another order", "in another order", (CAT,
             "torch.cat([self.pooled(x), self.one(x), self.three(x), self.five(x)], dim=1)")),
        edit("joined along the batch", "the channels are dimension 1: ",
             ("dim=1", "dim=0")),
        edit("joined along the width", "match except in dimension 3",
             ("dim=1", "dim=-1")),
        edit("added", "your code raises RuntimeError: The size of tensor a", (
             CAT, "self.one(x) + self.three(x) + self.five(x) + self.pooled(x)")),
        edit("one behind the other", "to have 8 channels, but got 3", (
             "return torch", "x = self.one(x)\n        return torch")),
        edit("3×3 in place of 5×5", "there is a 3×3 convolution from 7 to 4",
             ("widths[2], 5)", "widths[2], 3)")),
        edit("no reduction before 5×5", "there is a 5×5 convolution from 8 to 4",
             ("conv(in_channels, reduced[1], 1), conv(reduced[1], widths[2], 5)",
              "conv(in_channels, widths[2], 5)")),
        edit("reductions exchanged", "there is a 3×3 convolution from 7 to 5",
             ("reduced[0]", "r"),
             ("reduced[1]", "reduced[0]"),
             ("conv(in_channels, r,", "conv(in_channels, reduced[1],"),
             ("conv(r,", "conv(reduced[1],")),
        edit("no ReLU behind the reduction of 3×3",
             "the 3×3 branch is not right: there is no ReLU behind its reduction",
             ("conv(in_channels, reduced[0], 1)", "nn.Conv2d(in_channels, reduced[0], 1)")),
        edit("no ReLU behind the reduction of 5×5",
             "the 5×5 branch is not right: there is no ReLU behind its reduction",
             ("conv(in_channels, reduced[1], 1)", "nn.Conv2d(in_channels, reduced[1], 1)")),
        edit("no ReLU behind the 1×1 branch", "ReLU is missing behind some branches",
             ("self.one = conv(", "self.one = nn.Conv2d(")),
        edit("batch norm added", "there is a batch norm; here only ReLU follows a convolution",
             ("padding=padding), nn.ReLU()",
              "padding=padding), nn.BatchNorm2d(out_channels), nn.ReLU()")),
        edit("a layer in a list", "or a plain list hides it",
             ("self.one = conv(in_channels, widths[0], 1)",
             "self.one = [conv(in_channels, widths[0], 1)]"), ("self.one(x)", "self.one[0](x)")),
        edit("a list returned", "must be a tensor; it is a list", (CAT,
             "[self.one(x), self.three(x), self.five(x), self.pooled(x)]")),
        edit("nothing returned", "is there a `return`", ("return torch.cat", "x = torch.cat")),
    ),
)  # fmt: skip

HEAD = """
class PooledHead(nn.Module):
    def __init__(self, channels, num_classes, dropout=0.2):
        super().__init__()
"""
LINEAR = "return self.linear(self.dropout(means))"
HEAD_BANK = Bank(
    right=(
        HEAD + """
        self.layers = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout),
            nn.Linear(channels, num_classes),
        )

    def forward(self, x):
        return self.layers(x)
""",
        HEAD + """
        self.p = dropout
        self.fc = nn.Linear(channels, num_classes, bias=False)

    def forward(self, x):
        x = F.avg_pool2d(x, kernel_size=x.shape[2:]).flatten(1)
        return self.fc(F.dropout(x, self.p, training=self.training))
""",
        HEAD + """
        self.drop = nn.Dropout2d(dropout)
        self.conv = nn.Conv2d(channels, num_classes, kernel_size=1)

    def forward(self, x):
        x = F.adaptive_avg_pool2d(x, (1, 1))
        return self.conv(self.drop(x))[:, :, 0, 0]
""",
        HEAD + """
        self.p, self.linear = dropout, nn.Linear(channels, num_classes)

    def forward(self, x):
        n, c, h, w = x.shape
        means = x.sum((2, 3)) / (h * w)
        if self.training:
            means = means * (torch.rand(n, c) >= self.p) / (1 - self.p)
        return self.linear(means)
""",
    ),
    wrong=(
        edit("flattened", "with x of shape (3, 6, 4, 4): your code raises RuntimeError",
             ("x.mean(dim=(2, 3))", "x.flatten(1)")),
        edit("pooling for 4 × 4 only", "with x of shape (2, 6, 3, 5): your code raises",
             ("x.mean(dim=(2, 3))", "F.avg_pool2d(x, 4).flatten(1)")),
        edit("maximum", "the maximum of each channel", ("x.mean(", "x.amax(")),
        edit("sum", "summed up, not averaged", ("x.mean(", "x.sum(")),
        edit("mean over channels", "cannot be multiplied (12x4 and 6x4)", ("dim=(2, 3)", "dim=1")),
        edit("mean over rows only", "cannot be multiplied (18x4 and 6x4)",
             ("dim=(2, 3)", "dim=2")),
        edit("squeezed", "with x of shape (1, 6, 2, 2): the output has shape (4,), expected (1, 4)",
             ("x.mean(dim=(2, 3))", "F.adaptive_avg_pool2d(x, 1).squeeze()")),
        edit("not flattened", "cannot be multiplied (18x1 and 6x4)",
             ("x.mean(dim=(2, 3))", "F.adaptive_avg_pool2d(x, 1)")),
        edit("softmax", "these are probabilities", (LINEAR, f"{LINEAR}.softmax(1)")),
        edit("log_softmax", "went through log_softmax", (LINEAR, f"{LINEAR}.log_softmax(1)")),
        edit("ReLU of the logits", "the logits went through a ReLU", (LINEAR, f"{LINEAR}.relu()")),
        edit("ReLU of the means", "the means went through a ReLU", ("(2, 3))", "(2, 3)).relu()")),
        edit("no dropout", "nothing is dropped", ("self.dropout(means)", "means")),
        edit("dropout in evaluation, too", "two passes differ",
             ("self.dropout(means)", "F.dropout(means, self.dropout.p)")),
        edit("dropout on the logits", "dropout acts on the logits",
             (LINEAR, "return self.dropout(self.linear(means))")),
        edit("dropout before the mean", "dropout acts on single pixels",
             ("x.mean", "self.dropout(x).mean"), ("self.dropout(means)", "means")),
        edit("probability to keep", "of the means are dropped, expected 40%",
             ("nn.Dropout(dropout)", "nn.Dropout(1 - dropout)")),
        edit("PyTorch's own probability", "of the means are dropped, expected 40%",
             ("nn.Dropout(dropout)", "nn.Dropout()")),
        edit("the example's probability", "of the means are dropped, expected 25%",
             ("nn.Dropout(dropout)", "nn.Dropout(0.4)"), hidden=True),
        edit("by hand, without the factor", "multiplies what it keeps by 1.00",
             ("self.dropout(means)", "means * (torch.rand_like(means) >= self.dropout.p)"
              " if self.training else means")),
        edit("by hand, scaled in evaluation", "scaled by 1 − dropout in eval mode",
             ("self.dropout(means)", "means * (torch.rand_like(means) >= self.dropout.p)"
              " if self.training else means * (1 - self.dropout.p)")),
        edit("a hidden layer", "there is a linear layer from 6 to 6 values",
             ("nn.Linear(channels, num_classes)",
              "nn.Sequential(nn.Linear(channels, channels), nn.Linear(channels, num_classes))")),
        edit("nothing returned", "is there a `return`", ("return self.linear", "x = self.linear")),
    ),
)  # fmt: skip

AUXILIARY = """
class AuxiliaryNet(nn.Module):
    def __init__(self, stages, heads, weight=0.3):
        super().__init__()
"""
LISTS = "nn.ModuleList(stages), nn.ModuleList(heads)"
EVALUATED = "return F.cross_entropy(self(images), labels)"
ANSWERED = "return self.deployed()(images)"
JOINT = "main + self.weight * sum(auxiliary)"
DEPLOYED = "nn.Sequential(*self.stages, self.heads[-1])"
AUXILIARY_BANK = Bank(
    right=(
        AUXILIARY + """
        self.body = nn.Sequential(*stages)
        self.auxiliary = nn.ModuleList(heads[:-1])
        self.main = heads[-1]
        self.weight = weight

    def forward(self, x):
        logits = []
        for i, stage in enumerate(self.body):
            x = stage(x)
            if self.training and i < len(self.auxiliary):
                logits.append(self.auxiliary[i](x))
        main = self.main(x)
        return (*logits, main) if self.training else main

    def loss(self, images, labels):
        out = self(images)
        if not self.training:
            out = [out]
        total = F.cross_entropy(out[-1], labels)
        for logits in out[:-1]:
            total = total + self.weight * F.cross_entropy(logits, labels)
        return total

    def deployed(self):
        return nn.Sequential(self.body, self.main)
""",
        AUXILIARY + """
        self.pairs = nn.ModuleList(nn.ModuleList(pair) for pair in zip(stages, heads))
        self.factors = [weight] * (len(heads) - 1) + [1.0]
        self.criterion = nn.CrossEntropyLoss()

    def forward(self, x):
        if self.training:
            return [head(x := stage(x)) for stage, head in self.pairs]
        for stage, head in self.pairs:
            x = stage(x)
        return head(x)

    def loss(self, images, labels):
        out = self.forward(images)
        if torch.is_tensor(out):
            return self.criterion(out, labels)
        return sum(f * self.criterion(o, labels) for f, o in zip(self.factors, out))

    def deployed(self):
        import copy
        stages = [stage for stage, _ in copy.deepcopy(self.pairs)]
        return nn.Sequential(*stages, self.pairs[-1][1])
""",
        AUXILIARY + """
        for i, (stage, head) in enumerate(zip(stages, heads)):
            self.add_module(f"stage{i}", stage)
            self.add_module(f"head{i}", head)
        self.depth, self.weight = len(stages), weight

    def features(self, x):
        for i in range(self.depth):
            x = getattr(self, f"stage{i}")(x)
            yield x

    def forward(self, images):
        maps = list(self.features(images))
        wanted = range(self.depth) if self.training else [self.depth - 1]
        logits = [getattr(self, f"head{i}")(maps[i]) for i in wanted]
        return logits if self.training else logits[0]

    def loss(self, images, labels):
        if not self.training:
            return F.nll_loss(F.log_softmax(self(images), 1), labels)
        losses = torch.stack([F.cross_entropy(each, labels) for each in self(images)])
        return self.weight * losses.sum() + (1 - self.weight) * losses[-1]

    def deployed(self):
        class Deployed(nn.Module):
            def __init__(self, stages, head):
                super().__init__()
                self.stages, self.head = nn.ModuleList(stages), head

            def forward(self, x):
                for stage in self.stages:
                    x = stage(x)
                return self.head(x)

        stages = [getattr(self, f"stage{i}") for i in range(self.depth)]
        return Deployed(stages, getattr(self, f"head{self.depth - 1}"))
""",
    ),
    wrong=(
        edit("plain lists", "the network has 0 parameters", (LISTS, "stages, heads")),
        edit("heads in a plain list", "parameters, stages and heads have",
             (LISTS, "nn.ModuleList(stages), heads")),
        edit("first head in evaluation", "the first head answers",
             (ANSWERED, "return self.heads[0](self.stages[0](images))")),
        edit("probabilities in evaluation", "in evaluation these are probabilities",
             (ANSWERED, "return self.deployed()(images).softmax(1)")),
        edit("auxiliary heads run in evaluation", "these ran: 0, 1, 2",
             ("        return logits\n", "        return logits if self.training else x\n"),
             (f"        if not self.training:\n            {ANSWERED}\n", ""),
             ("else x\n", "else logits[-1]\n")),
        edit("mode never asked", "forward gives a list of 3",
             (f"        if not self.training:\n            {ANSWERED}\n", "")),
        edit("gradients asked in place of the mode", "forward gives a list of 3",
             (f"not self.training:\n            {ANSWERED}",
              f"not torch.is_grad_enabled():\n            {ANSWERED}")),
        edit("modes exchanged", "in evaluation forward gives a list of 3",
             ("if not self.training", "if self.training")),
        edit("main head's logits first", "logits stand in another order",
             ("        return logits\n", "        return logits[::-1]\n"),
             ("*auxiliary, main =", "main, *auxiliary =")),
        edit("heads at the last stage", "every head reads the last stage's output",
             ("logits, x = [], images\n", "logits, x = [], nn.Sequential(*self.stages)(images)\n"),
             ("            x = stage(x)\n", "")),
        edit("stages see the images only", "every stage reads the images",
             ("x = stage(x)", "x = stage(images)")),
        edit("heads feed the next stage", "Expected 3D (unbatched) or 4D (batched) input to conv2d",
             ("logits.append(head(x))", "x = head(x)\n            logits.append(x)")),
        edit("only the auxiliary logits", "gives 2 logits, expected 3",
             ("        return logits\n", "        return logits[:-1]\n")),
        edit("one tensor", "expected a list of all logits",
             ("        return logits\n", "        return torch.stack(logits)\n")),
        edit("auxiliary losses missing", "the auxiliary losses are missing", (JOINT, "main")),
        edit("no weight", "the auxiliary losses have no weight", ("self.weight * sum", "sum")),
        edit("weight on all", "the main loss has the weight, too",
             (JOINT, "self.weight * (main + sum(auxiliary))")),
        edit("weight on the main one", "the weight is at the main loss",
             (JOINT, "self.weight * main + sum(auxiliary)")),
        edit("as a weighted mean", "the main loss is scaled by 1 − weight",
             (JOINT, f"(1 - self.weight) * {JOINT}")),
        edit("divided by the heads", "the sum is divided by the number of heads",
             (JOINT, f"({JOINT}) / len(self.heads)")),
        edit("averaged", "averaged; add them",
             ("sum(auxiliary)", "sum(auxiliary) / len(auxiliary)")),
        edit("always 0.3", "the weight is always 0.3", ("self.weight * sum", "0.3 * sum")),
        edit("as GoogLeNet orders them", "the first head is taken as the main one",
             ("*auxiliary, main =", "main, *auxiliary =")),
        edit("main one counted twice", "counted as an auxiliary one, too",
             ("sum(auxiliary)", "(main + sum(auxiliary))")),
        edit("loss always joint", "the auxiliary losses are added", (EVALUATED, """
            x, losses = images, []
            for stage, head in zip(self.stages, self.heads):
                x = stage(x)
                losses.append(F.cross_entropy(head(x), labels))
            return losses[-1] + self.weight * sum(losses[:-1])""")),
        edit("double softmax", "takes logits, not softmax",
             (EVALUATED, "return F.cross_entropy(self(images).softmax(1), labels)")),
        edit("summed over images", "summed over images",
             (EVALUATED, "return F.cross_entropy(self(images), labels, reduction='sum')")),
        edit("loss switches the mode", "leaves it there",
             ("*auxiliary, main =", "self.train()\n        *auxiliary, main ="),
             ("return main", "self.eval()\n        return main")),
        edit("a number without its graph", "no gradient can flow back from the loss",
             (JOINT, "main.item() + self.weight * sum(auxiliary).item()")),
        edit("heads cut off from the stages", "do not reach the stages",
             ("logits.append(head(x))",
              "logits.append(head(x if head is self.heads[-1] else x.detach()))")),
        edit("stages cut off from one another", "does not change the network as the loss demands",
             ("x = stage(x)", "x = stage(x.detach())")),
        edit("last stage forgotten", "is not the last head's, behind all stages",
             (DEPLOYED, "nn.Sequential(*self.stages[:-1], self.heads[-1])")),
        edit("all heads deployed", "parameters, expected", (f"return {DEPLOYED}", "return self"),
             (ANSWERED, f"return {DEPLOYED}(images)")),
        edit("deployed, and the heads dropped",
             "deployed() changes the network itself: afterwards forward gives 1 logits, expected 3",
             (f"return {DEPLOYED}", f"self.heads = self.heads[-1:]\n        return {DEPLOYED}"),
             (ANSWERED, f"return {DEPLOYED}(images)")),
        edit("deployed, and the heads deleted",
             "deployed() changes the network itself: your code raises",
             (f"return {DEPLOYED}",
              f"main = {DEPLOYED}\n        del self.heads\n        return main"),
             (ANSWERED, f"return {DEPLOYED}(images)")),
        edit("deployed, and left in eval mode",
             "deployed() changes the network itself: afterwards forward gives a torch.float32",
             (f"return {DEPLOYED}", f"self.eval()\n        return {DEPLOYED}"),
             (ANSWERED, f"return {DEPLOYED}(images)")),
        edit("the network itself cut down", "deployed() changes the network itself: afterwards",
             (f"return {DEPLOYED}", "self.heads = self.heads[-1:]\n        return self"),
             (ANSWERED, f"return {DEPLOYED}(images)")),
        edit("another head deployed", "deployed() gives other logits",
             (f"return {DEPLOYED}", "return nn.Sequential(*self.stages, self.heads[0])"),
             (ANSWERED, f"return {DEPLOYED}(images)")),
        edit("nothing deployed", "it is nothing (None)", (f"return {DEPLOYED}", DEPLOYED),
             (ANSWERED, f"return {DEPLOYED}(images)")),
        edit("for three heads", "forward gives 3 logits, expected 4",
             ("zip(self.stages, self.heads)", "zip(self.stages[:3], self.heads[:3])"), hidden=True),
    ),
)  # fmt: skip

ANSWERS = {
    "inception_branch": BRANCH,
    "multiply_adds": WORK_BANK,
    "inception_block": BLOCK_BANK,
    "pooled_head": HEAD_BANK,
    "auxiliary_loss": AUXILIARY_BANK,
}
