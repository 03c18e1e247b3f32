"""Checks of sources whose target is the clean row."""

import numpy as np

from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import read_only
from transforms.arrays.sequences import CleanRows, Sequences
from transforms.checks.denoising import sequence_counts
from transforms.contract.oracle import Findings, breach, gather
from transforms.contract.rules import RowLayout
from transforms.contract.stored import StoredBatch, any_copy


def examine_filled(
    batch: StoredBatch,
    arranged: CleanRows,
    made: Sequences,
    layout: RowLayout,
    vocabulary: Vocabulary,
) -> Findings:
    """Checks that a source has the tokens of its row but for its edits, and a mask for each.

    So what the edits took away, put back from the target, gives the row.

    Args:
      batch: The rows.
      arranged: The rows that edits are of, see `transforms.arrays.sequences.arranged_rows`.
      made: Their sources and targets.
      layout: Special tokens around their text.
      vocabulary: Of the tokenizer.
    """
    from transforms.kernels.splicing import splice_filled

    edits, edges = batch.edits, layout.edges
    rotations = np.zeros(len(edits), np.uint16) if edits.rotations is None else edits.rotations
    found = np.zeros((len(edits), 2), np.bool_)
    source = read_only(made.source.offsets), read_only(made.source.values)
    splice_filled(
        arranged.arrays,
        edits.spans,
        source,
        read_only(rotations),
        edges,
        vocabulary.roles["mask"],
        found,
    )
    lengths = made.source.lengths.reshape(-1, batch.copies)
    differs, masked = (any_copy(each.reshape(-1, batch.copies)) for each in found.T)
    return gather(
        [
            sequence_counts(made),
            breach("a target put back into its source does not give the row", differs),
            breach("a mask does not stand where a span was", masked),
            breach("a source is longer than its row", any_copy(lengths > batch.lengths[:, None])),
        ]
    )
