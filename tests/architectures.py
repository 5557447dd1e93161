"""The architectures that the export is tried with, each as a tiny random model."""

import json
from pathlib import Path
from typing import Any

from tests.tiny import write_encoder

REFUSED = {
    "bart": "of an encoder that optimum exports",
    "convbert": "a ConvBertModel cannot be exported: its answers depend on the padding",
    "nystromformer": "a NystromformerModel cannot be exported: shape",
    "qwen2": "of an encoder that optimum exports",
    "xlnet": "of an encoder that optimum exports",
}
"""What is said of those that no file is made of."""

LONGEST = 24
"""Tokens that all of them read."""

DEBERTA = {
    "relative_attention": True,
    "pos_att_type": ["c2p", "p2c"],
    "position_biased_input": False,
    "type_vocab_size": 0,
}


def architectures(hidden: int) -> dict[str, dict[str, Any]]:
    """Return what the configurations have beside what they share, by model type."""
    groups = "q_groups k_groups v_groups intermediate_groups output_groups"
    bottleneck = {"intra_bottleneck_size": hidden, "true_hidden_size": hidden}
    position_buckets = {"position_buckets": 8, "norm_rel_ebd": "layer_norm", "share_att_key": True}
    endless = {"max_position_embeddings": None}
    return {
        "albert": {"embedding_size": 16},
        "bart": {"encoder_layers": 1, "decoder_layers": 1},
        "bert": {},
        "camembert": {},
        "convbert": {"embedding_size": hidden, "head_ratio": 2},
        "deberta": DEBERTA | {"pooler_hidden_size": hidden},
        "deberta-v2": DEBERTA | position_buckets | {"pooler_hidden_size": hidden},
        "distilbert": {"hidden_dim": 2 * hidden},
        "electra": {"embedding_size": 16},
        "ernie": {},
        "megatron-bert": {},
        "mobilebert": {"embedding_size": 16, "initializer_range": 0.1} | bottleneck,
        "modernbert": {
            "num_hidden_layers": 2,
            "global_attn_every_n_layers": 2,
            "local_attention": 8,
        },
        "mpnet": {},
        "nystromformer": {"num_landmarks": 4, "segment_means_seq_len": 16},
        "qwen2": {"num_key_value_heads": 2},
        "rembert": {"input_embedding_size": 16},
        "roberta": {},
        "roformer": {"embedding_size": hidden},
        "squeezebert": {"embedding_size": hidden} | dict.fromkeys(groups.split(), 2),
        "xlm-roberta": {},
        "xlnet": {"d_model": hidden, "n_layer": 1, "n_head": 4, "d_inner": hidden} | endless,
    }


def write_architecture(
    folder: Path, kind: str, *, head: bool, hidden: int = 32, layers: int = 1
) -> Path:
    """Write a random model that reads `LONGEST` tokens; return its folder.

    Args:
        folder: made if it is not there.
        kind: model type, as transformers calls it.
        head: write a `...ForSequenceClassification`, not an encoder.
        hidden: size of its vectors.
        layers: their number.
    """
    import torch
    import transformers

    write_encoder(folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    shared = {
        "vocab_size": len(tokenizer["model"]["vocab"]),
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "intermediate_size": 2 * hidden,
        "max_position_embeddings": LONGEST + 2,
        "pad_token_id": 0,
        "bos_token_id": 2,
        "cls_token_id": 2,
        "eos_token_id": 3,
        "sep_token_id": 3,
        "initializer_range": 0.2,
        "id2label": {0: "negative", 1: "positive"},
        "label2id": {"negative": 0, "positive": 1},
    }
    values = shared | architectures(hidden)[kind]
    config = transformers.CONFIG_MAPPING[kind](
        **{name: value for name, value in values.items() if value is not None}
    )
    made = transformers.AutoModelForSequenceClassification if head else transformers.AutoModel
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made.from_config(config).save_pretrained(folder)
    return folder
