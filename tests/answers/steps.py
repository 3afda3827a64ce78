"""Answers to the exercises of notebook 01: evaluation and a step of training."""

from answers.kinds import Bank, edit, written

LOSS = """loss_sum += F.cross_entropy(logits, labels, reduction="sum").item()"""
BATCH_LOSS = "loss_sum += F.cross_entropy(logits, labels).item()"
HITS = "hits += (logits.argmax(1) == labels).sum().item()"
BATCH_HITS = "hits += (logits.argmax(1) == labels).float().mean().item()"
BACK = "    model.train(was_training)\n"
RETURN = "return loss_sum / count, hits / count"

EVALUATION = Bank(
    right=(
        """
@torch.no_grad()
def evaluate(model, batches):
    before = model.training
    model.eval()
    losses, hits = [], []
    for images, labels in batches:
        logits = model(images)
        losses.append(F.cross_entropy(logits, labels, reduction="none"))
        hits.append((logits.argmax(dim=1) == labels).float())
    if before:
        model.train()
    return torch.cat(losses).mean(), torch.cat(hits).mean()
""",
        """
def evaluate(model, batches):
    mode = model.training
    try:
        model.train(False)
        with torch.inference_mode():
            logits = torch.cat([model(images) for images, _ in batches])
            labels = torch.cat([labels for _, labels in batches])
            loss = nn.CrossEntropyLoss()(logits, labels)
            accuracy = (logits.softmax(1).argmax(1) == labels).double().mean()
            return loss.item(), accuracy.item()
    finally:
        model.train(mode)
""",
        """
def evaluate(model, batches):
    images = torch.cat([pair[0] for pair in batches])
    labels = torch.cat([pair[1] for pair in batches])
    was_training, model.training = model.training, False
    model.eval()
    with torch.set_grad_enabled(False):
        log_p = model(images).log_softmax(1)
    if was_training:
        model.train()
    right = sum(int(a == b) for a, b in zip(log_p.argmax(1), labels))
    return -log_p[torch.arange(len(labels)), labels].mean().item(), right / len(labels)
""",
        """
def evaluate(model, batches):
    total, hits, count = 0.0, 0, 0
    was_training = model.training
    model.eval()
    for images, labels in batches:
        with torch.no_grad():
            logits = model(images)
        n = images.size(0)
        total += nn.functional.cross_entropy(logits, labels).item() * n
        hits += torch.eq(logits.max(1).indices, labels).sum().item()
        count += n
    model.train(mode=was_training)
    return [total / count, hits / count]
""",
    ),
    wrong=(
        edit("mean of batch means",
             ": this is the mean of the batches' means, not the mean over images",
             (LOSS, BATCH_LOSS), (HITS, BATCH_HITS),
             (RETURN, "return loss_sum / len(batches), hits / len(batches)")),
        edit("only the loss by batch means", "this is the mean of the batches' means",
             (LOSS, BATCH_LOSS),
             (RETURN, "return loss_sum / len(batches), hits / count")),
        edit("only the accuracy by batch means",
             "accuracy is 0.66667, expected 0.58333: this is the mean",
             (HITS, BATCH_HITS), (RETURN, "return loss_sum / count, hits / len(batches)")),
        edit("means by images", "are added, and divided by the number of images",
             (LOSS, BATCH_LOSS)),
        edit("sum by batches", "a sum over images is divided by the number of batches",
             (RETURN, "return loss_sum / len(batches), hits / count")),
        edit("never divided", "it is never divided", (RETURN, "return loss_sum, hits")),
        edit("batches' means added", "the batches' means are added: the sum is never divided",
             (LOSS, BATCH_LOSS), (RETURN, "return loss_sum, hits / count")),
        edit("hits never divided", "the accuracy is 7, expected",
             (RETURN, "return loss_sum / count, hits")),
        edit("last batch as a full one", "counts the last batch as a full one",
             ("count += len(labels)", "count += len(batches[0][1])")),
        edit("percent", "in percent", ("hits / count", "100 * hits / count")),
        edit("share of errors", "share of wrong answers", ("hits / count", "1 - hits / count")),
        edit("last batch alone", "this is the last batch alone",
             (LOSS, LOSS.replace("+=", "=")), (HITS, HITS.replace("+=", "=")),
             ("count +=", "count =")),
        edit("last batch forgotten", "images are left out", ("in batches:", "in batches[:-1]:")),
        edit("returned inside the loop", "images are left out",
             (BACK, ""),
             ("    " + RETURN, "            model.train(was_training)\n            " + RETURN)),
        edit("training mode", "the network is in training mode", ("    model.eval()\n", "")),
        edit("gradients on", "gradients are on", ("torch.no_grad()", "torch.enable_grad()")),
        edit("gradients never on again", "gradients stay off after the call",
             ("with torch.no_grad():", "torch.set_grad_enabled(False)\n    if True:")),
        edit("gradients thrown away", "the gradients that the weights had are changed",
             ("    model.eval()\n", "    model.eval()\n    model.zero_grad()\n")),
        edit("mode not put back", "is left in eval mode", (BACK, "")),
        edit("always training afterwards", "came in eval mode and is left in training mode",
             ("model.train(was_training)", "model.train()")),
        edit("softmax first", "softmax comes before cross-entropy",
             ("cross_entropy(logits,", "cross_entropy(logits.softmax(1),")),
        edit("the other way round", "wrong order",
             (RETURN, "return hits / count, loss_sum / count")),
        edit("loss only", "two values are wanted", (RETURN, "return loss_sum / count")),
        edit("nothing returned", "is there a `return`", (RETURN, "loss_sum / count, hits / count")),
        edit("argmax over the batch", "your code raises",
             ("argmax(1)", "argmax(0)")),
        written("trains", "the weights change", """
def evaluate(model, batches):
    was_training = model.training
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(images) for images, _ in batches])
        labels = torch.cat([labels for _, labels in batches])
        for p in model.parameters():
            p -= 0.01
    model.train(was_training)
    return F.cross_entropy(logits, labels), (logits.argmax(1) == labels).float().mean()
"""),
    ),
)  # fmt: skip

