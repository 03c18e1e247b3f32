import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.documents import DOCUMENT_SCHEMA
from schemas.records import ShardId
from transforms.arrays.randomness import rng_for
from transforms.contract.oracle import rate, uniformity
from transforms.read.shard_documents import deal_documents, pack_documents, unpack_documents
from transforms.records.shard_text import SHARD_BYTES, ShardPlan, join_documents, plan_shards


def batch(*documents: tuple[bytes, str]) -> pa.RecordBatch:
    keys = [key.rjust(16, b"\0") for key, _ in documents]
    columns = {"key": keys, "text": [text.encode() for _, text in documents]}
    return pa.RecordBatch.from_pydict(columns, schema=DOCUMENT_SCHEMA)


def keys_of(lower: int, upper: int) -> np.ndarray:
    raw = lower.to_bytes(8, "little") + upper.to_bytes(8, "little")
    return np.frombuffer(raw, np.uint8).reshape(1, 16)


class TestPlan:
    @pytest.mark.parametrize(
        ("text_bytes", "shards"),
        [
            (0, 1),
            (1, 1),
            (SHARD_BYTES, 1),
            (SHARD_BYTES + 1, 2),
            (2 * SHARD_BYTES, 2),
            (2 * SHARD_BYTES + 1, 4),
            (100 * SHARD_BYTES, 128),
        ],
    )
    def test_shards_of_half_to_the_whole_size(self, text_bytes: int, shards: int) -> None:
        assert plan_shards(text_bytes, None, 0).train == shards

    @pytest.mark.parametrize(
        ("shards", "fraction", "held_out"),
        [(4, 0.0, 0), (4, 0.25, 1), (4, 0.26, 2), (4, 1e-9, 1), (100, 0.005, 1), (1, 0.999, 1)],
    )
    def test_evaluation_has_its_share_of_shards(
        self, shards: int, fraction: float, held_out: int
    ) -> None:
        plan = plan_shards(0, shards, fraction)
        assert (plan.train, plan.eval) == (shards, held_out)
        assert plan.eval_below == int(fraction * 2**64)

    @pytest.mark.parametrize("shards", [0, -1, 100_000])
    def test_number_of_shards(self, shards: int) -> None:
        with pytest.raises(ValueError, match=r"--shards must be 'auto' or in \[1, 99999\], got"):
            plan_shards(0, shards, 0)

    @pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
    def test_evaluation_fraction(self, fraction: float) -> None:
        with pytest.raises(ValueError, match=r"--eval-fraction must be in \[0, 1\), got"):
            plan_shards(0, 1, fraction)

    def test_names(self) -> None:
        plan = ShardPlan(train=2, eval=1, eval_below=1)
        assert plan.shards[:2] == [ShardId("train", 0, 2), ShardId("train", 1, 2)]
        assert plan.shards[2:] == [ShardId("eval", 0, 1)]
        assert [shard.name for shard in plan.shards] == [
            "train/shard-00000-of-00002",
            "train/shard-00001-of-00002",
            "eval/shard-00000-of-00001",
        ]


class TestAssign:
    @given(
        lower=st.integers(0, 2**64 - 1),
        upper=st.integers(0, 2**64 - 1),
        train=st.integers(1, 99),
        held_out=st.integers(0, 9),
        below=st.integers(1, 2**64 - 1),
    )
    def test_by_the_halves_of_the_key(
        self, lower: int, upper: int, train: int, held_out: int, below: int
    ) -> None:
        plan = ShardPlan(train=train, eval=held_out, eval_below=below if held_out else 0)
        number = int(plan.assign(keys_of(lower, upper))[0])
        if held_out and upper < below:
            assert number == train + lower % held_out
        else:
            assert number == lower % train

    def test_shares(self) -> None:
        plan = plan_shards(0, 8, 0.25)
        keys = rng_for(0, "keys").integers(0, 256, (80_000, 16), np.uint8)
        counts = np.bincount(plan.assign(keys), minlength=10)
        assert plan.eval == 2
        assert rate("held out", int(counts[8:].sum()), 80_000, 0.25).holds
        assert uniformity("shard", counts[:8].tolist(), [1] * 8).holds
        assert uniformity("evaluation shard", counts[8:].tolist(), [1] * 2).holds

    def test_no_documents(self) -> None:
        plan = ShardPlan(train=3, eval=1, eval_below=9)
        assert len(plan.assign(np.empty((0, 16), np.uint8))) == 0


