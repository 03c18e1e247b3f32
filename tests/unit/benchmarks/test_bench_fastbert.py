from pathlib import Path

from benchmarks.fastbert import sentences


def test_sentences_have_the_first_kind_of_name_in_them(tmp_path: Path) -> None:
    path = tmp_path / "text.bio"
    text = "我 O\n去 O\n北 B-LOC\n京 I-LOC\n\n王 B-PER\n在 O\n京 B-LOC\n\n好 O\n\n\n"
    path.write_text(text, "utf-8")
    assert list(sentences(path)) == [
        {"text": "我去北京", "label": "LOC"},
        {"text": "王在京", "label": "PER"},
        {"text": "好", "label": "none"},
    ]
