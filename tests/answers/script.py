"""Answers to the last exercise of notebook 01: a training script with five mistakes."""

from itertools import combinations

from answers.kinds import Bank, Wrong, edit, written

ZERO = "            optimizer.zero_grad()\n"
TRAIN = "        model.train()\n"
COUNTED = (
    ("hits = count = 0", "hits, count = 0, len(batches)"),
    (".sum().item()", ".float().mean().item()"),
    ("            count += len(labels)\n", ""),
)
CARELESS = {  # each mistake, as it stands in the script: what the message says, edits
    "softmax": ("even an answer that is right and as sure as can be has a loss of 0.74",
                [("model(images), labels", "model(images).softmax(1), labels")]),
    "never zeroed": ("step 2 does not follow the gradient of its own batch alone", [(ZERO, "")]),
    "training mode": ("measured again in other batches", [("    model.eval()\n", "")]),
    "mean of means": ("in the accuracy of an epoch, an image of the last batch (3 images) counts",
                      COUNTED),
    "chosen on test": ("the epoch is chosen on the test images", [("model, val", "model, test")]),
}  # fmt: skip


def every_choice() -> list[Wrong]:
    """The script with some mistakes left in it: the check counts, and names the first."""
    found = []
    for names in (some for count in range(1, 6) for some in combinations(CARELESS, count)):
        says = f"{5 - len(names)} of 5 fixed; next: {CARELESS[names[0]][0]}"
        edits = [pair for name in names for pair in CARELESS[name][1]]
        found.append(edit("left: " + ", ".join(names), says, *edits))
    return found


MEASURED = """
def mended_accuracy(model, batches):
    model.eval()
    with torch.no_grad():
        answers = torch.cat([model(images).argmax(1) for images, _ in batches])
    return (answers == torch.cat([labels for _, labels in batches])).float().mean().item()
"""