class TestJoin:
    BATCHES = (
        batch((b"c", "three"), (b"a", "one\n二"), (b"b", "two")),
        batch(),
        batch((b"b", "two"), (b"\xff", "last")),
    )

    def test_documents_stand_in_the_order_of_their_keys_once(self) -> None:
        text = join_documents(self.BATCHES, deduplicate=True)
        assert text.data.tobytes().decode() == "one\n二\ntwo\nthree\nlast\n"
        assert text.document_starts.tolist() == [0, 8, 12, 18]
        assert text.duplicates == 1

    def test_duplicates_may_stay(self) -> None:
        text = join_documents(self.BATCHES, deduplicate=False)
        assert text.data.tobytes().decode() == "one\n二\ntwo\ntwo\nthree\nlast\n"
        assert text.document_starts.tolist() == [0, 8, 12, 16, 22]
        assert text.duplicates == 0

    @pytest.mark.parametrize("batches", [[], [batch()]])
    def test_nothing(self, batches: list[pa.RecordBatch]) -> None:
        text = join_documents(batches, deduplicate=True)
        assert len(text.data) == len(text.document_starts) == text.duplicates == 0

    def test_slices_of_a_batch(self) -> None:
        text = join_documents([self.BATCHES[0].slice(1, 2)], deduplicate=True)
        assert text.data.tobytes().decode() == "one\n二\ntwo\n"

    @given(keys=st.lists(st.binary(min_size=16, max_size=16)), cuts=st.lists(st.integers(0, 20)))
    def test_the_way_they_came_does_not_matter(self, keys: list[bytes], cuts: list[int]) -> None:
        documents = [(key, key.hex()) for key in keys]
        borders = sorted({0, *(cut for cut in cuts if cut < len(keys)), len(keys)})
        batches = [batch(*documents[a:b]) for a, b in itertools.pairwise(borders)]
        text = join_documents(reversed(batches), deduplicate=True)
        lines = [key.hex() + "\n" for key in sorted({*keys})]
        assert text.data.tobytes().decode() == "".join(lines)
        assert text.duplicates == len(keys) - len({*keys})


class TestDeal:
    def test_every_document_goes_to_its_shard(self) -> None:
        plan = ShardPlan(train=3, eval=2, eval_below=2**63)
        raw = rng_for(0, "keys").integers(0, 256, (200, 16), np.uint8)
        rows = [(row.tobytes(), row.tobytes().hex()) for row in raw]
        dealt = dict(deal_documents(batch(*rows), plan, frozenset(range(5))))
        assert sorted(dealt) == [0, 1, 2, 3, 4]
        for number, packed in dealt.items():
            found = pa.Table.from_batches(unpack_documents(packed)).column("text").to_pylist()
            expected = [t for (_, t), n in zip(rows, plan.assign(raw), strict=True) if n == number]
            assert found == [text.encode() for text in expected]

    def test_only_the_wanted_and_none_that_is_empty(self) -> None:
        plan = ShardPlan(train=2, eval=0, eval_below=0)
        documents = batch((b"\x00" * 16, "even"))
        assert [number for number, _ in deal_documents(documents, plan, frozenset({0, 1}))] == [0]
        assert list(deal_documents(documents, plan, frozenset({1}))) == []
        assert list(deal_documents(batch(), plan, frozenset({0, 1}))) == []

    def test_packing(self) -> None:
        documents = batch((b"a", "文"), (b"b", ""))
        assert unpack_documents(pack_documents(documents)) == [documents]
        assert unpack_documents(b"") == []
