import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Tokens
from schemas.windows import Packing
from tests.oracles.streams import SEP, sentences_of_ids, tokens_of, vocabulary
from transforms.arrays.randomness import rng_for
from transforms.contract.oracle import rate, uniformity
from transforms.pairs.pair_segments import SingleSegment
from transforms.windows.pack_windows import (
    FullSentences,
    SentenceChunks,
    WholeDocuments,
    insert_separators,
    split_long_items,
)

RNG = rng_for(0, "test")


def pack(segment: SentenceChunks | FullSentences | WholeDocuments, *args: object) -> Packing:
    tokens, capacity = args
    assert isinstance(tokens, Tokens)
    assert isinstance(capacity, int)
    return segment.pack(tokens, capacity, vocabulary(), rng_for(7, "pack"))


def blocks_of(segment: FullSentences | WholeDocuments, tokens: Tokens, n: int) -> list[list[int]]:
    windows = SingleSegment().pair(pack(segment, tokens, n), n, RNG)
    return [windows.tokens.ids[begin:end].tolist() for begin, end in windows.first]


def blocks_by_line(documents: list[list[list[int]]], capacity: int, cross: bool) -> list[list[int]]:
    """Packs the way fairseq's loop does, one line at a time, of lines that are never too long."""
    blocks: list[list[int]] = [[]]
    for document in documents:
        for line in document:
            if len(blocks[-1]) + len(line) > capacity:
                blocks.append([])
            blocks[-1] = blocks[-1] + line
        if not cross:
            blocks.append([])
    return [block for block in blocks if len(block) > (0 if cross else 1)]


DOCUMENTS = st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=8), min_size=1, max_size=6)


class TestSentenceChunks:
    def test_a_window_ends_when_the_target_is_reached_or_the_document_ends(self) -> None:
        tokens = tokens_of([[3, 4, 5, 6], [20, 1], [2]])
        packing = pack(SentenceChunks(short_rate=0), tokens, 10)
        assert packing.ends.tolist() == [3, 4, 4, 4, 5, 6, 7]
        assert packing.targets.tolist() == [10] * 7

    def test_a_target_that_is_met_exactly(self) -> None:
        packing = pack(SentenceChunks(short_rate=0), tokens_of([[4, 6, 1, 9]]), 10)
        assert packing.ends.tolist() == [2, 4, 4, 4]

    def test_one_target_a_document(self) -> None:
        tokens = tokens_of([[1] * 5 for _ in range(400)])
        packing = pack(SentenceChunks(short_rate=0.5), tokens, 30)
        targets = packing.targets.reshape(400, 5)
        assert (targets == targets[:, :1]).all()
        assert set(targets[:, 0].tolist()) == set(range(2, 31))
        ends = np.minimum(np.arange(5) + targets, 5) + 5 * np.arange(400)[:, None]
        assert packing.ends.tolist() == ends.ravel().tolist()

    def test_how_often_targets_are_short(self) -> None:
        targets = pack(SentenceChunks(), tokens_of([[1]] * 60_000), 11).targets
        short = targets[targets < 11]
        assert rate("short", len(short), 60_000, 0.1 * 9 / 10).holds
        assert uniformity("length", np.bincount(short)[2:].tolist(), [1] * 9).holds

    def test_rate_must_be_a_probability(self) -> None:
        with pytest.raises(ValueError, match=r"short_rate must be in \[0, 1\], got 1.5"):
            SentenceChunks(short_rate=1.5)


