"""How runs on labelled records differ from others: what is refused, defaults, and their steps."""

import itertools
from collections.abc import Mapping
from typing import Any

from schemas.errors import UsageError
from schemas.label_kinds import CLASS, TAGS
from trainer.distil_options import EPOCHS as EXIT_EPOCHS
from trainer.distil_options import RATE as EXIT_RATE
from trainer.loader.batches import ArrowBatches
from trainer.loader.mixed_batches import MixedBatches
from trainer.loader.task_schedule import ORDERS, SHUFFLED, epoch_stages
from trainer.loader.training_data import TrainingData
from trainer.options import TrainOptions
from trainer.processes import Processes
from transforms.build.corpus import Corpus
from transforms.objectives.schedule import SCHEDULES, Stages

EPOCHS, BATCH_ROWS, RATE = 3, 32, 3e-5
"""Source: Devlin et al. 2019, A.3: 2 to 4 epochs, batches of 16 or 32, rates of 2e-5 to 5e-5."""
PRETRAINING_RATE = 1e-4
"""Of runs on other rows."""
WARMUP_PART = 10
"""The warm-up is this part of all steps: BERT's warmup_proportion 0.1."""


def check_task_options(options: TrainOptions, data: TrainingData) -> None:
    """Refuses options that labelled records do not have, and those that are for them alone.

    Raises:
      UsageError: naming the option.
    """
    if not data.labelled:
        if options.extra_task_ratio is not None:
            raise UsageError(
                "--extra-task-ratio is for several --data of labelled records, and "
                f"{data.folder} is none; leave it out"
            )
        if options.mix in ORDERS:
            raise UsageError(
                f"--mix {options.mix} is for several --data of labelled records, and {data.folder} "
                f"is none; use {' or '.join(SCHEDULES)} for a mixture"
            )
        return
    for corpus in data.corpora.values() if options.exit_width is None else ():
        # No model can be made for classes that are not known.
        task = corpus.recipe.labelled
        if task is not None and task.kind in {CLASS, TAGS} and not task.names:
            raise _no_labels(corpus)
    if options.copies == "dynamic":
        raise UsageError(
            f"--copies dynamic draws masks, and {data.folder} is labelled records without any; "
            "leave it out"
        )
    if options.mix in SCHEDULES:
        raise UsageError(
            f"--mix {options.mix} is for mixtures of objectives, and {data.folder} is labelled "
            f"records; use {' or '.join(ORDERS)} for several of them"
        )
    if options.extra_task_ratio is not None and not data.mixed:
        raise UsageError(
            f"--extra-task-ratio {options.extra_task_ratio:g} is for several tasks; add another "
            "--data, or leave it out"
        )


def task_defaults(options: TrainOptions, data: TrainingData | None) -> Mapping[str, Any]:
    """Returns options by name that are the same for every device; the data of a stream are None."""
    if data is None or not data.labelled:
        return {"lr": PRETRAINING_RATE, "eval_every": 1000, "save_every": 1000}
    mix = SHUFFLED if data.mixed else None
    # None for evaluations and checkpoints: they come at the end of each epoch.
    rate = RATE if options.exit_width is None else EXIT_RATE
    return {"lr": rate, "batch_rows": BATCH_ROWS, "mix": mix}


def task_batches(
    data: TrainingData,
    members: Mapping[str, ArrowBatches],
    options: TrainOptions,
    processes: Processes,
) -> tuple[ArrowBatches | MixedBatches, int]:
    """Returns the batches of labelled records, and how many steps they are trained on.

    Raises:
      UsageError: if no row of a task has a label.
    """
    for batches in members.values() if options.exit_width is None else ():
        _check_labels(batches)
    if not data.mixed:
        [batches] = members.values()
        epochs = options.epochs or (EPOCHS if options.exit_width is None else EXIT_EPOCHS)
        return batches, options.steps or sum(batches.steps(epoch) for epoch in range(epochs))
    stages = _stages(members, options)
    ends = list(itertools.accumulate(sum(map(sum, each)) for each in stages))
    mixed = MixedBatches(
        members,
        tuple(itertools.chain.from_iterable(stages)),
        seed=options.seed,
        accumulation=(options.batches_per_step or 1) // processes.size,
        ends=ends,
    )
    return mixed, options.steps or ends[-1]


def _stages(members: Mapping[str, ArrowBatches], options: TrainOptions) -> list[Stages]:
    """Returns the stages of as many epochs as are asked for, by their number or that of steps."""
    found: list[Stages] = []
    done = 0
    while done < options.steps if options.steps else len(found) < (options.epochs or EPOCHS):
        epoch = len(found)
        stages = epoch_stages(
            [each.steps(epoch) for each in members.values()],
            epoch,
            order=options.mix or SHUFFLED,
            extra_share=options.extra_task_ratio,
            seed=options.seed,
        )
        found.append(stages)
        done += sum(map(sum, stages))
    return found


def _check_labels(batches: ArrowBatches) -> None:
    if not batches.labelled_rows:
        raise _no_labels(batches.corpus)


def _no_labels(corpus: Corpus) -> UsageError:
    return UsageError(
        f"{corpus.folder} has no labels in its training split, and nothing can be learned from it; "
        "build it with a label in --fields"
    )


def task_notice(
    options: TrainOptions, data: TrainingData, evaluated: Mapping[str, ArrowBatches]
) -> str:
    """Returns what the user should know of the evaluation; "" if all is there."""
    if not data.labelled:
        return ""
    exits = options.exit_width is not None
    lacking = [
        data.corpora[name].folder
        for name in data.corpora
        if name not in evaluated or not (exits or evaluated[name].labelled_rows)
    ]
    if not lacking:
        return ""
    what = f"no {'' if exits else 'labelled '}rows to evaluate in {', '.join(lacking)}"
    if len(lacking) < len(data.corpora):
        return f"{what}: the best checkpoint is chosen by the other tasks"
    return f"{what}: there will be no best checkpoint; build with --eval-input"
