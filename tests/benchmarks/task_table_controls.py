"""What raw pixels are worth, by the protocol of the probes and without any network."""

NEIGHBOURS, TEMPERATURE = 20, 0.07
PENALTY = 1e-2


def standardised(train, other):
    import torch

    mean, deviation = train.mean(0), train.std(0)
    scale = torch.where(deviation > 1e-6, 1 / deviation, torch.zeros_like(deviation))
    return (train - mean) * scale, (other - mean) * scale


def linear_accuracy(train, labels, test, test_labels):
    """Softmax regression by L-BFGS on standardised pixels, L2 penalty."""
    import torch

    train, test = standardised(train, test)
    weight = torch.zeros(train.shape[1] + 1, int(labels.max()) + 1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight], max_iter=100, line_search_fn="strong_wolfe")

    def logits(rows):
        return rows @ weight[:-1] + weight[-1]

    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(logits(train), labels) + PENALTY / 2 * weight[:-1].square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        return float((logits(test).argmax(1) == test_labels).float().mean())


def knn_accuracy(train, labels, test, test_labels):
    """Weighted vote of the nearest by cosine (Wu et al. 2018)."""
    import torch

    train, test = (torch.nn.functional.normalize(rows - rows.mean(1, keepdim=True)) for rows in (train, test))
    right = 0
    for begin in range(0, len(test), 1000):
        similarity, nearest = (test[begin:begin + 1000] @ train.T).topk(min(NEIGHBOURS, len(train)))
        votes = torch.zeros(len(similarity), int(labels.max()) + 1)
        votes.scatter_add_(1, labels[nearest], (similarity / TEMPERATURE).exp())
        right += int((votes.argmax(1) == test_labels[begin:begin + 1000]).sum())
    return right / len(test)


def raw_pixels(pictures, budgets, draws):
    import torch

    train, labels, test, test_labels = (torch.from_numpy(array.copy()) for array in pictures.load())
    train, test = train.float() / 255, test.float() / 255
    labels, test_labels = labels.long(), test_labels.long()
    by_budget = {}
    for budget in budgets:
        by_budget[budget] = []
        for draw in range(draws):
            order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(draw))
            chosen = torch.cat([order[labels[order] == c][:budget] for c in labels.unique()])
            by_budget[budget].append(linear_accuracy(train[chosen], labels[chosen], test, test_labels))
    return {"knn": knn_accuracy(train, labels, test, test_labels),
            "linear": linear_accuracy(train, labels, test, test_labels), "blocks": {}, "labels": by_budget}