class TestFullSentences:
    PLAIN = FullSentences(end_documents=False)

    def test_blocks_run_on_into_the_next_document(self) -> None:
        tokens = tokens_of([[3, 3], [2, 4], [1]], first_id=0)
        assert blocks_of(self.PLAIN, tokens, 8) == [[*range(8)], [*range(8, 13)]]
        assert blocks_of(self.PLAIN, tokens, 7) == [[*range(6)], [*range(6, 13)]]

    def test_separators_after_lines_and_documents(self) -> None:
        tokens = tokens_of([[1, 1, 2], [1]], first_id=10, ends_line=[0, 1, 1, 1])
        segment = FullSentences(end_lines=True)
        assert blocks_of(segment, tokens, 7) == [[10, 11, SEP, 12, 13, SEP, SEP], [14, SEP, SEP]]
        assert segment.inner_roles == ("sep",)
        assert blocks_of(FullSentences(), tokens, 9) == [[10, 11, 12, 13, SEP, 14, SEP]]
        assert blocks_of(self.PLAIN, tokens, 9) == [[10, 11, 12, 13, 14]]
        assert self.PLAIN.inner_roles == ()

    def test_document_sentences_never_mix_documents(self) -> None:
        segment = FullSentences(cross_documents=False)
        tokens = tokens_of([[3, 3], [2, 4], [1]], first_id=0)
        # The last document is one token, which would teach nothing; the reference drops it too.
        assert blocks_of(segment, tokens, 8) == [[*range(6)], [*range(6, 12)]]
        assert segment.inner_roles == ()
        ended = dataclasses.replace(segment, end_lines=True)
        assert blocks_of(ended, tokens_of([[1], [2]], first_id=10), 9) == [
            [10, SEP],
            [11, 12, SEP],
        ]

    def test_a_rest_of_one_token_is_dropped_with_its_document_only(self) -> None:
        tokens = tokens_of([[4, 1], [4, 1]], first_id=0)
        segment = FullSentences(cross_documents=False)
        assert blocks_of(segment, tokens, 4) == [[0, 1, 2, 3], [5, 6, 7, 8]]
        assert blocks_of(self.PLAIN, tokens, 4) == [[0, 1, 2, 3], [4], [5, 6, 7, 8], [9]]

    @given(documents=DOCUMENTS, capacity=st.integers(9, 25), cross=st.booleans())
    def test_blocks_are_those_of_the_loop(
        self, documents: list[list[int]], capacity: int, cross: bool
    ) -> None:
        tokens = tokens_of(documents)
        expected = blocks_by_line(sentences_of_ids(tokens), capacity, cross)
        segment = FullSentences(cross_documents=cross, end_documents=False)
        assert blocks_of(segment, tokens, capacity) == expected

    @given(documents=DOCUMENTS, capacity=st.integers(2, 12), lines=st.booleans())
    def test_blocks_are_the_stream(
        self, documents: list[list[int]], capacity: int, lines: bool
    ) -> None:
        tokens = tokens_of(documents)
        blocks = blocks_of(FullSentences(end_lines=lines), tokens, capacity)
        stream = [
            [[*line, *[SEP] * lines] for line in document] + [[SEP]]
            for document in sentences_of_ids(tokens)
        ]
        assert [*itertools.chain(*blocks)] == [
            id_ for item in itertools.chain(*stream) for id_ in item
        ]
        assert max(map(len, blocks)) <= capacity
        # A line that fits is inside one block.
        where = {id_: b for b, block in enumerate(blocks) for id_ in block if id_ != SEP}
        for line in itertools.chain(*sentences_of_ids(tokens)):
            if len(line) + lines <= capacity:
                assert len({where[id_] for id_ in line}) == 1


class TestLongItems:
    def test_cut_anywhere_where_words_are_not_known(self) -> None:
        items = split_long_items(tokens_of([[2, 7], [3]]), 3)
        assert items.sentence_offsets.tolist() == [0, 2, 5, 8, 9, 12]
        assert items.document_offsets.tolist() == [0, 4, 5]
        assert items.ends_line.tolist() == [True, False, False, True, True]

    def test_cut_at_the_last_word_start_that_fits(self) -> None:
        starts = [1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1]
        items = split_long_items(tokens_of([[12]], word_starts=starts, ends_line=[0]), 4)
        # 2 is the last start within 0..4, then 6; the word at 6 has five tokens and is cut.
        assert items.sentence_offsets.tolist() == [0, 2, 6, 10, 12]
        assert not items.ends_line.any()

    def test_a_word_may_fill_an_item(self) -> None:
        items = split_long_items(tokens_of([[8]], word_starts=[1, 0, 0, 0, 1, 0, 0, 0]), 4)
        assert items.sentence_offsets.tolist() == [0, 4, 8]

    def test_nothing_to_cut(self) -> None:
        tokens = tokens_of([[3, 3]])
        assert split_long_items(tokens, 3) is tokens

    @given(
        documents=DOCUMENTS,
        capacity=st.integers(1, 6),
        words=st.one_of(st.none(), st.binary(min_size=54, max_size=54)),
    )
    def test_greedy(self, documents: list[list[int]], capacity: int, words: bytes | None) -> None:
        total = sum(map(sum, documents))
        starts = list(range(total))
        tokens = tokens_of(documents)
        if words is not None:
            begins = np.unpackbits(np.frombuffer(words, np.uint8))[:total]
            begins[tokens.sentence_offsets[:-1]] = 1
            starts = np.flatnonzero(begins).tolist()
            tokens = tokens_of(documents, word_starts=begins.tolist())
        offsets = tokens.sentence_offsets.tolist()
        expected = [0]
        for begin, end in itertools.pairwise(offsets):
            while end - begin > capacity:
                fitting = [s for s in starts if begin < s <= begin + capacity]
                begin = max(fitting, default=begin + capacity)
                expected.append(begin)
            expected.append(end)
        items = split_long_items(tokens, capacity)
        assert items.sentence_offsets.tolist() == expected
        # Documents begin where they did, and as many lines end.
        assert (
            items.sentence_offsets[items.document_offsets].tolist()
            == tokens.sentence_offsets[tokens.document_offsets].tolist()
        )
        assert items.ends_line.sum() == tokens.ends_line.sum()
        assert np.isin(items.sentence_offsets[1:][items.ends_line], offsets).all()


