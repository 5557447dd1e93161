"""Trains the encoder, or its last layers, on from the head that was found on the frozen one.

Starting from a trained head keeps the first steps from distorting what the encoder knows (LP-FT:
Kumar et al. 2022). A training that was killed goes on from its checkpoint and ends with the same
bits: rows, dropout and learning rate of a step are functions of the seed and the step's number, and
all else is in the checkpoint.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from models.arrays import Rows
from models.classifier import Classifier
from models.console import data_error
from trainer import distributed
from trainer.batches import TrainingRows, batches, seed_dropout
from trainer.checkpoint import State
from trainer.data.dataset import Split
from trainer.features import predict_logits
from trainer.optimizer import choose_trained, loss_of, parameter_groups, rate
from trainer.precision import arithmetic
from trainer.report.monitor import monitoring
from trainer.report.scores import best_of, epoch_scores
from trainer.settings import TrainingSettings


def finetune(
    classifier: Classifier,
    rows: TrainingRows,
    dev: Split,
    settings: TrainingSettings,
    checkpoint: Path,
    tensorboard: Path | None = None,
    frozen: dict[str, float] | None = None,
) -> list[dict[str, float]]:
    """Train the classifier in place, in every process; it ends with the weights best on dev.

    Args:
        classifier: starts from the head that it has.
        rows: learned from.
        dev: chooses the epoch.
        settings: those of fine-tuning and distillation; the precision is not "auto".
        checkpoint: a file of this training alone, which goes on from it if it is there; the caller
            removes it when what came of the training is safe.
        tensorboard: folder of TensorBoard's logs.
        frozen: scores of the trained head that it starts from, which is a candidate, as epoch 0.

    Returns:
        These scores, and an entry per epoch: see `epoch_scores`.

    Raises:
        UserError: as `choose_trained`; DATA, the loss of a step is no finite number.
    """
    state = _begin(classifier, settings, checkpoint, frozen)
    network = distributed.parallel(classifier)
    lengths = rows.tokens.lengths
    steps = math.ceil(len(rows) / (settings.batch_size * settings.accumulation))  # of an epoch
    all_steps = steps * settings.epochs
    with monitoring(state.step, all_steps, tensorboard) as monitor:
        if frozen:
            monitor.epoch(0, frozen)
        while not _is_over(state, settings):
            epoch = len(state.tuned)
            order = batches(lengths, settings.batch_size, settings.seed, epoch)
            classifier.train()
            for step in range(state.step - epoch * steps, steps):
                seed_dropout(settings.seed, state.step)
                together = order[step * settings.accumulation :][: settings.accumulation]
                share = _forward_backward(network, rows, together, state, settings)
                state.advance(rate(state.step, all_steps, settings))
                loss = distributed.all_reduce(share).item()
                _refuse_divergence(loss, state.step, checkpoint)
                state.loss += loss
                monitor.step(state.step, loss / sum(map(len, together)))
                state.save_if_due(checkpoint)
            state.end_epoch(_score(classifier, epoch + 1, state.loss / len(rows), rows, dev))
            _refuse_divergence(state.history[-1]["dev_loss"], state.step, checkpoint)
            monitor.epoch(state.step, state.history[-1])
            state.save(checkpoint)
    state.restore(state.best)
    classifier.eval().requires_grad_(requires_grad=False)
    return state.history


def _score(
    classifier: Classifier, epoch: int, loss: float, rows: TrainingRows, dev: Split
) -> dict[str, float]:
    classifier.eval()
    logits = predict_logits(classifier, rows.tokenizer, dev.texts, title="dev")
    return epoch_scores(epoch, loss, logits, torch.from_numpy(dev.labels))


def _begin(
    classifier: Classifier,
    settings: TrainingSettings,
    checkpoint: Path,
    frozen: dict[str, float] | None,
) -> State:
    """Return the state before the first step, or that of the checkpoint."""
    choose_trained(classifier, settings.last_layers)
    optimizer = torch.optim.AdamW(parameter_groups(classifier, settings), fused=True)
    state = State(classifier, optimizer, settings.precision)
    if distributed.first_sees(checkpoint):
        state.load(checkpoint)
    elif frozen:
        state.end_epoch(frozen)
    distributed.require_same(f"{state.step:x}")
    return state


def _is_over(state: State, settings: TrainingSettings) -> bool:
    tuned = state.tuned  # the first epochs may well stay below the head that they begin with
    if not tuned:
        return False
    stalled = len(tuned) - best_of(tuned)["epoch"]
    return len(tuned) == settings.epochs or stalled >= settings.patience


def _forward_backward(
    network: nn.Module,
    rows: TrainingRows,
    together: Sequence[Rows],
    state: State,
    settings: TrainingSettings,
) -> Tensor:
    """Add up the gradients of the batches of a step; return this process's loss over its rows."""
    device = next(network.parameters()).device
    total = torch.zeros((), device=device)
    # Divided by the same number always, a row weighs the same wherever it stands: in a short last
    # batch, in the share of any process. Of what these have, torch takes the mean.
    divisor = settings.batch_size * settings.accumulation / distributed.world_size()
    for batch in together:
        texts, targets, answers = rows.batch(batch, device)
        # processes exchange their gradients once a step, with its last batch
        with distributed.exchange(network, now=batch is together[-1]):
            with arithmetic(device, settings.precision):
                logits = network(**texts)
            loss = loss_of(logits.float(), targets, settings, answers)
            state.scaler.scale(loss / divisor).backward()
        total += loss.detach()
    return total


def _refuse_divergence(loss: float, step: int, checkpoint: Path) -> None:
    if not math.isfinite(loss):
        checkpoint.unlink(missing_ok=True)  # going on from there would end here again
        raise data_error(
            "the training diverged: after step {step} the loss is {loss}. Try a smaller "
            "--learning-rate, or --precision fp32",
            step=step,
            loss=loss,
        )
