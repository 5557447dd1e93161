"""Trains the encoder, or its last layers, on from the head that was found on the frozen one.

Starting from a trained head keeps the first steps from distorting what the encoder knows (LP-FT:
Kumar et al. 2022). A training that was killed goes on from its checkpoint and ends with the same
bits: rows, dropout and learning rate of a step are functions of the seed and the step's number, and
all else is in the checkpoint.
"""

import math
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from models.classifier import Classifier
from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from models.cores import recall, remember
from models.encoder import layers_of
from models.tokenizer import Tokenizer, Tokens
from trainer import distributed
from trainer.checkpoint import State
from trainer.data.dataset import Data, Split
from trainer.dropout import CheapDropout
from trainer.features import encode_all, inputs
from trainer.report.console import clock, progress, say
from trainer.report.scores import epoch_scores
from trainer.settings import Precision, TrainingSettings

WARMING_STEPS, MEASURED_STEPS = 5, 10
"""The first steps are slow and tell little; by so many after them it is said how long all takes."""

WORTH_BF16 = 1.3
"""How much faster than in fp32 its products must be on a CPU: around them, bf16 costs casts."""

CHECKPOINT_SECONDS = 300.0
"""How much of an epoch a kill can cost, about."""

NO_LABEL = -100
"""Label id of a row that has none: cross_entropy's default for what it should ignore."""


