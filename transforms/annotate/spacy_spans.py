"""Finds entities and phrases with a spaCy pipeline."""

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from schemas.annotations import AnnotationError, LabelledSpans
from schemas.records import Bytes, Int64

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

PIECE_BYTES = 1 << 15
"""A line of more than twice this size is split into pieces of this size for spaCy."""
BATCH_BYTES = 1 << 17
ZONE_BYTES = 1 << 22
"""After this much text spaCy's vocabulary cache is cleared, so that memory is bounded."""
_LF, _SPACE = 0x0A, 0x20
_SEARCHED = 1 << 10

FEATURES = frozenset({"tok2vec", "transformer", "curated_transformer"})
FINDS_ENTITIES = frozenset({"ner", "entity_ruler", "span_ruler", "beam_ner"})
PARSES = frozenset({"parser", "beam_parser"})
TAGS = frozenset({"tagger", "morphologizer"})
READS_TAGS = frozenset({"attribute_ruler"})


class ModelError(AnnotationError):
    """A spaCy model that cannot be used; the message says why."""


def load_model(name: str) -> "Language":
    """Loads a spaCy pipeline by name or path.

    Raises:
      ModelError: If it is missing or cannot be loaded.
    """
    import spacy

    try:
        return spacy.load(name)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"--spacy-model: the spaCy model {name!r} cannot be loaded ({reason}); give the name "
            "of an installed pipeline (python -m spacy download NAME), or the folder of one"
        ) from error


def model_sha256(nlp: "Language") -> str:
    """Returns the sha256 of the names and contents of all files of a loaded pipeline."""
    digest = hashlib.sha256()
    root = Path(nlp.path or "")
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        name = path.relative_to(root).as_posix()
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def factories(nlp: "Language") -> dict[str, str]:
    """Returns the factory of each component of a pipeline, by the name of the component."""
    return {name: nlp.get_pipe_meta(name).factory for name in nlp.pipe_names}


def keep_only(nlp: "Language", kinds: Iterable[str]) -> None:
    """Disables all components of a pipeline except those with these factories."""
    wanted = frozenset(kinds)
    nlp.select_pipes(enable=[name for name, kind in factories(nlp).items() if kind in wanted])


def has_noun_chunks(nlp: "Language") -> bool:
    """Whether a pipeline has a parser, and spaCy supports noun chunks in its language."""
    parses = bool(PARSES & set(factories(nlp).values()))
    return parses and "noun_chunks" in nlp.Defaults.syntax_iterators


def has_tags(nlp: "Language") -> bool:
    """Whether a pipeline has a tagger."""
    return bool(TAGS & set(factories(nlp).values()))


def piece_borders(data: Bytes) -> Int64:
    r"""Returns int64[P + 1]: the borders of the pieces of text that spaCy processes one by one.

    A piece is a line. Only a line of more than twice `PIECE_BYTES` is split: after a space if there
    is one nearby, else between two characters.

    >>> piece_borders(np.frombuffer(b"One line.\nAnother.\n", np.uint8)).tolist()
    [0, 10, 19]

    Args:
      data: uint8[N]; documents whose lines end with LF.
    """
    lines = np.append(0, np.flatnonzero(data == _LF) + 1)
    long = np.flatnonzero(np.diff(lines) > 2 * PIECE_BYTES).tolist()
    inner = [cut for line in long for cut in _cuts(data, int(lines[line]), int(lines[line + 1]))]
    return np.union1d(lines, np.array(inner, np.int64))


def _cuts(data: Bytes, begin: int, end: int) -> Iterator[int]:
    """Yields the positions at which a long line is split."""
    for at in range(begin + PIECE_BYTES, end - PIECE_BYTES, PIECE_BYTES):
        spaces = np.flatnonzero(data[at : at + _SEARCHED] == _SPACE)
        heads = np.flatnonzero((data[at : at + 4] & 0xC0) != 0x80)
        yield at + int(spaces[0]) + 1 if len(spaces) else at + int(heads[0])


Found = tuple[Sequence[int], Sequence[int], Sequence[str], Sequence[str]]
"""Spans of one piece: starts and ends in characters, labels, ids."""


def documents(nlp: "Language", data: Bytes, borders: Int64) -> Iterator[tuple["Doc", int]]:
    """Yields the pieces of a text as processed by spaCy, each with its first byte in the text."""
    for zone in _groups(borders, ZONE_BYTES):
        with nlp.memory_zone():
            for group in _groups(zone, BATCH_BYTES):
                texts = [
                    data[begin:end].tobytes().decode().rstrip("\n")
                    for begin, end in itertools.pairwise(group)
                ]
                docs = nlp.pipe(texts, batch_size=len(texts))
                yield from zip(docs, group[:-1].tolist(), strict=True)


