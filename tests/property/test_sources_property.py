"""Sources against a slow oracle: whichever files hold the documents, and in whatever order."""

import fractions
import itertools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.manifest import add_up
from schemas.records import ShardText
from tests.oracles.sources import Kept, copies_of, halves_of, kept_documents
from transforms.arrays.randomness import random_key, rng_for
from transforms.build.count_sources import source_counts
from transforms.files.inputs import FileRange
from transforms.read.read_documents import RangeReader
from transforms.read.shard_documents import deal_documents, unpack_documents
from transforms.read.weighted_reader import WeightedReader
from transforms.records.shard_text import ShardPlan, join_documents
from transforms.records.source_weights import UNIT, SourceWeights, repeated_keys

PLAN = ShardPlan(train=3, eval=1, eval_below=1 << 62)
SEED = 5
NAMES = ("a", "b", "c")

_texts = st.lists(st.sampled_from([f"text {n}" for n in range(12)]), max_size=10)
_weights = st.sampled_from(["0.000001", "0.25", "0.5", "1", "1.5", "2", "2.75", "3"])


def written(
    folder: Path, corpus: Mapping[str, Sequence[str]], order: np.random.Generator
) -> list[FileRange]:
    """Writes the documents of each source to some files, in some order."""
    parts = []
    for number, name in enumerate(NAMES):
        texts = [*corpus[name]]
        order.shuffle(texts)
        cuts = sorted(int(order.integers(len(texts) + 1)) for _ in range(2))
        for begin, end in itertools.pairwise([0, *cuts, len(texts)]):
            path = folder / f"{order.integers(10**9)}-{name}.txt"
            path.write_text("".join(f"{text}\n" for text in texts[begin:end]), "utf-8")
            part = FileRange(path=str(path), format="lines", begin=0, end=None, source=number)
            parts.append(part)
    order.shuffle(parts)
    return parts


def shards_of(
    parts: Sequence[FileRange], weights: SourceWeights, *, deduplicate: bool
) -> tuple[list[ShardText], dict[str, int]]:
    """Reads files and joins the documents of each shard; returns them, and what reading counted."""
    reader = WeightedReader(reader=RangeReader(sources=True), weights=weights)
    dealt: dict[int, list[pa.RecordBatch]] = {number: [] for number in range(len(PLAN.shards))}
    tallies = []
    # Each part is read for itself, as different workers do it.
    for part in parts:
        for read in reader.read([part]):
            if isinstance(read, pa.RecordBatch):
                for number, packed in deal_documents(read, PLAN, frozenset(dealt)):
                    dealt[number] += unpack_documents(packed)
            elif isinstance(read, dict):
                tallies.append(read)
    texts = [join_documents(batches, deduplicate=deduplicate) for batches in dealt.values()]
    return texts, add_up(tallies)


def shard_of(kept: Kept) -> int:
    lower, upper = kept.key
    return PLAN.train if upper < PLAN.eval_below else lower % PLAN.train


@pytest.mark.parametrize("deduplicate", [True, False])
@given(
    corpus=st.fixed_dictionaries(dict.fromkeys(NAMES, _texts)),
    weights=st.fixed_dictionaries(dict.fromkeys(NAMES, _weights)),
    seeds=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)),
)
@settings(max_examples=40)
def test_documents_are_those_of_the_oracle(
    deduplicate: bool,
    corpus: dict[str, list[str]],
    weights: dict[str, str],
    seeds: tuple[int, int],
) -> None:
    exact = {name: fractions.Fraction(weight) for name, weight in weights.items()}
    own = SourceWeights(
        millionths=tuple(int(exact[name] * UNIT) for name in NAMES),
        seed=SEED,
        eval_below=PLAN.eval_below,
    )
    found = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            parts = written(Path(folder), corpus, rng_for(seed, "files"))
            found.append(shards_of(parts, own, deduplicate=deduplicate))
    for one, other in zip(found[0][0], found[1][0], strict=True):
        assert one.data.tobytes() == other.data.tobytes()
        assert one.keys.tobytes() == other.keys.tobytes()
    assert found[0][1] == found[1][1]
    texts, tally = found[0]
    key = int(random_key(rng_for(SEED, "sources", "sample")))
    expected = kept_documents(corpus, exact, key, PLAN.eval_below, deduplicate=deduplicate)
    for number, text in enumerate(texts):
        wanted = [kept for kept in expected if shard_of(kept) == number]
        assert text.data.tobytes().decode() == "".join(f"{kept.text}\n" for kept in wanted)
        if text.sources is None:
            assert not wanted
            continue
        if not wanted:
            assert not len(text.sources.numbers)
        numbers = [NAMES[number] for number in text.sources.numbers]
        assert numbers == [kept.source for kept in wanted]
        assert text.sources.repeats.tolist() == [kept.copy > 0 for kept in wanted]
    check_counts(corpus, texts, tally, expected)
    for name in NAMES:
        counted = [counts[name] for text in texts if (counts := source_counts(text, NAMES))]
        copies = [
            copies_of(halves_of(text), exact[name], key, PLAN.eval_below)
            for text in {*corpus[name]}
        ]
        assert sum(each.wanted for each in counted) == sum(each > 0 for each in copies)
        assert sum(each.unwanted for each in counted) == copies.count(0)
        again = sum(each - 1 for each in copies if each)
        assert sum(each.wanted_again for each in counted) == again


def check_counts(
    corpus: Mapping[str, Sequence[str]],
    texts: Sequence[ShardText],
    tally: Mapping[str, int],
    expected: Sequence[Kept],
) -> None:
    """Compares the counts of each source with those of the oracle's documents."""
    for number, name in enumerate(NAMES):
        counted = [counts[name] for text in texts if (counts := source_counts(text, NAMES))]
        own = [kept for kept in expected if kept.source == name]
        read = len(corpus[name])
        assert tally.get(f"source.{number}.documents", 0) == read
        assert sum(each.documents for each in counted) == len(own)
        assert sum(each.bytes for each in counted) == sum(len(kept.text) for kept in own)
        repeated = sum(each.repeated for each in counted)
        assert repeated == sum(kept.copy > 0 for kept in own)
        left_out = tally.get(f"source.{number}.sampled_out", 0)
        duplicates = sum(each.duplicates for each in counted)
        assert read - left_out - duplicates + repeated == len(own)
    assert sum(text.duplicates for text in texts) == sum(
        each.duplicates for text in texts for each in source_counts(text, NAMES).values()
    )


def test_copies_of_a_document_stay_in_its_split() -> None:
    keys = np.frombuffer(rng_for(1, "keys").bytes(1600), np.uint8).reshape(-1, 16)
    plan = ShardPlan(train=1, eval=1, eval_below=1 << 63)
    copies = [keys, *(repeated_keys(keys, copy) for copy in range(1, 4))]
    assert all((plan.assign(each) == plan.assign(keys)).all() for each in copies)
    assert len({each.tobytes() for every in copies for each in every}) == 400
