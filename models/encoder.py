"""Loads a BERT encoder in the Hugging Face format, from a folder or from the hub."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from models import hub
from models.console import UserError, config_error, data_error, display, no_input_error

_TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer.model",
)
"""Files that transformers makes a tokenizer from, any of them."""

_IDLE = ("_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version")
"""Fields of a configuration that change no answer, and may change when it is saved again."""


@dataclass(frozen=True)
class Encoder:
    """An encoder and the tokenizer that belongs to it.

    Attributes:
        module: the encoder by transformers, float32, in evaluation mode, without a pooler.
        tokenizer: the text of its `tokenizer.json`.
        source: the hub id or absolute path that it was loaded from.
    """

    module: Any
    tokenizer: str
    source: str
    _tokenizer: Any

    @property
    def hidden(self) -> int:
        """Size of the vectors of the last layer."""
        return int(self.module.config.hidden_size)

    @property
    def name(self) -> str:
        """Name fit to be published: without folders; for a run's encoder, the original one's."""
        path = Path(self.source)
        run = path.parent / "run.json"
        if path.name == "encoder" and run.exists():
            return str(json.loads(run.read_text(encoding="utf-8"))["encoder"])
        return path.name if path.is_absolute() else self.source

    def save(self, folder: Path) -> None:
        """Write the encoder in the Hugging Face format, for `load_encoder`."""
        self.module.save_pretrained(folder)
        self._tokenizer.save_pretrained(folder)

    def save_tokenizer(self, folder: Path, max_length: int) -> None:
        """Write the tokenizer in the Hugging Face format, to cut texts to a length."""
        self._tokenizer.model_max_length = max_length
        self._tokenizer.save_pretrained(folder)

    def with_tokenizer(self, json: str) -> "Encoder":
        """Return the encoder with another `tokenizer.json`, which must match its embeddings."""
        from tokenizers import Tokenizer
        from transformers import PreTrainedTokenizerFast

        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=Tokenizer.from_str(json),
            model_max_length=self._tokenizer.model_max_length,
            model_input_names=self._tokenizer.model_input_names,
            **self._tokenizer.special_tokens_map,
        )
        return replace(self, tokenizer=canonical_tokenizer(json), _tokenizer=tokenizer)

    def digest(self) -> str:
        """Return the SHA-256 of the tokenizer, the weights (by name) and the configuration."""
        return self.digests()[0]

    def digests(self) -> tuple[str, str]:
        """Return the digest, and that of runs from before it covered the configuration."""
        sha = hashlib.sha256(self.tokenizer.encode())
        for name, weights in sorted(self.module.state_dict().items()):
            sha.update(name.encode())
            sha.update(weights.detach().cpu().contiguous().numpy().tobytes())
        former = sha.hexdigest()
        sha.update(configuration(self.module.config).encode())
        return sha.hexdigest(), former


def configuration(config: Any) -> str:
    """Return as JSON all that is not as usual for its architecture and may change an answer."""
    usual = type(config)().to_dict()
    chosen = {"model_type": config.model_type}
    for name, value in config.to_dict().items():
        if name not in _IDLE and value != usual.get(name):
            chosen[name] = value
    return json.dumps(chosen, sort_keys=True, default=str)


def load_encoder(source: str, *, for_export: bool = False) -> Encoder:
    """Load an encoder.

    Args:
        source: a folder with `config.json`, weights and a tokenizer; else a hub id.
        for_export: see `load_pretrained`.

    Raises:
        UserError: NO_INPUT, no such folder, or the hub does not have it or cannot be reached; DATA,
            the folder holds no encoder that can be used.
    """
    is_folder = Path(source).is_dir()
    if not is_folder:
        if hub.is_path(source):
            raise no_input_error(
                "no such encoder folder: {path}{hint}",
                path=source,
                hint=hub.alike(source),
            )
        hub.ask("models", source)
    import transformers

    try:
        module, missing, tokenizer = load_pretrained(
            transformers.AutoModel, source, for_export=for_export
        )
    # Damaged files raise whatever they cause: SafetensorError, RuntimeError for a wrong shape, a
    # bare Exception from tokenizers, TypeError where there is no tokenizer at all.
    except Exception as error:
        raise _not_loaded(source, is_folder, error) from error
    if hasattr(module, "pooler"):
        module.pooler = torch.nn.Identity()  # SqueezeBERT calls it even where it is None
    _check_module(source, module, missing)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise data_error(
            "{path} has no tokenizer.json, nor one that can be made into it",
            path=source,
        )
    return Encoder(
        module=module,
        tokenizer=canonical_tokenizer(backend.to_str()),
        source=str(Path(source).resolve()) if is_folder else source,
        _tokenizer=tokenizer,
    )


def _check_module(source: str, module: Any, missing: list[str]) -> None:
    """Raise UserError DATA unless a module has all of its weights and reads what BERT reads."""
    missing = [name for name in missing if not name.startswith("pooler.")]
    if missing:
        raise data_error(
            "{path} lacks {count} weights that its config.json asks for, {first} the first",
            path=source,
            count=len(missing),
            first=missing[0],
        )
    if getattr(module.config, "max_position_embeddings", 0) < 1:  # XLNet says -1
        raise data_error(
            "{path} is a {kind}: expected a BERT-like encoder, which has positions",
            path=source,
            kind=type(module).__name__,
        )


def load_pretrained(
    auto_class: Any, source: str, *, for_export: bool = False
) -> tuple[Any, list[str], Any]:
    """Load a model and its tokenizer by transformers, whatever that raises.

    Args:
        auto_class: `AutoModel`, or its like for a task.
        source: a folder, or a hub id.
        for_export: load attention as "eager": of its implementations, the one whose exported graph
            ONNX Runtime's optimizer can fuse. Otherwise transformers chooses, mostly a faster one
            that keeps no `[B, heads, T, T]` in memory; the numbers are the same but for rounding.

    Returns:
        The model, float32, in evaluation mode; the names of weights that its files lack; the
        tokenizer.
    """
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()  # it warns of the pooler, which we do not use
    logging.disable_progress_bar()
    model, report = auto_class.from_pretrained(
        source,
        attn_implementation="eager" if for_export else None,
        dtype=torch.float32,
        output_loading_info=True,
    )
    folder = Path(source)
    if folder.is_dir() and not any((folder / name).exists() for name in _TOKENIZER_FILES):
        raise FileNotFoundError("no tokenizer.json")  # transformers 5 makes an empty one up
    tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True)
    return model.eval(), sorted(report["missing_keys"]), tokenizer


def _not_loaded(source: str, is_folder: bool, error: Exception) -> UserError:
    reason = display(str(error).strip().partition("\n")[0], limit=300)
    if is_folder:
        return data_error(
            "{path} is no encoder: expected config.json, model.safetensors and tokenizer.json "
            "of a BERT-like model in the Hugging Face format; {reason}",
            path=source,
            reason=reason,
        )
    if hub.is_offline():
        return no_input_error(
            "{name} is no folder here, and was not loaded from the hub before, which cannot be "
            "reached: name a folder with --encoder, or try again with a network",
            name=source,
        )
    return no_input_error(
        "{name} is neither a folder here nor a model that the hub gave: {reason}",
        name=source,
        reason=reason,
    )


def unexportable(module: Any, reason: str) -> UserError:
    """Return the error that an encoder cannot be exported, with the first line of the reason."""
    return config_error(
        "a {kind} cannot be exported: {reason}",
        kind=type(module).__name__,
        reason=display(reason.partition("\n")[0], limit=300),
    )


def layers_of(module: Any) -> list[Any]:
    """Return the layers of a BERT-like encoder, from the embeddings up.

    Raises:
        UserError: DATA, it has none where BERT has them.
    """
    stack = getattr(getattr(module, "encoder", None), "layer", None)
    if stack is None:
        raise data_error(
            "{name} has no layers where BERT has them; only its head can be trained",
            name=type(module).__name__,
        )
    return list(stack)


def max_positions(module: Any) -> int:
    """Return the length of the longest text that a model can read, in tokens."""
    longest = int(module.config.max_position_embeddings)
    for name, part in module.named_modules():
        # The positions of RoBERTa's kin begin after that of padding: such rows are never a token's.
        if name.endswith("position_embeddings") and part.padding_idx is not None:
            longest -= part.padding_idx + 1
    return longest


def canonical_tokenizer(tokenizer: str) -> str:
    """Return a `tokenizer.json` without truncation and padding, which each use sets for itself."""
    document = json.loads(tokenizer)
    document |= {"truncation": None, "padding": None}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
