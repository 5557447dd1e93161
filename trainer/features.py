"""Runs the frozen encoder over texts, once."""

from collections.abc import Sequence

import torch
from torch import Tensor
from tqdm import tqdm

from models.batching import plan
from models.classifier import Classifier
from models.tokens import Tokenizer


@torch.inference_mode()
def encode(
    classifier: Classifier, tokenizer: Tokenizer, texts: Sequence[str], *, title: str
) -> Tensor:
    """Return the vector that the head sees for each text, float32 `[texts, H]`.

    Equal texts are encoded once. No gradient exists here, so nothing of the encoder can train.

    Args:
        classifier: in evaluation mode: dropout in a frozen encoder would make noise of features.
        tokenizer: cuts the texts to the model's max length.
        texts: in any order.
        title: of the progress bar, which shows on a terminal only.
    """
    place: dict[str, int] = {}
    where = torch.tensor([place.setdefault(text, len(place)) for text in texts])
    tokens = tokenizer.encode(list(place))
    device = classifier.head.weight.device
    features = torch.empty(len(place), classifier.head.in_features)
    with tqdm(total=len(place), desc=title, unit="text", disable=None, leave=False) as bar:
        for rows in plan(tokens.lengths):
            batch = tokens.batch(rows, tokenizer.pad_id)
            tensors = {name: torch.from_numpy(ids).to(device) for name, ids in batch.items()}
            if not tokenizer.has_token_types:
                del tensors["token_type_ids"]
            features[torch.from_numpy(rows)] = classifier.features(**tensors).cpu()
            bar.update(len(rows))
    return features[where]
