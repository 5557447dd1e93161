"""How good a head of few labelled rows is: `python benchmarks/few_rows.py ENCODER DATA`.

Rows are drawn from train, half of each label, and scored on 300 rows of test, at most 128 tokens of
each. Compared are logistic regression on TF-IDF of characters (one to three; C = 10), a head on
`[CLS]` that a part of the rows chooses, the same where that part chooses the pooling too, and what
the trainer does with one table: all rows, cross-validated. Means over several draws.
"""

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.classifier import Classifier, Pooling
from models.encoder import load_encoder
from models.tokenizer import Tokenizer
from trainer.data.dataset import Split, load_data
from trainer.data.splitting import fold_rows
from trainer.features import cached_features
from trainer.frozen import FOLDS, Features
from trainer.head import Fold, HeadTrainer, LabelledFeatures
from trainer.settings import TrainingSettings

SIZES = ((60, 40), (400, 320))
"""Number of rows, and of those that are learned from where the others choose."""

TEST = 300
HEADS = HeadTrainer(2, TrainingSettings())


def draw(split: Split, rows: int, seed: int) -> Split:
    """Return rows at random, the labels by turns."""
    order = np.random.default_rng(seed).permutation(len(split))
    of_label = [order[split.labels[order] == label][: rows // 2] for label in (0, 1)]
    return split.take(np.column_stack(of_label).ravel())


def tf_idf(learned: Sequence[str], texts: Sequence[str]) -> Tensor:
    """Return unit vectors `[texts, n-grams]`: (1 + log tf) · idf of what two learned texts have."""

    def grams(text: str) -> Counter[str]:
        return Counter(text[i : i + n] for n in (1, 2, 3) for i in range(len(text) - n + 1))

    found = Counter(gram for text in learned for gram in grams(text))
    places = {gram: place for place, gram in enumerate(g for g in found if found[g] > 1)}
    vectors = torch.zeros(len(texts), len(places))
    for row, text in enumerate(texts):
        for gram, count in grams(text).items():
            if gram in places:
                idf = np.log((1 + len(learned)) / (1 + found[gram])) + 1
                vectors[row, places[gram]] = (1 + np.log(count)) * idf
    return F.normalize(vectors)


def tf_idf_accuracy(train: Split, test: Split) -> float:
    """Return the accuracy of logistic regression on TF-IDF, by L-BFGS."""
    features, labels = tf_idf(train.texts, train.texts), torch.from_numpy(train.labels)
    layer = torch.nn.Linear(features.shape[1], 2)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=200)

    def loss() -> Tensor:
        optimizer.zero_grad()
        total = F.cross_entropy(layer(features), labels, reduction="sum")
        total = total + layer.weight.square().sum() / (2 * 10)
        total.backward()
        return total

    optimizer.step(loss)
    with torch.no_grad():
        answers = layer(tf_idf(train.texts, test.texts)).argmax(dim=1)
    return float((answers.numpy() == test.labels).mean())


def chosen(
    folds: Mapping[Pooling, Sequence[Fold]], learned: Features, test: Features
) -> tuple[float, Pooling]:
    """Return the accuracy on test of the head that the folds choose, and its pooling."""
    choice = HEADS.search(folds, told=False)
    rows = test[choice.pooling]
    answers = HEADS.fit(learned[choice.pooling], choice)(rows.features).argmax(dim=1)
    return float((answers == rows.labels).float().mean()), choice.pooling


def part(features: Features, rows: slice) -> Features:
    """Return some rows by each pooling."""
    return {key: LabelledFeatures(f[rows], labels[rows]) for key, (f, labels) in features.items()}


@click.command()
@click.argument("encoder")
@click.argument("data")
@click.option("--draws", default=3)
def main(encoder: str, data: str, draws: int) -> None:
    """Compare heads on ENCODER that learn from few rows of DATA."""
    splits = load_data([data], wanted=("train", "test")).splits
    loaded = load_encoder(encoder)
    classifier = Classifier(loaded.module, loaded.hidden, 2, "cls").eval()
    tokenizer, digest = Tokenizer(loaded.tokenizer, 128), loaded.digest()

    def encode(split: Split) -> Features:
        with tempfile.TemporaryDirectory() as cache:
            features = cached_features(
                classifier,
                tokenizer,
                split.texts,
                ["cls", "mean"],
                encoder_digest=digest,
                folder=Path(cache),
                title="",
            )
        labels = torch.from_numpy(split.labels)
        return {key: LabelledFeatures(tensor, labels) for key, tensor in features.items()}

    test_rows = draw(splits["test"], TEST, 0)
    test = encode(test_rows)
    print(f"{loaded.name}, {TEST} rows of test, mean of {draws} draws\n")
    print("| rows | TF-IDF | `[CLS]`, a part chooses | pooling too | cross-validated | pooling |")
    print("|---:|---:|---:|---:|---:|---|")
    accuracies: dict[int, list[list[float]]] = {rows: [] for rows, _ in SIZES}
    poolings: Counter[tuple[int, Pooling]] = Counter()
    for seed in range(draws):
        everything = draw(splits["train"], SIZES[-1][0], seed)
        vectors = encode(everything)
        for rows, learned in SIZES:
            texts = everything.take(np.arange(rows))
            train, dev = part(vectors, slice(learned)), part(vectors, slice(learned, rows))
            both = {key: [Fold(train[key], dev[key])] for key in train}
            all_rows = part(vectors, slice(rows))
            fold_of = fold_rows(texts.labels, texts.texts, FOLDS, seed=42)
            held_outs = [torch.from_numpy(fold_of == fold) for fold in range(FOLDS)]
            folds = {
                key: [Fold(features.take(~mask), features.take(mask)) for mask in held_outs]
                for key, features in all_rows.items()
            }
            folded, pooling = chosen(folds, all_rows, test)
            poolings[rows, pooling] += 1
            accuracies[rows].append(
                [
                    tf_idf_accuracy(texts, test_rows),
                    chosen({"cls": both["cls"]}, train, test)[0],
                    chosen(both, train, test)[0],
                    folded,
                ]
            )
    for rows, of_draws in accuracies.items():
        cells = " | ".join(f"{100 * mean:.1f} %" for mean in np.mean(of_draws, axis=0))
        used = ", ".join(f"{p} {n}" for (r, p), n in poolings.items() if r == rows)
        print(f"| {rows} | {cells} | {used} |")


if __name__ == "__main__":
    main()
