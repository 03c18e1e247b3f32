"""What cannot change when a run is resumed."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from schemas.errors import UsageError
from schemas.manifest import DATA_VERSION
from trainer.checkpoint import Checkpoint
from trainer.loader.training_data import TrainingData
from trainer.models.family import configurations
from trainer.options import TrainOptions
from transforms.files.checked_files import file_sha256

_NAMED = 4
"""Differences between runs that an error names at most."""
_IGNORED_FIELDS = frozenset(
    {
        *["_name_or_path", "architectures", "dtype", "id2label", "label2id", "problem_type"],
        *["output_attentions", "output_hidden_states", "return_dict", "torch_dtype"],
        *["transformers_version", "use_cache"],
    }
)
"""Fields of configurations that do not change what is computed."""


def identity_of(
    options: TrainOptions, data: TrainingData, model: torch.nn.Module
) -> dict[str, Any]:
    """Returns what cannot change when a run is resumed, as JSON values."""
    shapes = [(name, tuple(tensor.shape)) for name, tensor in model.state_dict().items()]
    digest = hashlib.blake2b(repr(shapes).encode(), digest_size=4).hexdigest()
    count = sum(parameter.numel() for parameter in model.parameters())
    weights = ", ".join(f"{name}={weight:g}" for name, weight in data.weights.items())
    mixture: dict[str, Any] = {"members": weights, "mix": options.mix} if data.mixed else {}
    if options.batch_rows is not None:
        mixture["batch_rows"] = options.batch_rows
    if options.extra_task_ratio is not None:
        mixture["extra_task_ratio"] = options.extra_task_ratio
    given = options.entity_embeddings
    embeddings = {"entity_embeddings": file_sha256(given)[:16]} if given else {}
    teacher = {"teacher": _teacher(model)} if options.exit_width is not None else {}
    # Masks that are drawn in training follow from what the data version says of draws.
    fresh = options.copies == "dynamic" or data.draws_masks
    stream = {"mix_windows": options.mix_windows or 1} if options.follow else {}
    return {
        **mixture,
        **stream,
        **embeddings,
        **teacher,
        **({"draws": DATA_VERSION} if fresh else {}),
        "data": data.checksum[:16],
        "model": f"{count:,} parameters, shapes {digest}",
        "configuration": _configuration(model),
        "seed": options.seed,
        "batch_tokens": options.batch_tokens,
        "batches_per_step": options.batches_per_step,
        **({"lanes": options.lanes} if options.lanes is not None else {}),
        "copies": options.copies,
        "objective": data.first.objective,
        "optimizer": options.optimizer,
    }


def _teacher(model: Any) -> str:
    """Returns a digest of the weights that students learn from, which a run does not change."""
    digest = hashlib.blake2b(digest_size=8)
    for name, tensor in model.hf.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()


def _configuration(model: torch.nn.Module) -> dict[str, Any]:
    """Returns the fields of its configurations that say what a model computes.

    Models of the same shapes may still differ in attention heads, activations or dropout.
    """
    configs = configurations(model)
    fields = {
        f"{name}.{key}" if len(configs) > 1 else key: value
        for name, config in configs.items()
        for key, value in config.to_dict().items()
        if key not in _IGNORED_FIELDS
    }
    # As it is read again from a checkpoint.
    return json.loads(json.dumps(fields, default=str))


def check_identity(checkpoint: Checkpoint, identity: Mapping[str, Any]) -> None:
    """Refuses a checkpoint of another run.

    Raises:
      UsageError: naming what differs.
    """
    differ = [
        f"{name} {before!r} there, {now!r} here"
        for name, before, now in _differences(checkpoint.meta.identity, identity)
    ]
    if differ:
        named = "; ".join(differ[:_NAMED]) + (", and more" if len(differ) > _NAMED else "")
        raise UsageError(f"{checkpoint.path} is of another run ({named}); name another --output")


def _differences(
    there: Mapping[str, Any], here: Mapping[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    """Yields the name of each thing that differs, and both its values.

    Fields of a configuration that only one side has are left out: another version of its library
    may know more of them.
    """
    for name in dict.fromkeys((*here, *there)):
        before, now = there.get(name), here.get(name)
        if isinstance(before, Mapping) and isinstance(now, Mapping):
            for key in (key for key in now if key in before and now[key] != before[key]):
                yield f"{name}.{key}", before[key], now[key]
        elif before != now:
            yield name, before, now
