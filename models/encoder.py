"""Loads a BERT encoder in the Hugging Face format, from a folder or from the hub."""

import hashlib
import inspect
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from models.console.command import ExitCode, UserError
from models.console.display import display

_VOCABULARIES = (
    *("tokenizer.json", "vocab.txt", "vocab.json"),
    *("sentencepiece.bpe.model", "spiece.model", "tokenizer.model"),
)
"""Files that transformers makes a tokenizer from."""


@dataclass(frozen=True)
class Encoder:
    """An encoder and the tokenizer that belongs to it.

    Attributes:
        module: in evaluation mode, float32, without a pooler.
        tokenizer: the text of its `tokenizer.json`.
        source: where it was loaded from: a hub id, or an absolute path.
    """

    module: Any
    tokenizer: str
    source: str
    _tokenizer: Any

    @property
    def hidden(self) -> int:
        """Size of the last layer's vectors."""
        return int(self.module.config.hidden_size)

    @property
    def name(self) -> str:
        """The source without its folders, fit to be published; of a run, what that began as."""
        path = Path(self.source)
        run = path.parent / "run.json"
        if path.name == "encoder" and run.exists():
            return str(json.loads(run.read_text(encoding="utf-8"))["encoder"])
        return path.name if path.is_absolute() else self.source

    def save(self, folder: Path) -> None:
        """Write the encoder as it is now, in the Hugging Face format, for `load_encoder`."""
        self.module.save_pretrained(folder)
        self._tokenizer.save_pretrained(folder)

    def with_tokenizer(self, json: str) -> "Encoder":
        """Return the encoder with another `tokenizer.json`, which must match its embeddings."""
        from tokenizers import Tokenizer
        from transformers import PreTrainedTokenizerFast

        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=Tokenizer.from_str(json),
            model_max_length=self._tokenizer.model_max_length,
            **self._tokenizer.special_tokens_map,
        )
        return replace(self, tokenizer=canonical_tokenizer(json), _tokenizer=tokenizer)

    def digest(self) -> str:
        """Return the SHA-256 of the weights, by name, and of the tokenizer."""
        sha = hashlib.sha256(self.tokenizer.encode())
        for name, weights in sorted(self.module.state_dict().items()):
            sha.update(name.encode())
            sha.update(weights.detach().cpu().contiguous().numpy().tobytes())
        return sha.hexdigest()


def load_encoder(source: str, *, for_export: bool = False) -> Encoder:
    """Load an encoder.

    Args:
        source: a folder with `config.json`, weights and a tokenizer; else a hub id.
        for_export: load attention as "eager": of its implementations, the one whose exported graph
            ONNX Runtime's optimizer can fuse. Else transformers chooses, mostly one that is faster
            and keeps no `[B, heads, T, T]` in memory; the numbers are the same but for rounding.

    Raises:
        UserError: NO_INPUT, no such folder, or the hub does not have it or cannot be reached; DATA,
            the folder holds no encoder that can be used.
    """
    is_folder = Path(source).is_dir()
    if not is_folder and (source.startswith((".", "/", "~")) or source.count("/") > 1):
        raise UserError(ExitCode.NO_INPUT, "no such encoder folder: {path}", path=source)
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()  # it warns of the pooler that we do not use
    logging.disable_progress_bar()
    try:
        module, report = AutoModel.from_pretrained(
            source,
            attn_implementation="eager" if for_export else None,
            dtype=torch.float32,
            output_loading_info=True,
        )
        if is_folder and not any((Path(source) / name).exists() for name in _VOCABULARIES):
            raise FileNotFoundError("no tokenizer.json")  # transformers 5 makes an empty one up
        tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True)
    # Damaged files raise whatever they cause: SafetensorError, RuntimeError for a wrong shape, a
    # bare Exception from tokenizers, TypeError where there is no tokenizer at all.
    except Exception as error:
        reason = display(str(error).strip().partition("\n")[0], limit=300)
        if is_folder:
            raise UserError(
                ExitCode.DATA,
                "{path} is no encoder: expected config.json, model.safetensors and tokenizer.json "
                "of a BERT-like model in the Hugging Face format; {reason}",
                path=source,
                reason=reason,
            ) from error
        raise UserError(
            ExitCode.NO_INPUT,
            "{name} is neither a folder here nor a model that the hub gave: {reason}. "
            "Without a network, HF_HUB_OFFLINE=1 uses what was loaded before",
            name=source,
            reason=reason,
        ) from error
    if hasattr(module, "pooler"):
        module.pooler = None
    lacking = sorted(name for name in report["missing_keys"] if not name.startswith("pooler."))
    if lacking:
        raise UserError(
            ExitCode.DATA,
            "{path} lacks {count} weights that its config.json asks for, {first} the first",
            path=source,
            count=len(lacking),
            first=lacking[0],
        )
    reads = inspect.signature(module.forward).parameters
    if "token_type_ids" not in reads or not hasattr(module.config, "max_position_embeddings"):
        raise UserError(
            ExitCode.DATA,
            "{path} is a {kind}: expected a BERT-like encoder, which has positions and token types",
            path=source,
            kind=type(module).__name__,
        )
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise UserError(
            ExitCode.DATA,
            "{path} has no tokenizer.json, nor one that can be made into it",
            path=source,
        )
    return Encoder(
        module=module.eval(),
        tokenizer=canonical_tokenizer(backend.to_str()),
        source=str(Path(source).resolve()) if is_folder else source,
        _tokenizer=tokenizer,
    )


def layers_of(module: Any) -> list[Any]:
    """Return the layers of a BERT-like encoder, from the embeddings up.

    Raises:
        UserError: DATA, it has none where BERT has them.
    """
    stack = getattr(getattr(module, "encoder", None), "layer", None)
    if stack is None:
        raise UserError(
            ExitCode.DATA,
            "{name} has no layers where BERT has them; only its head can be trained",
            name=type(module).__name__,
        )
    return list(stack)


def max_positions(config: Any) -> int:
    """Return the longest text that a model can read, in tokens."""
    # RoBERTa's positions begin after its padding id: two of the table's rows are never a token's.
    is_roberta = config.model_type in ("camembert", "roberta", "xlm-roberta")
    offset = config.pad_token_id + 1 if is_roberta else 0
    return int(config.max_position_embeddings - offset)


def canonical_tokenizer(tokenizer: str) -> str:
    """Drop what a call may have left in the JSON: truncation and padding are ours to say."""
    document = json.loads(tokenizer)
    document |= {"truncation": None, "padding": None}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
