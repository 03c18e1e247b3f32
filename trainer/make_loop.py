"""Makes the loop of a run from its options: optimizer, learning rate, precision, processes."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel

from schemas.errors import UsageError
from trainer.loader.batches import ArrowBatches
from trainer.loader.mixed_batches import MixedBatches
from trainer.loader.pair_plan import STEPS
from trainer.loop import Loop
from trainer.meter import Meter
from trainer.optim import DECAYS, OPTIMIZERS, learning_rate, parameter_groups, token_rate
from trainer.options import TrainOptions
from trainer.processes import Processes


def with_warmup(options: TrainOptions, steps: int | None, part: int = 20) -> TrainOptions:
    """Fills in the total steps and those of the warm-up, by default this part of all.

    Raises:
      UsageError: if the rate falls up to an end that is not known.
    """
    if options.in_tokens:
        if options.schedule != "constant" and options.decay_tokens is None:
            raise UsageError(
                f"--warmup-tokens counts in tokens, and --schedule {options.schedule} falls; add "
                "--decay-tokens, or --schedule constant"
            )
        return dataclasses.replace(options, steps=steps, epochs=None, warmup=None)
    if steps is None and options.schedule != "constant":
        raise UsageError(
            f"a stream has no last step, at which --schedule {options.schedule} would have "
            "fallen; add --schedule constant, --decay-tokens or --steps"
        )
    warmup = (steps or 0) // part if options.warmup is None else options.warmup
    return dataclasses.replace(options, steps=steps, epochs=None, warmup=warmup)


def make_loop(
    options: TrainOptions, processes: Processes, plain: Any, batches: ArrowBatches | MixedBatches
) -> Loop:
    """Returns the loop of a run; a model of several processes is wrapped for them."""
    device = processes.device
    flops = None
    if plain.flops_per_token is not None:
        flops = float(plain.flops_per_token(batches.context, batches.target_share))
    groups = parameter_groups(plain, options.weight_decay)
    if options.compile and (plain.layout == "pairs" or options.batch_rows is not None):
        # Each shape of batches is compiled; by default only the first eight are.
        torch._dynamo.config.recompile_limit = STEPS**2
    model: Any = torch.compile(plain, dynamic=False) if options.compile else plain
    if processes.size > 1:
        # A step may leave heads without a gradient: those of other members, or that of pairs.
        model = DistributedDataParallel(
            model,
            broadcast_buffers=False,
            find_unused_parameters=batches.tasks_vary,
        )
    return Loop(
        model=model,
        plain=plain,
        optimizer=OPTIMIZERS[options.optimizer](groups, peak_of(options)),
        rate=_rate(options),
        batches=batches,
        processes=processes,
        autocast=_autocast(device, options.precision),
        clip=options.clip,
        seed=options.seed,
        accumulation=(options.batches_per_step or 1) // processes.size,
        meter=Meter(
            processes,
            torch.bfloat16 if options.precision == "bf16" else torch.float32,
            flops,
        ),
    )


def peak_of(options: TrainOptions) -> float:
    """Returns the peak of the learning rate, which is filled in by now."""
    assert options.lr is not None
    return options.lr


def _rate(options: TrainOptions) -> Callable[[int, int], float]:
    """Returns the learning rate of a step, given its number and the tokens trained with it."""
    peak, decay = peak_of(options), DECAYS[options.schedule]
    if options.in_tokens:
        warmup, span = options.warmup_tokens or 0, options.decay_tokens or 0
        return lambda _, tokens: token_rate(
            tokens, peak=peak, warmup=warmup, span=span, decay=decay
        )
    first, steps = options.warmup or 0, options.steps or 1
    return lambda step, _: learning_rate(step, peak=peak, warmup=first, steps=steps, decay=decay)


def _autocast(
    device: torch.device, precision: str | None
) -> Callable[[], contextlib.AbstractContextManager[Any]]:
    """Returns what makes the autocast context; weights are float32 in any case."""
    if precision == "fp32":
        return contextlib.nullcontext
    return functools.partial(torch.autocast, device.type, torch.bfloat16)
