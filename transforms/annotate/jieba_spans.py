"""Finds entities and phrases of Chinese text by jieba's parts of speech, without a model."""

import numpy as np

from schemas.annotations import LabelledSpans
from schemas.records import Bytes, ByteSpans
from transforms.arrays.ragged import offsets_of
from transforms.text.words import chinese_runs

NAMES = {"nr": "PERSON", "ns": "PLACE", "nt": "ORGANIZATION", "nz": "NAME"}
"""Labels of the parts of speech that are entities, by their first two letters."""
PHRASE = "NP"


def jieba_spans(data: Bytes) -> dict[str, LabelledSpans]:
    """Finds names (nr, ns, nt, nz) and maximal runs of nouns (n...) in the lines with ideographs.

    Words and parts of speech are those of "rjieba": from the dictionary of jieba, or from its
    hidden Markov model for words that are not in it.

    Args:
      data: uint8[N]; normalised text.
    """
    found: dict[str, list[LabelledSpans]] = {"entities": [], "phrases": []}
    for low, high in chinese_runs(data):
        for kind, spans in _of_lines(data[low:high]).items():
            found[kind].append(
                LabelledSpans(spans.starts + low, spans.ends + low, spans.labels, spans.ids)
            )
    return {kind: join_spans(parts) for kind, parts in found.items()}


def _of_lines(data: Bytes) -> dict[str, LabelledSpans]:
    import rjieba  # Takes a fifth of a second, and few builds need it.

    tagged = rjieba.tag(data.tobytes().decode())
    characters = np.append(np.flatnonzero((data & 0xC0) != 0x80), len(data))
    sizes = np.fromiter((len(word) for word, _ in tagged), np.int64, len(tagged))
    borders = characters[offsets_of(sizes)]
    labels = [NAMES.get(tag[:2], "") for _, tag in tagged]
    names = np.flatnonzero(np.fromiter(map(bool, labels), np.bool_, len(labels)))
    nouns = np.zeros(len(tagged) + 2, np.int8)
    nouns[1:-1] = np.fromiter((tag[:1] == "n" for _, tag in tagged), np.bool_, len(tagged))
    # A run of nouns begins and ends where the flag changes, with a 0 added at both ends.
    edges = np.flatnonzero(np.diff(nouns))
    runs = ByteSpans(borders[edges[::2]], borders[edges[1::2]])
    return {
        "entities": without_ids(
            ByteSpans(borders[names], borders[names + 1]), [labels[each] for each in names.tolist()]
        ),
        "phrases": without_ids(runs, [PHRASE] * len(runs)),
    }


def without_ids(spans: ByteSpans, labels: list[str]) -> LabelledSpans:
    """Returns labelled spans without ids."""
    return LabelledSpans(spans.starts, spans.ends, labels, [""] * len(labels))


def join_spans(parts: list[LabelledSpans]) -> LabelledSpans:
    """Concatenates spans."""
    nowhere = np.empty(0, np.int64)
    return LabelledSpans(
        np.concatenate([nowhere, *(part.starts for part in parts)]),
        np.concatenate([nowhere, *(part.ends for part in parts)]),
        [label for part in parts for label in part.labels],
        [name for part in parts for name in part.ids],
    )