class TestInsertSeparators:
    def test_words_and_special_tokens(self) -> None:
        tokens = tokens_of([[2, 1], [1]], word_starts=[1, 0, 1, 1], ends_line=[0, 1, 1])
        ended = insert_separators(tokens, SEP, after_lines=True, after_documents=True)
        assert ended.ids.tolist() == [100, 101, 102, SEP, SEP, 103, SEP, SEP]
        assert ended.special is not None
        assert ended.special.astype(int).tolist() == [0, 0, 0, 1, 1, 0, 1, 1]
        assert ended.word_starts is not None
        assert ended.word_starts.astype(int).tolist() == [1, 0, 1, 0, 0, 1, 0, 0]
        assert ended.sentence_offsets.tolist() == [0, 2, 4, 5, 7, 8]
        assert ended.document_offsets.tolist() == [0, 3, 5]
        assert ended.ends_line.tolist() == [False, True, True, True, True]

    def test_none(self) -> None:
        tokens = tokens_of([[2, 1], [1]])
        ended = insert_separators(tokens, SEP, after_lines=False, after_documents=False)
        assert ended.ids.tolist() == tokens.ids.tolist()
        assert ended.sentence_offsets.tolist() == tokens.sentence_offsets.tolist()
        assert ended.special is not None
        assert not ended.special.any()


class TestWholeDocuments:
    @pytest.mark.parametrize(
        ("keep", "length", "kept"),
        [
            ("head_tail", 510, [(0, 510)]),
            ("head_tail", 511, [(0, 128), (129, 511)]),
            ("head_tail", 800, [(0, 128), (418, 800)]),
            ("head_tail", 801, [(0, 256), (547, 801)]),
            ("head_tail", 5000, [(0, 256), (4746, 5000)]),
            ("head", 5000, [(0, 510)]),
            ("head", 3, [(0, 3)]),
            ("tail", 5000, [(4490, 5000)]),
            ("tail", 510, [(0, 510)]),
        ],
    )
    def test_what_is_kept_of_510(self, keep: str, length: int, kept: list[tuple[int, int]]) -> None:
        tokens = tokens_of([[length // 2, length - length // 2], [4]], first_id=0)
        expected = [i for begin, end in kept for i in range(begin, end)]
        assert blocks_of(WholeDocuments(keep=keep), tokens, 510) == [
            expected,
            [*range(length, length + 4)],
        ]

    def test_other_capacities_keep_the_proportions(self) -> None:
        tokens = tokens_of([[79, 1]], first_id=0)
        # 51 tokens: 12 and 39 up to a length of 80, 25 and 26 above.
        assert blocks_of(WholeDocuments(), tokens, 51) == [[*range(12), *range(41, 80)]]
        longer = tokens_of([[81]], first_id=0)
        assert blocks_of(WholeDocuments(), longer, 51) == [[*range(25), *range(55, 81)]]

    def test_the_tail_begins_a_word(self) -> None:
        tokens = tokens_of([[6], [3]], first_id=0, word_starts=[1, 0, 0, 0, 0, 0, 1, 0, 0])
        packing = pack(WholeDocuments(keep="tail"), tokens, 4)
        assert packing.tokens.ids.tolist() == [2, 3, 4, 5, 6, 7, 8]
        assert packing.tokens.word_starts is not None
        assert packing.tokens.word_starts.astype(int).tolist() == [1, 0, 0, 0, 1, 0, 0]
        # The tokens that came in are as they were.
        assert tokens.word_starts is not None
        assert not tokens.word_starts[2]

    def test_keep_must_be_known(self) -> None:
        with pytest.raises(ValueError, match="keep must be one of head, tail, head_tail, got 'x'"):
            WholeDocuments(keep="x")


@pytest.mark.parametrize("segment", [SentenceChunks(), FullSentences(), WholeDocuments()])
def test_no_tokens(segment: SentenceChunks | FullSentences | WholeDocuments) -> None:
    assert len(pack(segment, tokens_of([]), 10).ends) == 0