def _groups(borders: Int64, size: int) -> Iterator[Int64]:
    """Yields the borders of groups of consecutive pieces with about `size` bytes together.

    >>> [group.tolist() for group in _groups(np.array([0, 3, 9, 12, 30]), 10)]
    [[0, 3, 9, 12], [12, 30]]
    """
    places = (borders[:-1] - borders[:1]) // size
    firsts = np.flatnonzero(np.diff(places, prepend=-1)).tolist()
    for first, last in itertools.pairwise([*firsts, len(places)]):
        yield borders[first : last + 1]


def entities_of(doc: "Doc") -> Found:
    """Returns the entities of a piece."""
    ents = doc.ents
    return (
        [ent.start_char for ent in ents],
        [ent.end_char for ent in ents],
        [ent.label_ for ent in ents],
        [ent.ent_id_ for ent in ents],
    )


def noun_chunks_of(doc: "Doc") -> Found:
    """Returns the noun chunks of a piece."""
    chunks = list(doc.noun_chunks)
    starts, ends = [c.start_char for c in chunks], [c.end_char for c in chunks]
    return starts, ends, ["NP"] * len(chunks), [""] * len(chunks)


def noun_runs_of(doc: "Doc") -> Found:
    """Returns maximal runs of nouns of a piece: by universal part of speech, else by N tags."""
    columns: Any = doc.to_array(["POS", "IDX", "LENGTH", "IS_SPACE"]).reshape(-1, 4)
    pos, at, length, is_space = columns.astype(np.int64).T
    if pos.any():
        strings = doc.vocab.strings
        nouns = np.isin(pos, [strings["NOUN"], strings["PROPN"]])
    else:
        kinds, where = np.unique(doc.to_array("TAG"), return_inverse=True)
        names = [doc.vocab.strings[int(kind)] if kind else "" for kind in kinds]
        nouns = np.array([name.startswith("N") for name in names], np.bool_)[where]
    # A run of nouns begins and ends where the flag changes, with a 0 added at both ends.
    padded = np.zeros(len(doc) + 2, np.int8)
    padded[1:-1] = nouns & (is_space == 0)
    edges = np.flatnonzero(np.diff(padded))
    first, last = edges[::2], edges[1::2] - 1
    starts, ends = at[first].tolist(), (at[last] + length[last]).tolist()
    return starts, ends, ["NP"] * len(starts), [""] * len(starts)


class SpanCollector:
    """Collects the spans of all pieces, converted from characters to bytes."""

    def __init__(self, data: Bytes) -> None:
        self._data = data
        self._starts: list[Int64] = []
        self._ends: list[Int64] = []
        self._labels: list[str] = []
        self._ids: list[str] = []

    def add(self, found: Found, begin: int, size: int) -> None:
        """Adds the spans of the piece of `size` characters that begins at byte `begin`."""
        starts, ends, labels, ids = found
        if not starts:
            return
        # A character has at most four bytes; the piece may thus reach into the next one.
        piece = self._data[begin : begin + 4 * size]
        characters = np.append(np.flatnonzero((piece & 0xC0) != 0x80), len(piece)) + begin
        self._starts.append(characters[np.asarray(starts, np.int64)])
        self._ends.append(characters[np.asarray(ends, np.int64)])
        self._labels.extend(labels)
        self._ids.extend(ids)

    def spans(self) -> LabelledSpans:
        """Returns the spans in order, without those across line ends or over earlier spans."""
        nowhere = np.empty(0, np.int64)
        starts = np.concatenate([nowhere, *self._starts])
        ends = np.concatenate([nowhere, *self._ends])
        white = (self._data == _SPACE) | (self._data == _LF)
        # Each pass trims one byte of white space from all spans that have any.
        while (moved := (starts < ends) & white[np.minimum(starts, len(white) - 1)]).any():
            starts = starts + moved
        while (moved := (starts < ends) & white[ends - 1]).any():
            ends = ends - moved
        lines = np.cumsum(self._data == _LF)
        kept = np.flatnonzero(starts < ends)
        kept = kept[lines[starts[kept]] == lines[ends[kept] - 1]]
        kept = kept[np.lexsort((ends[kept], starts[kept]))]
        # The maximum end of all spans before each one.
        before = np.maximum.accumulate(np.append(0, ends[kept]))[:-1]
        kept = kept[starts[kept] >= before]
        return LabelledSpans(starts, ends, self._labels, self._ids).take(kept)
