"""Answers to the exercises of notebook 03."""

from answers.kinds import Bank, edit

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
        edit("a list", "must be a tensor; it is a list",
             ("return F.relu(out + x)", "return [F.relu(out + x)]")),
    ),
)  # fmt: skip

ANSWERS = {"shortcut": SHORTCUT}
