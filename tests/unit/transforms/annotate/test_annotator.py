"""What finds entities and phrases: jieba, a gazetteer, and a trained pipeline of spaCy."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

from schemas.annotations import (
    AnnotationError,
    LabelledSpans,
    annotation_batch,
    annotation_schema,
    column_spans,
)
from schemas.documents import document_batch
from schemas.records import ShardText
from tests.support.spacy_models import trained_model
from transforms.annotate.annotator import Annotator, load_annotator, prefer
from transforms.annotate.gazetteer import Gazetteer
from transforms.annotate.spacy_spans import PIECE_BYTES, piece_borders
from transforms.annotate.stored_annotations import StoredAnnotations
from transforms.build.write_shard import write_arrow
from transforms.records.shard_text import join_documents


def text_of(*documents: str) -> ShardText:
    return join_documents([document_batch([d.encode() for d in documents])], deduplicate=True)


def found(annotator: Annotator, kind: str, *documents: str) -> set[tuple[str, str, str]]:
    text = text_of(*documents)
    spans = annotator.spans(text, [kind])[kind]
    assert (spans.starts[1:] >= spans.ends[:-1]).all()
    words = [
        text.data[begin:end].tobytes().decode()
        for begin, end in zip(spans.starts, spans.ends, strict=True)
    ]
    return set(zip(words, spans.labels, spans.ids, strict=True))


def test_without_a_model_names_are_jiebas_in_chinese() -> None:
    text = ["我们在上海见到了王小明。", "John Smith went to Shanghai."]
    names = {("上海", "PLACE", ""), ("王小明", "PERSON", "")}
    assert found(Annotator(), "entities", *text) == names
    assert found(Annotator(), "phrases", "数据库集群在上海。") == {
        ("数据库集群", "NP", ""),
        ("上海", "NP", ""),
    }
    told = load_annotator(Annotator()).describe()
    assert told.startswith("no spaCy model: entities by jieba's parts of speech in lines with Chi")


def test_without_a_model_latin_text_has_what_the_gazetteer_says() -> None:
    gazetteer = Gazetteer(
        patterns='{"label": "GPE", "pattern": [{"LOWER": "new"}, {"LOWER": "york"}]}\n'
        '{"label": "ORG", "pattern": "York Union", "id": "Q7"}\n'
    )
    names = found(Annotator(gazetteer=gazetteer), "entities", "In NEW York\nUnion of York Union.")
    assert names == {("NEW York", "GPE", ""), ("York Union", "ORG", "Q7")}


@pytest.mark.parametrize(
    ("ignore_case", "names"),
    [
        (False, {("北京大学", "ENTITY", "Q1"), ("Go", "ENTITY", "Q3")}),
        (True, {("北京大学", "ENTITY", "Q1"), ("Go", "ENTITY", "Q3"), ("go", "ENTITY", "Q3")}),
    ],
)
def test_surface_forms(ignore_case: bool, names: set[tuple[str, str, str]]) -> None:
    """The longest stays, the first id counts, and no Latin word is found inside another."""
    surfaces = "北京\tQ2\n北京大学\tQ1\n北京大学\tQ9\nGo\tQ3\n"
    annotator = Annotator(gazetteer=Gazetteer(surfaces=surfaces, ignore_case=ignore_case))
    assert found(annotator, "entities", "去北京大学学Go语言，Google go") >= names
    assert not {word for word, _, name in names if name == "Q2"}


@pytest.mark.parametrize(
    ("gazetteer", "message"),
    [
        (Gazetteer(patterns='{"label": "X"}'), "line 1 is not a pattern such as"),
        (Gazetteer(patterns="\nno json"), "line 2 is not a pattern such as"),
        (Gazetteer(patterns='{"label":"X","pattern":[{"POS":"NOUN"}]}'), "uses POS, which"),
        (Gazetteer(surfaces="a\tQ1\nb Q2"), "line 2 is not a surface form, a tab and an id: 'b Q"),
    ],
)
def test_a_gazetteer_that_cannot_be_read(gazetteer: Gazetteer, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        load_annotator(Annotator(gazetteer=gazetteer))


def test_missing_model_is_told_in_one_sentence() -> None:
    with pytest.raises(AnnotationError) as raised:
        load_annotator(Annotator(spacy_model="xx_no_such_model"))
    assert "the spaCy model 'xx_no_such_model' cannot be loaded" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_trained_pipeline() -> None:
    annotator = Annotator(spacy_model=trained_model())
    text = "Peter Lund lives in New York .\nwe saw Ida Holm again ."
    assert found(annotator, "entities", text) == {
        ("Peter Lund", "PERSON", ""),
        ("New York", "PLACE", ""),
        ("Ida Holm", "PERSON", ""),
    }
    assert {word for word, _, _ in found(annotator, "phrases", text)} == {
        "Peter Lund",
        "New York",
        "Ida Holm",
    }
    loaded = load_annotator(annotator)
    assert loaded.sources == {"entities": "ner", "phrases": "pos"}
    assert len(loaded.identity["model"]["sha256"]) == 64


def test_the_gazetteer_wins_over_the_model() -> None:
    gazetteer = Gazetteer(surfaces="Lund lives\tQ5\n")
    annotator = Annotator(spacy_model=trained_model(), gazetteer=gazetteer)
    names = found(annotator, "entities", "Peter Lund lives in New York .")
    assert names == {("Lund lives", "ENTITY", "Q5"), ("New York", "PLACE", "")}


def test_rules_that_the_model_has_not() -> None:
    with pytest.raises(AnnotationError, match="lacks a parser and noun chunks"):
        load_annotator(Annotator(spacy_model=trained_model(), phrases="noun-chunks"))
    with pytest.raises(AnnotationError, match="phrases by 'pos' need a spaCy model"):
        load_annotator(Annotator(phrases="pos"))
    assert not found(Annotator(phrases="none"), "phrases", "数据库集群在上海。")


def test_a_piece_is_a_line_and_a_very_long_line_is_cut() -> None:
    line, spaced = b"word " * 100 + b"\n", b"word " * PIECE_BYTES + b"\n"
    data = np.frombuffer(line * 3 + spaced + "中".encode() * 3 * PIECE_BYTES + b"\n", np.uint8)
    borders = piece_borders(data)
    assert borders[:4].tolist() == [0, 501, 1002, 1503]
    assert borders[-1] == len(data)
    assert np.diff(borders).max() <= 2 * PIECE_BYTES
    end = 1503 + len(spaced)
    assert (data[borders[(borders > 1503) & (borders < end)] - 1] == ord(" ")).all()
    assert {data[each] for each in borders[borders >= end][:-1]} == {0xE4}
    assert piece_borders(data[:0]).tolist() == [0]


def test_no_span_crosses_a_line_or_begins_with_a_space() -> None:
    gazetteer = Gazetteer(patterns='{"label": "X", "pattern": [{"ORTH": "a"}, {}, {"ORTH": "b"}]}')
    annotator = Annotator(gazetteer=gazetteer)
    assert found(annotator, "entities", "a\nb\na c b") == {("a c b", "X", "")}


def spans(*values: tuple[int, int, str]) -> LabelledSpans:
    starts, ends, labels = zip(*values, strict=True)
    return LabelledSpans(np.array(starts), np.array(ends), list(labels), [""] * len(labels))


def test_what_overlaps_apreferred_span_goes() -> None:
    both = prefer(
        spans((4, 8, "a"), (20, 21, "a")),
        spans((0, 4, "b"), (5, 6, "b"), (7, 9, "b"), (8, 10, "b"), (15, 30, "b"), (30, 31, "b")),
    )
    assert list(zip(both.starts.tolist(), both.labels, strict=True)) == [
        (0, "b"),
        (4, "a"),
        (8, "b"),
        (20, "a"),
        (30, "b"),
    ]


def test_stored_spans_are_found_by_key_in_whatever_order(tmp_path: Path) -> None:
    documents = [f"第{number}个城市是上海和北京。" for number in range(40)]
    text = text_of(*documents)
    annotator = Annotator()
    every = annotator.spans(text, ["entities"])
    (tmp_path / "annotations").mkdir()
    number = text.keys.copy().view("<u8")[:, 0] % 3
    paths = []
    for index in range(3):
        kept = [
            d for d, where in zip(sorted_documents(text), number, strict=True) if where == index
        ]
        part = text_of(*kept)
        batch = annotation_batch(part, annotator.spans(part, ["entities"]))
        assert batch.schema == annotation_schema(["entities"])
        paths.append(f"annotations/{index}.arrow")
        write_arrow([batch], batch.schema, str(tmp_path / paths[-1]))
    stored = StoredAnnotations(folder=str(tmp_path), paths=tuple(paths))
    again = stored.spans(text, ["entities"])["entities"]
    assert len(again) >= 80
    assert again.starts.tolist() == every["entities"].starts.tolist()
    assert again.ends.tolist() == every["entities"].ends.tolist()
    other = text_of(*documents[:5], "上海")
    with pytest.raises(AnnotationError, match=r"1 of 6 documents are not in "):
        stored.spans(other, ["entities"])


def sorted_documents(text: ShardText) -> list[str]:
    borders = [*text.document_starts.tolist(), len(text.data)]
    raw = text.data.tobytes()
    return [raw[begin : end - 1].decode() for begin, end in itertools.pairwise(borders)]


def test_rows_hold_bytes_of_their_document() -> None:
    text = dataclasses.replace(
        text_of("一二三", "四五六七"), document_starts=np.array([0, 10], np.int64)
    )
    labelled = LabelledSpans(np.array([3, 13]), np.array([6, 19]), ["b", "a"], ["", "Q1"])
    batch = annotation_batch(text, {"entities": labelled})
    assert batch.column("entities").to_pylist() == [
        [{"start": 3, "end": 6, "label": "b", "id": ""}],
        [{"start": 3, "end": 9, "label": "a", "id": "Q1"}],
    ]
    moved = column_spans(batch.column("entities"), np.array([100, 0]))
    assert (moved.starts.tolist(), moved.ends.tolist()) == ([103, 3], [106, 9])
