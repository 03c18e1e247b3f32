"""What a probe sees of rows: the hidden states of a model's last layer, which is not changed."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from schemas.records import Array
from trainer.probes.task_rows import TaskRows, is_label
from trainer.rows.layouts import Batch
from trainer.rows.stored_rows import Rows
from transforms.arrays.ragged import Ragged


def features_of(
    model: Any, rows: TaskRows, *, tokens: int, segments: int | None, device: torch.device
) -> tuple[Array, Array]:
    """Returns float32[N, d], what is seen of each labelled row or token, and their labels, [N].

    Of a row that is the mean of the hidden states of its tokens, of a token its own one.

    Args:
      model: With the method `hidden`, see `trainer.models.trainable.TrainableModel`.
      rows: To look at.
      tokens: Of a batch.
      segments: Types of tokens that the model has; None if any.
      device: Of the model.
    """
    features, labels = [], []
    for found, own in rows.batches(tokens):
        longest = int(found.tokens.lengths.max())
        hidden = model.hidden(packed(found, segments, device), longest).float()
        if isinstance(own, Ragged):
            labelled = is_label(own.values)
            features.append(hidden[torch.from_numpy(np.flatnonzero(labelled)).to(device)].cpu())
            labels.append(own.values[labelled])
        else:
            lengths = torch.from_numpy(found.tokens.lengths.astype(np.int64)).to(device)
            features.append(torch.segment_reduce(hidden, "mean", lengths=lengths).cpu())
            labels.append(own)
    return torch.cat(features).numpy(), np.concatenate(labels)


# Rows of 3 and 2 tokens: positions 0 1 2 0 1, cu_seqlens 0 3 5.
def packed(rows: Rows, segments: int | None, device: torch.device) -> Batch:
    """Returns the tensors that models need of packed rows, one behind the other.

    Args:
      rows: Of which some may have two segments; to a model with one type of tokens they look as
        one.
      segments: Types of tokens that the model has; None if any.
      device: Where the tensors shall be.
    """
    offsets = rows.tokens.offsets
    positions = np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))
    types = rows.token_types if segments is None else np.minimum(rows.token_types, segments - 1)

    def tensor(values: Array) -> Tensor:
        return torch.from_numpy(values.astype(np.int64)).to(device)

    return {
        "input_ids": tensor(rows.tokens.values)[None],
        "token_type_ids": tensor(types)[None],
        "position_ids": tensor(positions)[None],
        "cu_seqlens": tensor(offsets).to(torch.int32),
        "num_tokens": torch.tensor(int(offsets[-1]), device=device),
    }