MENDED_SCRIPT = Bank(
    right=(
        MEASURED + """

def mended_training(model, optimizer, train, val, test, epochs):
    loss_fn, history = nn.CrossEntropyLoss(), []
    weights = None
    for _ in range(epochs):
        for images, labels in train:
            model.train()
            loss_fn(model(images), labels).backward()
            optimizer.step()
            optimizer.zero_grad()
        history.append(mended_accuracy(model, val))
        if history[-1] == max(history):
            weights = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(weights)
    return history, mended_accuracy(model, test)
""",
        """
def mended_training(model, optimizer, train, val, test, epochs):
    def accuracy(batches):
        before, right, images_seen = model.training, 0, 0
        model.train(False)
        for images, labels in batches:
            right += (model(images).softmax(1).argmax(1) == labels).float().mean() * len(labels)
            images_seen += len(labels)
        model.train(before)
        return right / images_seen

    states, history = [], []
    for epoch in range(epochs):
        for images, labels in train:
            model.zero_grad()
            F.nll_loss(F.log_softmax(model(images), dim=1), labels).backward()
            optimizer.step()
        history += [accuracy(val)]
        states += [copy.deepcopy(model.state_dict())]
    model.load_state_dict(states[max(range(epochs), key=history.__getitem__)])
    return history, accuracy(test)
""",
        MEASURED + """

def train_one_epoch(model, optimizer, batches):
    model.train()
    for images, labels in batches:
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def mended_training(model, optimizer, train, val, test, epochs):
    history, best = [], None
    for epoch in range(epochs):
        train_one_epoch(model, optimizer, train)
        train_accuracy = mended_accuracy(model, train)
        accuracy = mended_accuracy(model, val)
        if best is None or accuracy > max(history):
            best = copy.deepcopy(model)
        history.append(accuracy)
    model.load_state_dict(best.state_dict())
    return torch.tensor(history), torch.tensor(mended_accuracy(best, test))
""",
    ),
    wrong=(
        *every_choice(),
        edit("never back to training mode", "a new one made: step 4 is trained in eval mode",
             (TRAIN, "")),
        edit("zeroed once an epoch", "4 of 5 fixed; next: step 2 does not follow",
             (ZERO, ""), (TRAIN, TRAIN + ZERO[4:])),
        edit("zeroed between backward and step", "the weights never change",
             (ZERO, ""), ("loss.backward()\n", "loss.backward()\n" + ZERO)),
        edit("batches backwards", "epoch 1 does not take the batches of train once each, in their",
             ("in train:", "in reversed(train):")),
        edit("the first batch again and again", "epoch 1 does not take the batches of train",
             ("in train:", "in train[:1] * len(train):")),
        edit("batches shuffled later", "epoch 2 does not take the batches of train once each",
             ("        for images, labels in train:",
              "        for images, labels in train[epoch:] + train[:epoch]:")),
        edit("no step", "the weights never change", ("            optimizer.step()\n", "")),
        edit("one step an epoch", "4 steps are made; 4 epochs of 3 batches make 12",
             ("            optimizer.step()", "        optimizer.step()")),
        edit("softmax and the negative log-likelihood", "step 1 follows neither",
             ("F.cross_entropy(model(images), labels)",
              "F.nll_loss(model(images).softmax(1), labels)")),
        edit("weights not copied", "tested with the weights of epoch 4; the best",
             ("copy.deepcopy(model.state_dict())", "model.state_dict()")),
        edit("best weights not loaded", "tested with the weights of epoch 4; the best",
             ("    model.load_state_dict(weights)\n", "")),
        edit("loaded after the test", "tested with the weights of epoch 4; the best",
             ("    model.load_state_dict(weights)\n"
              "    return history, mended_accuracy(model, test)",
              "    last = mended_accuracy(model, test)\n    model.load_state_dict(weights)\n"
              "    return history, last")),
        edit("the last epoch instead of the best", "tested with the weights of epoch 4; the best",
             ("if history[-1] > best:", "if True:")),
        edit("worst epoch", "tested with the weights of epoch",
             ("best = [], -1", "best = [], 2"), ("> best:", "< best:")),
        edit("validated in the end", "the test images are not measured exactly once",
             ("(model, test)", "(model, val)")),
        edit("tested twice", "the test images are not measured exactly once",
             ("    return history", "    mended_accuracy(model, test)\n    return history")),
        edit("best on validation told", "the best epoch's on the validation images",
             ("return history, mended_accuracy(model, test)",
              "mended_accuracy(model, test)\n    return history, best")),
        edit("measured on train", "epoch 1 is not measured on all validation images",
             ("(model, val)", "(model, train)")),
        edit("both measured after each epoch", "chosen on the test images",
             ("        history.append",
              "        mended_accuracy(model, test)\n        history.append")),
        edit("eval only for the test", "4 of 5 fixed; next: measured again",
             ("    model.eval()\n", ""),
             ("    return history", "    model.eval()\n    return history")),
        edit("the test by means of batches", "this is the mean of the batches' means",
             ("return history, mended_accuracy(model, test)",
              "parts = [mended_accuracy(model, [batch]) for batch in test]\n"
              "    return history, sum(parts) / len(parts)")),
        edit("a copy is tested, the model left", "is left with the weights of epoch 4; the best",
             ("    model.load_state_dict(weights)\n",
              "    model = copy.deepcopy(model)\n    model.load_state_dict(weights)\n")),
        edit("new weights", "not trained from the weights that it came with",
             ("history, best = [], -1",
              "history, best = [], -1\n    nn.init.normal_(model.fc.weight)")),
        edit("a dictionary", "history must be a list; it is a dict",
             ("return history,", "return dict(enumerate(history)),")),
        edit("history forgotten", "two values are wanted",
             ("return history, mended_accuracy", "return mended_accuracy")),
        edit("history in percent", "the accuracy of epoch 1 is",
             ("return history,", "return [100 * each for each in history],")),
        edit("an epoch too few", "history has 3 entries, expected one for each of 4",
             ("range(epochs)", "range(epochs - 1)")),
        edit("learns from test", "your code raises", ("in train:", "in test[0]:")),
        written("the careless one", "0 of 5 fixed; next: even an answer that is right", """
def mended_accuracy(model, batches):
    accuracies = []
    for images, labels in batches:
        answers = model(images).argmax(1)
        accuracies.append((answers == labels).float().mean().item())
    return sum(accuracies) / len(accuracies)


def mended_training(model, optimizer, train, val, test, epochs):
    history, best = [], -1
    for epoch in range(epochs):
        for images, labels in train:
            probabilities = model(images).softmax(dim=1)
            loss = F.cross_entropy(probabilities, labels)
            loss.backward()
            optimizer.step()
        history.append(mended_accuracy(model, test))
        if history[-1] > best:
            best, weights = history[-1], copy.deepcopy(model.state_dict())
    model.load_state_dict(weights)
    return history, mended_accuracy(model, test)
"""),
    ),
)  # fmt: skip
