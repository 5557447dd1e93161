"""Cuts an encoder down before it is trained: to some layers, and to the pieces that texts use."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn

from models.console import data_error, encodable, usage_error
from models.encoder import Encoder, layers_of
from trainer.console import say


def keep_layers(encoder: Encoder, kept: Sequence[int]) -> None:
    """Keep some layers of an encoder, in place: the start of a smaller one.

    A student that begins as layers of its teacher learns better than one that begins at random
    (Sanh et al. 2019, section 3).

    Args:
        encoder: a BERT-like encoder.
        kept: numbers of the layers from 0, ascending.

    Raises:
        UserError: USAGE, there is no such layer, or the numbers do not ascend; DATA, the encoder
            has no layers where BERT has them.
    """
    layers = layers_of(encoder.module)
    if not all(a < b for a, b in zip((-1, *kept), (*kept, len(layers)), strict=True)):
        raise usage_error(
            "--layers {kept}: expected ascending numbers from 0 to {last}",
            kept=",".join(map(str, kept)),
            last=len(layers) - 1,
        )
    encoder.module.encoder.layer = nn.ModuleList(layers[number] for number in kept)
    encoder.module.config.num_hidden_layers = len(kept)


def prune_vocabulary(encoder: Encoder, texts: Sequence[str], held_out: Sequence[str]) -> Encoder:
    """Cut the vocabulary to the pieces of `texts`, special tokens, and single characters.

    Characters that the tokenizer replaces before it cuts a text are left out. `texts` become the
    same pieces as before, which is checked.

    Args:
        encoder: an encoder with a WordPiece or Unigram tokenizer; its module is cut in place.
        texts: texts to be trained on.
        held_out: texts for which the change is measured and said.

    Returns:
        The encoder with the tokenizer that matches it now.

    Raises:
        UserError: DATA, the tokenizer is of another kind, or `texts` become other pieces.
    """
    document = json.loads(encoder.tokenizer)
    whole = Tokenizer.from_str(encoder.tokenizer)
    pieces = _pieces(document["model"], encoder.name)
    special = {token["id"] for token in document["added_tokens"]}
    learned = _split(whole, texts)
    used = {id for ids in learned for id in ids}
    single = {id for id, piece in pieces.items() if _is_single(piece) and _is_read(piece, whole)}
    kept = sorted(used | special | single)
    new_ids = {old: new for new, old in enumerate(kept)}
    cut = json.dumps(_renumbered(document, new_ids), ensure_ascii=False, separators=(",", ":"))
    pruned = Tokenizer.from_str(cut)

    def renumber(texts: list[list[int]]) -> list[list[int]]:
        """Return the pieces by their new ids; -1 for one that has none."""
        return [[new_ids.get(id, -1) for id in ids] for ids in texts]

    if renumber(learned) != _split(pruned, texts):
        raise data_error(
            "{name}: its tokenizer cannot be cut without changing its pieces",
            name=encoder.name,
        )
    _cut_embeddings(encoder.module, kept, new_ids)
    before, after = renumber(_split(whole, held_out)), _split(pruned, held_out)
    say(
        "vocabulary: {after} of {before} pieces; {same:.1%} of the texts of dev and test "
        "become the same pieces, {growth:+.2%} pieces in all",
        after=f"{len(kept):,}",
        before=f"{whole.get_vocab_size():,}",
        same=float(np.mean([a == b for a, b in zip(before, after, strict=True)])),
        growth=sum(map(len, after)) / sum(map(len, before)) - 1,
    )
    return encoder.with_tokenizer(cut)


def _pieces(model: dict[str, Any], name: str) -> dict[int, str]:
    """Return the pieces of a tokenizer's model by their ids."""
    if model["type"] == "WordPiece":
        return {id: piece for piece, id in model["vocab"].items()}
    if model["type"] == "Unigram":
        return dict(enumerate(piece for piece, _ in model["vocab"]))
    raise data_error(
        "--prune-vocab: expected a WordPiece or Unigram tokenizer, {name} has {kind}",
        name=name,
        kind=model["type"],
    )


def _is_single(piece: str) -> bool:
    """Whether a piece is one character, with or without the mark of a word's start or inside.

    BERT's tokenizer makes each Chinese character a word, so none of them ever stands inside one.
    """
    inside = piece.removeprefix("##")
    return len(inside.removeprefix("▁")) <= 1 and (inside == piece or inside < "\u2e80")


def _is_read(piece: str, tokenizer: Tokenizer) -> bool:
    """Whether a character is still itself when the text has been normalised."""
    character = piece.removeprefix("##").removeprefix("▁")
    normalizer = tokenizer.normalizer
    return normalizer is None or normalizer.normalize_str(character).strip() == character


def _renumbered(document: dict[str, Any], new_ids: dict[int, int]) -> dict[str, Any]:
    """Return a `tokenizer.json` with the kept pieces alone, under their new ids."""
    model = document["model"]
    if model["type"] == "WordPiece":
        numbered = {piece: new_ids[id] for piece, id in model["vocab"].items() if id in new_ids}
        model = model | {"vocab": numbered}
    else:
        scored = [pair for id, pair in enumerate(model["vocab"]) if id in new_ids]
        model = model | {"vocab": scored, "unk_id": new_ids.get(model["unk_id"])}
    added = [token | {"id": new_ids[token["id"]]} for token in document["added_tokens"]]
    processor = _renumber_pairs(document["post_processor"], new_ids)
    return document | {"model": model, "added_tokens": added, "post_processor": processor}


def _renumber_pairs(node: Any, new_ids: dict[int, int]) -> Any:
    """Renumber the ids in a post-processor: `["[SEP]", 102]`, or `"ids": [102]`."""
    match node:
        case [str() as token, int() as id]:
            return [token, new_ids[id]]
        case {"ids": list(ids)}:
            return node | {"ids": [new_ids[id] for id in ids]}
        case dict():
            return {key: _renumber_pairs(value, new_ids) for key, value in node.items()}
        case list():
            return [_renumber_pairs(value, new_ids) for value in node]
    return node


def _split(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Return the ids of the pieces of each text."""
    return [encoding.ids for encoding in tokenizer.encode_batch([*map(encodable, texts)])]


def _cut_embeddings(module: Any, kept: list[int], new_ids: dict[int, int]) -> None:
    old = module.get_input_embeddings()
    padding = None if old.padding_idx is None else new_ids[old.padding_idx]
    weights = old.weight.detach()[torch.tensor(kept)]
    module.set_input_embeddings(nn.Embedding.from_pretrained(weights, False, padding))
    module.config.vocab_size = len(kept)
    for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        old_id = getattr(module.config, name, None)
        if old_id is not None:
            setattr(module.config, name, new_ids.get(old_id))
