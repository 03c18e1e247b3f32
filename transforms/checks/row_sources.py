"""Counts rows and tokens by the source of the rows."""

import numpy as np

from schemas.arrow_columns import numpy_of
from schemas.columns import SOURCE
from transforms.contract.oracle import Findings
from transforms.contract.stored import StoredBatch

STATISTIC = "source"


def count_sources(batch: StoredBatch) -> Findings:
    """Returns the rows of each source, and all tokens of these rows, by its number."""
    sources = numpy_of(batch.values[SOURCE])
    numbers, rows = np.unique(sources, return_inverse=True)
    counted = {
        "rows": np.bincount(rows, minlength=len(numbers)).tolist(),
        "tokens": np.bincount(rows, batch.lengths, minlength=len(numbers)).astype(int).tolist(),
    }
    return Findings(
        {
            f"{STATISTIC}.{number}.{name}": count
            for name, counts in counted.items()
            for number, count in zip(numbers.tolist(), counts, strict=True)
        }
    )