ZERO = "    optimizer.zero_grad()\n"
BACKWARD = "    loss.backward()\n"
STEP = "    optimizer.step()\n"
FORWARD = "    loss = F.cross_entropy(model(images), labels)\n"

TRAINING_STEP = Bank(
    right=(
        """
def training_step(model, images, labels, optimizer):
    model.train(True)
    logits = model(images)
    loss = nn.CrossEntropyLoss()(logits, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach()
""",
        """
def training_step(model, images, labels, optimizer):
    for p in model.parameters():
        p.grad = None
    model.train()
    loss = F.nll_loss(model(images).log_softmax(1), labels)
    loss.backward()
    optimizer.step()
    return float(loss.detach())
""",
        """
def training_step(model, images, labels, optimizer):
    model.train()
    model.zero_grad(set_to_none=False)

    def closure():
        loss = F.cross_entropy(model(images), labels, reduction="sum") / len(images)
        loss.backward()
        return loss

    return optimizer.step(closure).item()
""",
        """
def training_step(model, images, labels, optimizer):
    model.train()
    with torch.enable_grad():
        logits = model(images)
        loss = (logits.logsumexp(1) - logits.gather(1, labels[:, None]).squeeze(1)).mean()
    weights = list(model.parameters())
    for weight, gradient in zip(weights, torch.autograd.grad(loss, weights)):
        weight.grad = gradient
    optimizer.step()
    return loss.data
""",
    ),
    wrong=(
        edit("never zeroed", "the gradient of the step before is still there", (ZERO, "")),
        edit("zeroed after backward", "zero_grad, step", (ZERO, ""), (BACKWARD, BACKWARD + ZERO)),
        edit("zeroed only behind the step", "the gradient of the step before is still there",
             (ZERO, ""), (STEP, STEP + ZERO)),
        edit("no step", "do not change; what runs, in this order: zero_grad, backward",
             (STEP, "")),
        edit("no backward", "in this order: zero_grad, step", (BACKWARD, "")),
        edit("step before backward", "in this order: zero_grad, step, backward",
             (STEP, ""), (BACKWARD, STEP + BACKWARD)),
        edit("step before backward, not zeroed", "follows the gradient of the step before",
             (ZERO, ""), (STEP, ""), (BACKWARD, STEP + BACKWARD)),
        edit("mode left", "came in eval mode and is trained in it", ("    model.train()\n", "")),
        edit("eval mode", "came in eval mode and is trained in it",
             ("model.train()", "model.eval()")),
        edit("softmax first", "softmax comes before cross-entropy",
             ("model(images)", "model(images).softmax(1)")),
        edit("softmax first and never zeroed", "applies its own; and the gradient",
             (ZERO, ""), ("model(images)", "model(images).softmax(1)")),
        edit("a sum", "the loss is the sum over the images",
             ("labels)", 'labels, reduction="sum")')),
        edit("uphill", "the step goes up", ("loss = F", "loss = -F")),
        edit("two steps", "2 steps are made", (STEP, STEP + STEP)),
        edit("optimizer of its own", "not made by the optimizer that was given",
             (ZERO, ZERO + "    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n")),
        edit("Adam of its own", "not made by the optimizer that was given",
             (ZERO, "    optimizer = torch.optim.Adam(model.parameters())\n" + ZERO)),
        edit("step by hand", "not made by the optimizer that was given",
             (STEP, "    with torch.no_grad():\n        for p in model.parameters():\n"
                    "            p -= 0.1 * p.grad\n")),
        edit("the loss with its graph", "holds on to the network's graph", ("loss.item()", "loss")),
        edit("nothing returned", "is there a `return`", ("    return loss.item()", "")),
        edit("loss after the step", "this is the loss after the step",
             ("return loss.item()", "return F.cross_entropy(model(images), labels).item()")),
        edit("accuracy instead of the loss", "this is the accuracy",
             ("    loss = F.cross_entropy(model(images), labels)",
              "    logits = model(images)\n    loss = F.cross_entropy(logits, labels)"),
             ("return loss.item()", "return (logits.argmax(1) == labels).float().mean().item()")),
        edit("loss as a sum", "this is the sum over images",
             ("loss.item()", "loss.item() * len(labels)")),
        edit("without gradients", "does not require grad",
             (FORWARD, "    with torch.no_grad():\n    " + FORWARD)),
        edit("logits forgotten", "your code raises", ("model(images), labels", "images, labels")),
        edit("half a batch", "other images than those of the batch",
             ("model(images), labels", "model(images[:3]), labels[:3]")),
        edit("clipped", "something else than learning rate",
             (BACKWARD, BACKWARD + "    nn.utils.clip_grad_value_(model.parameters(), 0.01)\n")),
    ),
)  # fmt: skip
