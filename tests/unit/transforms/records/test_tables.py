"""Tables and CoNLL files as records."""

import io

import pytest

from transforms.files.planned_file import FormatError
from transforms.records.tables import Found, conll_records, table_records


def table(kind: str, data: bytes, *columns: str, limit: int = 99) -> list[Found]:
    return list(table_records(io.BytesIO(data), f"x.{kind}", kind, columns, limit))


def test_tsv_has_no_quotes() -> None:
    found = table("tsv", b'\xef\xbb\xbfid\ttext\r\n1\t"a\r\n\r\n2\tb "c"\t\n3\tb\n')
    assert [(offset, record, reason) for offset, _, record, reason in found] == [
        (12, {"id": "1", "text": '"a'}, ""),
        (20, {}, "wrong_number_of_columns"),
        (29, {"id": "3", "text": "b"}, ""),
    ]


def test_columns_may_be_named() -> None:
    found = table("tsv", b"gj04\t1\t\tOur friends.\n", "source", "label", "star", "text")
    assert found[0][2] == {"source": "gj04", "label": "1", "star": "", "text": "Our friends."}


def test_csv_has_quotes() -> None:
    found = table("csv", b'a,b\n"x, ""y""","two\nlines"\n1\n\n"\xff",2\nlast,3')
    assert [(offset, record, reason) for offset, _, record, reason in found] == [
        (4, {"a": 'x, "y"', "b": "two\nlines"}, ""),
        (27, {}, "wrong_number_of_columns"),
        (30, {}, "invalid_utf8"),
        (36, {"a": "last", "b": "3"}, ""),
    ]


def test_a_quote_that_never_ends_is_rejected() -> None:
    found = table("csv", b'a,b\n1,2\n"x,3\n4,5\n')
    assert [reason for *_, reason in found] == ["", "broken_csv"]
    assert found[1][0] == 8


def test_columns_have_different_names() -> None:
    with pytest.raises(FormatError, match="two columns called 'a'"):
        table("csv", b"a,b,a\n1,2,3\n")
    assert table("csv", b",b,\n0,2,3\n")[0][2]["b"] == "2"


def test_long_lines_are_rejected() -> None:
    found = table("tsv", b"a\tb\n1\t%b\n2\t3\n" % (b"x" * 200), limit=50)
    assert [(record, reason) for *_, record, reason in found] == [
        ({}, "line_too_long"),
        ({"a": "2", "b": "3"}, ""),
    ]


def test_conll_has_sentences() -> None:
    data = (
        "-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n\n"
        "中 X X B\n \nx O\ny z O\n\n你\tO"
    )
    found = list(conll_records(io.BytesIO(data.encode()), (), 99))
    assert [record for *_, record, _ in found] == [
        {"words": ["EU", "rejects"], "tags": ["B-ORG", "O"]},
        {"words": ["中"], "tags": ["B"]},
        {},
        {"words": ["你"], "tags": ["O"]},
    ]
    assert [reason for *_, reason in found] == ["", "", "wrong_number_of_columns", ""]
    assert found[0][:2] == (20, b"EU NNP B-NP B-ORG\nrejects VBZ B-VP O\n")


def test_columns_of_conll_may_be_named() -> None:
    [found] = conll_records(io.BytesIO(b"EU NNP B-ORG\n"), ("words", "pos", "ner"), 99)
    assert found[2] == {"words": ["EU"], "pos": ["NNP"], "ner": ["B-ORG"]}
    [found] = conll_records(io.BytesIO(b"EU NNP\n"), ("words", "pos", "ner"), 99)
    assert found[3] == "wrong_number_of_columns"


def test_other_white_space_is_a_word() -> None:
    [found] = conll_records(io.BytesIO("\u3000 O\n中  O \n".encode()), (), 99)
    assert found[2] == {"words": ["\u3000", "中"], "tags": ["O", "O"]}


def test_words_without_a_class_have_one_column() -> None:
    [found] = conll_records(io.BytesIO(b"EU\nrejects\n"), (), 99)
    assert found[2] == {"words": ["EU", "rejects"]}