def finetune(
    classifier: Classifier,
    tokenizer: Tokenizer,
    data: Data,
    settings: TrainingSettings,
    checkpoint: Path,
    *,
    class_weights: Tensor | None = None,
    unlabelled: Sequence[str] = (),
    answers: NDArray[np.float32] | None = None,
    tensorboard: Path | None = None,
) -> list[dict[str, float]]:
    """Train the classifier in place; it ends with the weights that are best on dev.

    Every process of a training that was started as several must call this.

    Args:
        classifier: with the head to start from.
        tokenizer: of its encoder.
        data: "train" is learned from, "dev" chooses the epoch.
        settings: those of fine-tuning and distillation, batch size and seed; the precision is not
            "auto", see `choose_precision`.
        checkpoint: a file for this training alone. If it is there, training goes on from it; the
            caller removes it when what came of the training is safe.
        class_weights: of the loss on labels, `[C]`; None weighs all rows the same.
        unlabelled: texts that only teachers have answered, to be learned as well.
        answers: of the teachers, probabilities at the teacher temperature for the rows of train and
            then for `unlabelled`, `[rows, C]`; None learns from labels alone.
        tensorboard: a folder for its logs, written while training goes on; None writes none.

    Returns:
        One entry per epoch: `epoch`, `train_loss`, `dev_loss`, `dev_macro_f1`.

    Raises:
        UserError: USAGE, more layers are to train than the encoder has; DATA, the loss of a step
            is no finite number.
    """
    device = classifier.head.weight.device
    dtype = torch.float16 if settings.precision == "fp16" else torch.bfloat16
    if class_weights is not None:
        class_weights = class_weights.to(device)
    choose_trained(classifier, settings.last_layers)
    state = State(
        classifier,
        torch.optim.AdamW(parameter_groups(classifier, settings), fused=True),
        torch.amp.GradScaler(device.type, enabled=settings.precision == "fp16"),
    )
    if checkpoint.exists():
        state.load(checkpoint)
    parallel = DistributedDataParallel(classifier) if distributed.world_size() > 1 else None
    train = data.splits["train"]
    tokens = tokenizer.encode([*train.texts, *unlabelled])
    labels_of = np.concatenate([train.labels, np.full(len(unlabelled), NO_LABEL)])
    rows = _Rows(tokenizer, tokens, labels_of, answers)
    steps = -(-len(labels_of) // (settings.batch_size * settings.accumulation))  # of an epoch
    # Divided by the same number always, a row weighs the same wherever it stands: in a short last
    # batch, in the share of any process. Of what these have, torch takes the mean.
    divisor = settings.batch_size * settings.accumulation / distributed.world_size()
    tokens_of_step = float(tokens.lengths.sum() / steps)
    half = torch.autocast(device.type, dtype, enabled=settings.precision != "fp32")
    cheap = CheapDropout() if device.type == "cpu" else nullcontext()
    monitor = _Monitor(state.step, steps * settings.epochs, tokens_of_step, tensorboard)
    saved = time.monotonic()
    while (epoch := len(state.history)) < settings.epochs:
        if epoch - state.best_epoch >= settings.patience:
            break
        order = batches(tokens.lengths, settings.batch_size, settings.seed, epoch)
        classifier.train()
        while (done := state.step - epoch * steps) < steps:
            seed_dropout(settings.seed, state.step)
            together = order[done * settings.accumulation :][: settings.accumulation]
            total = torch.zeros((), device=device)
            for batch in together:
                mine = batch[distributed.rank() :: distributed.world_size()]
                texts, labels, soft = rows.batch(mine, device)
                # several processes exchange their gradients once a step, with its last batch
                more = batch is not together[-1]
                with parallel.no_sync() if parallel and more else nullcontext():
                    with half, cheap:
                        logits = (parallel or classifier)(**texts)
                    loss = loss_of(logits.float(), labels, settings, class_weights, soft)
                    state.scaler.scale(loss / divisor).backward()
                total += loss.detach()
            state.advance(rate(state.step, steps * settings.epochs, settings))
            learned = distributed.all_reduce(total).item()
            _check_loss(learned, state.step, checkpoint)
            state.loss += learned
            learned_from = np.concatenate(together)
            size = int(tokens.lengths[learned_from].sum())
            monitor.step(state.step, learned / len(learned_from), size)
            if distributed.is_first() and time.monotonic() - saved > CHECKPOINT_SECONDS:
                state.save(checkpoint)
                saved = time.monotonic()
        classifier.eval()
        logits = _answer(classifier, tokenizer, data.splits["dev"])
        labels = torch.from_numpy(data.splits["dev"].labels)
        state.end_epoch(epoch_scores(epoch + 1, state.loss / len(labels_of), logits, labels))
        _check_loss(state.history[-1]["dev_loss"], state.step, checkpoint)
        monitor.epoch(state.step, state.history[-1])
        if distributed.is_first():
            state.save(checkpoint)
            saved = time.monotonic()
    monitor.close()
    state.take(state.best)
    classifier.eval().requires_grad_(requires_grad=False)
    return state.history


def choose_precision(wanted: Precision, device: torch.device) -> Precision:
    """Return the precision that "auto" stands for on this device, or the one that was asked for.

    On a CPU "auto" is bf16 only where that is measured to be faster.

    Raises:
        UserError: UNAVAILABLE, the device does not compute in it.
    """
    on_cuda = device.type == "cuda"
    if on_cuda:
        has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        capabilities = torch.cpu.get_capabilities()
        has_bf16 = any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    has: dict[Precision, bool] = {"bf16": has_bf16, "fp16": on_cuda, "fp32": True}
    found = [precision for precision, there in has.items() if there]  # the best first
    if wanted == "auto":
        if found[0] == "bf16" and not on_cuda and bf16_speedup() < WORTH_BF16:
            return "fp32"
        return found[0]
    if wanted not in found:
        raise UserError(
            ExitCode.UNAVAILABLE,
            "--precision {precision}: this {device} does not compute in it; "
            "leave it to auto or use fp32",
            precision=wanted,
            device=device.type.upper(),
        )
    return wanted


def bf16_speedup() -> float:
    """Return how many times faster this CPU multiplies matrices in bf16 than in fp32.

    Having the instructions says little: with AVX-512 BF16, some AMD processors are at 1.9, an Intel
    one without AMX at 0.6. It is measured once on a machine, so that a training which goes on does
    so as it began; all processes of a training return the same, the mean of what they found.
    """
    key = "bf16-speedup"
    found = float(recall(key) or _measure_bf16())
    found = distributed.all_reduce(torch.tensor(found)).item() / distributed.world_size()
    remember(key, f"{found:.3f}")
    return found


def _measure_bf16() -> float:
    matrices = torch.ones(768, 768), torch.ones(768, 768, dtype=torch.bfloat16)
    seconds = [math.inf, math.inf]
    for _ in range(8):
        for number, matrix in enumerate(matrices):
            started = time.perf_counter()
            F.linear(matrix, matrix)
            seconds[number] = min(seconds[number], time.perf_counter() - started)
    return seconds[0] / seconds[1]


def choose_trained(classifier: Classifier, last: int | None) -> None:
    """Let the head and the last layers train, or everything."""
    layers = layers_of(classifier.encoder)
    if last is not None and not 0 < last <= len(layers):
        raise UserError(
            ExitCode.USAGE,
            "--train last:{last} asks for layers that are not there: the encoder has {count}",
            last=last,
            count=len(layers),
        )
    classifier.requires_grad_(requires_grad=last is None)
    for module in (classifier.head, *(layers[-last:] if last else ())):
        module.requires_grad_(requires_grad=True)


def parameter_groups(classifier: Classifier, settings: TrainingSettings) -> list[dict[str, Any]]:
    """Group the weights that train by learning rate and weight decay."""
    layers = layers_of(classifier.encoder)
    depths = {id(p): depth for depth, layer in enumerate(layers) for p in layer.parameters()}
    depths |= {id(p): len(layers) - 1 for p in classifier.head.parameters()}
    groups: dict[tuple[int, bool], list[Tensor]] = {}
    for parameter in classifier.parameters():
        if parameter.requires_grad:
            depth = depths.get(id(parameter), -1)  # what is below the layers: the embeddings
            groups.setdefault((depth, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "peak": settings.learning_rate * settings.layer_decay ** (len(layers) - 1 - depth),
            # biases and the weights of LayerNorm are not decayed (Devlin et al. 2019, their code)
            "weight_decay": settings.weight_decay if is_matrix else 0.0,
        }
        for (depth, is_matrix), parameters in groups.items()
    ]


def loss_of(
    logits: Tensor,
    labels: Tensor,
    settings: TrainingSettings,
    class_weights: Tensor | None = None,
    soft: Tensor | None = None,
) -> Tensor:
    """Return the loss, summed over the rows of a batch.

    Args:
        logits: `[B, C]`.
        labels: their ids, or `NO_LABEL`, `[B]`.
        settings: see there.
        class_weights: `[C]`.
        soft: probabilities of the teachers, `[B, C]`; zeros weigh nothing.
    """
    loss = F.cross_entropy(
        logits,
        labels,
        weight=class_weights,
        label_smoothing=settings.label_smoothing,
        reduction="sum",
    )
    if soft is None:
        return loss
    share, temperature = settings.teacher_weight, settings.teacher_temperature
    taught = -(soft * F.log_softmax(logits / temperature, dim=1)).sum()
    # the square keeps the gradient's size as the temperature changes (Hinton et al. 2015)
    taught = taught * temperature**2
    return (1 - share) * loss + share * taught


def rate(step: int, steps: int, settings: TrainingSettings) -> float:
    """Return the share of the peak learning rate that a step, counted from 0, learns with."""
    warmup = math.ceil(settings.warmup * steps)
    if step < warmup:
        return step / warmup
    done = (step - warmup) / (steps - warmup)
    return 1 - done if settings.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2


def batches(
    lengths: NDArray[np.int64], batch_size: int, seed: int, epoch: int
) -> list[NDArray[np.intp]]:
    """Return the rows of each batch of an epoch: at random, but texts of similar length together.

    The last batch may be a short one.
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(lengths))
    whole = len(order) - len(order) % batch_size
    # Sorting within pools of 50 batches leaves chance in what meets what.
    pools = np.split(order[:whole], range(50 * batch_size, whole, 50 * batch_size))
    ranked = [pool[np.argsort(lengths[pool], kind="stable")] for pool in pools]
    found = list(np.concatenate(ranked).reshape(-1, batch_size))
    random.shuffle(found)
    return [*found, order[whole:]] if whole < len(order) else found


def _check_loss(loss: float, step: int, checkpoint: Path) -> None:
    if not math.isfinite(loss):
        checkpoint.unlink(missing_ok=True)  # going on from there would end here again
        raise UserError(
            ExitCode.DATA,
            "the training diverged: after step {step} the loss is {loss}. Try a smaller "
            "--learning-rate, or --precision fp32",
            step=step,
            loss=loss,
        )


def seed_dropout(seed: int, step: int) -> None:
    """Make what is random in a step a function of the seed, the step and the process."""
    state = np.random.SeedSequence([seed, step, distributed.rank()]).generate_state(1, np.uint64)
    torch.manual_seed(int(state[0]))


@dataclass(frozen=True)
class _Rows:
    """What is learned from: the rows of train, and texts that only the teachers have answered."""

    tokenizer: Tokenizer
    tokens: Tokens
    labels: NDArray[np.int64]
    answers: NDArray[np.float32] | None

    def batch(
        self, rows: NDArray[np.intp], device: torch.device
    ) -> tuple[dict[str, Tensor], Tensor, Tensor | None]:
        """Return the encoder's inputs, labels `[B]`, and what the teachers say, `[B, C]`.

        No rows become one that weighs nothing: it has some text, no label, and no answer.
        """
        there = np.full(max(len(rows), 1), len(rows) > 0)
        rows = rows if len(rows) else np.zeros(1, dtype=np.intp)
        labels = torch.from_numpy(np.where(there, self.labels[rows], NO_LABEL))
        soft = None
        if self.answers is not None:
            soft = torch.from_numpy(self.answers[rows] * there[:, None]).to(device)
        return inputs(self.tokenizer, self.tokens, rows, device), labels.to(device), soft


def _answer(classifier: Classifier, tokenizer: Tokenizer, split: Split) -> Tensor:
    """Return the logits for all rows, `[rows, C]`, to which each process gives its share."""
    logits = torch.zeros(len(split), classifier.head.out_features)
    share = slice(distributed.rank(), None, distributed.world_size())
    features = encode_all(classifier, tokenizer, split.texts[share], title="dev")
    with torch.no_grad():
        logits[share] = classifier.head(features.to(classifier.head.weight.device)).cpu()
    return distributed.all_reduce(logits)


class _Monitor:
    """Shows how far fine-tuning is, and writes TensorBoard's logs where a folder is given."""

    def __init__(self, step: int, steps: int, tokens_of_step: float, folder: Path | None) -> None:
        self._steps, self._started, self._tokens_of_step = steps, time.monotonic(), tokens_of_step
        self._measured = range(step + WARMING_STEPS, step + WARMING_STEPS + MEASURED_STEPS)
        self._measured_from, self._measured_tokens = self._started, 0
        self._shown: dict[str, str] = {}
        self._bar = progress(tr("fine-tuning"), steps, "step", initial=step)
        self._logs: Any = None
        if folder is not None and distributed.is_first():
            from torch.utils.tensorboard import SummaryWriter

            self._logs = SummaryWriter(str(folder))

    def step(self, step: int, loss: float, tokens: int) -> None:
        """Show the loss of a row in the step, and once how long the rest will take."""
        self._shown["loss"] = f"{loss:.4f}"
        self._bar.set_postfix(self._shown, refresh=False)
        self._bar.update()
        self._log(step, {"train/loss": loss})
        if step == self._measured.start:
            self._measured_from = time.monotonic()
        elif step - 1 in self._measured:
            self._measured_tokens += tokens
            if step == self._measured.stop:
                taken, left = time.monotonic() - self._measured_from, self._steps - step
                seconds = taken / self._measured_tokens * self._tokens_of_step * left
                say(tr("{steps} steps to go: about {time}", steps=left, time=clock(seconds)))

    def epoch(self, step: int, scores: dict[str, float]) -> None:
        """Say what an epoch brought."""
        self._shown["dev"] = f"{scores['dev_macro_f1']:.2%}"
        self._log(step, {"dev/loss": scores["dev_loss"], "dev/macro_f1": scores["dev_macro_f1"]})
        say(
            tr(
                "epoch {epoch}: loss {loss:.4f} and macro-F1 {f1:.2%} on dev, after {time}",
                epoch=int(scores["epoch"]),
                loss=scores["dev_loss"],
                f1=scores["dev_macro_f1"],
                time=clock(time.monotonic() - self._started),
            )
        )

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._bar.close()
        if self._logs is not None:
            self._logs.close()

    def _log(self, step: int, values: dict[str, float]) -> None:
        if self._logs is not None:
            for name, value in values.items():
                self._logs.add_scalar(name, value, step)
