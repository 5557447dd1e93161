"""The graph of a classifier, traced by optimum's exporter, which knows what each type needs."""

import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from optimum.exporters.onnx import export
from optimum.exporters.onnx.config import TextEncoderOnnxConfig
from optimum.exporters.onnx.model_configs import BertOnnxConfig
from optimum.exporters.onnx.model_patcher import PatchingSpec
from optimum.exporters.tasks import TasksManager
from torch import Tensor, nn

from models.encoder import unexportable
from models.vetting import INPUTS, OUTPUTS

_TASK = "text-classification"

TasksManager.create_register("onnx")("ernie", _TASK)(BertOnnxConfig)  # which optimum doesn't know

_WITHOUT_BRANCHES = {
    "build_rpos": lambda _query, _key, positions, *_sizes: positions,
    "uneven_size_corrected": lambda scores, *_: scores,
}
"""Functions of DeBERTa that compare the number of queries and keys, which are as many here."""


def inputs_of(config: Any) -> list[str]:
    """Return the inputs of the graph of an encoder, as `INPUTS`; none if optimum exports no such.

    Args:
        config: configuration of the encoder, by transformers.
    """
    try:
        known = _known(config)
    except (KeyError, ValueError):  # no such type, or not for this task
        return []
    names = list(known.inputs)
    is_encoder = isinstance(known, TextEncoderOnnxConfig) and set(names) <= set(INPUTS)
    return names if is_encoder else []


def _known(config: Any) -> Any:
    """Return optimum's description of the graph of a classifier with this encoder."""
    constructor = TasksManager.get_exporter_config_constructor(
        "onnx", model_type=config.model_type, task=_TASK, library_name="transformers"
    )
    return constructor(config)


def example(names: Sequence[str]) -> dict[str, Tensor]:
    """Return two texts of eight tokens, the second padded: no branch could special-case that."""
    ids = torch.arange(16).view(2, 8)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    return dict(zip(names, (ids, mask, torch.zeros_like(ids)), strict=False))


def trace(
    module: nn.Module, encoder: nn.Module, names: Sequence[str], *, opset: int
) -> onnx.ModelProto:
    """Trace a classifier into a graph with two outputs, whose batch and sequence axes are dynamic.

    Args:
        module: gives `(probabilities, features)`; float32, in evaluation mode, with "eager"
            attention. Its `config` is that of the encoder.
        encoder: the encoder in it, by transformers.
        names: names of the inputs, of `INPUTS`.
        opset: version of the operators, 14 to 20, the last of this exporter.

    Raises:
        UserError: CONFIG, the module cannot be traced.
    """
    code = sys.modules[type(encoder).__module__]
    patches = []
    for name, function in _WITHOUT_BRANCHES.items():
        if hasattr(code, name):
            patches.append(PatchingSpec(code, name, function))
    parts = {
        "inputs": {name: {0: "batch", 1: "sequence"} for name in names},
        "outputs": {name: {0: "batch"} for name in OUTPUTS},
        "PATCHING_SPECS": patches,
        "generate_dummy_inputs": lambda _self, **_options: example(names),
    }
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The tracer warns of sizes that become constants, which are meant to.
        warnings.simplefilter("ignore")
        path = Path(folder) / "traced.onnx"
        try:
            known = type(_known(encoder.config))
            described = type("ClassifierOnnxConfig", (known,), parts)(encoder.config, task=_TASK)
            export(module, described, path, opset=opset, disable_dynamic_axes_fix=True)
        except Exception as error:  # of the code of any encoder
            raise unexportable(encoder, str(error)) from error
        model = onnx.load(path)
    for node in model.graph.node:
        node.ClearField("doc_string")  # it names files of this machine
    return model
