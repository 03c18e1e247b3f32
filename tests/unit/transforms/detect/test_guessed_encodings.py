"""Encodings are told by a few words, and a wrong --encoding is told before text is made of it."""

import gzip
import io
import json

import pytest

from transforms.detect.content_checks import enabled_checks
from transforms.detect.encodings import check_encoding, guess_encoding
from transforms.files.inputs import input_file, plan_ranges
from transforms.files.planned_file import ReadError
from transforms.read.formats import read_range

CHINESE = "他说：“今天的天气很好，我们去公园散步吧。”\n于是大家都出门了，路上遇见了许多老朋友。\n\n"
TAIWAN = "他說：「今天的天氣很好，我們去公園散步吧。」\n於是大家都出門了，路上遇見許多老朋友。\n\n"
JAPANESE = "これは日本語の文章です。\n私は学校へ行きます。\n\n"
ENGLISH = "The mill stood by the river.\nNobody had worked there for years.\n\n"


@pytest.mark.parametrize(
    ("text", "encoding", "told"),
    [
        ("你好，世界", "gbk", "gb18030"),
        ("你好", "gbk", "gb18030"),
        ("我们去公园吧\n", "gb2312", "gb18030"),
        (CHINESE, "gb18030", "gb18030"),
        ("繁體中文", "big5", "big5"),
        (TAIWAN, "big5hkscs", "big5"),
        ("これは本です", "euc_jp", "euc-jp"),
        ("これは本です", "shift_jis", "shift_jis"),
        ("안녕하세요. 저는 학생입니다.", "euc_kr", "euc-kr"),
        ("Привет, как дела? Это русский текст.", "cp1251", "cp1251"),
        ("Le café était très agréable, déjà.", "cp1252", "cp1252"),
        ("Le café était très agréable.\n" * 9, "cp1252", "cp1252"),
        ("Die Mühle stand am Fluß, größer als früher.", "cp1252", "cp1252"),
        ("He said “come in” and didn’t.", "cp1252", "cp1252"),
        ("Młyn stał nad rzeką. Nikt tam nie pracował, a koło stało.", "cp1250", "cp1250"),
        (JAPANESE, "iso2022_jp", "iso2022_jp"),
        (CHINESE, "hz", "hz"),
        (CHINESE, "utf-7", "utf-7"),
        (CHINESE, "utf-16", "utf-16"),
        ("\ufeff" + ENGLISH, "utf-16-be", "utf-16"),
        (ENGLISH, "utf-32-be", "utf-32-be"),
        (CHINESE.replace("\n", ""), "utf-16-le", "utf-16-le"),
    ],
)
def test_guesses(text: str, encoding: str, told: str) -> None:
    assert guess_encoding(text.encode(encoding)) == told


@pytest.mark.parametrize(
    "text",
    [
        "a ~{ b ~} c\n~{x~}\n",
        "C++ and a+b-c, 1+1=2, +Windows-\n",
        "\x1b[31mred\x1b[0m\n",
        ENGLISH,
        "see https://a.b/c+d/e+f==\n",
    ],
)
def test_ascii_is_ascii(text: str) -> None:
    assert guess_encoding(text.encode()) is None


def read(data: bytes, name: str, encoding: str) -> list[str]:
    encoding = check_encoding(encoding)
    file = input_file(name, len(data), encoding=encoding)
    [part] = plan_ranges([file], checks=enabled_checks("auto", encoding))
    batches = list(read_range(io.BytesIO(data), part))
    assert not any(batch.rejected for batch in batches)
    return [text.decode() for batch in batches for text in batch.texts]


@pytest.mark.parametrize(
    ("text", "stored", "named", "told"),
    [
        (
            CHINESE,
            "utf-16-be",
            "utf-16",
            "looks like utf-16-be, not utf-16; give --encoding utf-16-be",
        ),
        (CHINESE, "utf-16-be", "utf-16-le", "looks like utf-16-be, not utf-16-le"),
        ("\ufeff" + CHINESE, "utf-16-be", "utf-16-le", "looks like utf-16, not utf-16-le"),
        (ENGLISH, "utf-16", "gb18030", "looks like utf-16, not gb18030"),
        (ENGLISH, "utf-8", "utf-16", "is UTF-8, not utf-16; read it without --encoding"),
        (ENGLISH, "utf-8", "utf-16-le", "is UTF-8, not utf-16-le; read it without --encoding"),
        (CHINESE, "gbk", "utf-16", "looks like gb18030, not utf-16"),
        (CHINESE, "utf-8", "gbk", "is UTF-8, not gbk"),
        (
            TAIWAN,
            "big5",
            "gb18030",
            "cannot be read as gb18030 and looks like big5; give --encoding",
        ),
        (
            "“Come in” – “no”\n",
            "cp1252",
            "latin-1",
            "cannot be read as iso8859-1 and looks like cp1252",
        ),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_wrong_names_are_told(
    text: str, stored: str, named: str, told: str, compressed: bool
) -> None:
    data = (text * 9).encode(stored)
    name, data = ("a.txt.gz", gzip.compress(data)) if compressed else ("a.txt", data)
    with pytest.raises(ReadError, match=rf"^{name} {told}"):
        read(data, name, named)


def test_a_codec_that_wants_a_mark_fails_the_file() -> None:
    data = CHINESE.encode("utf-16-le")
    [part] = plan_ranges([input_file("a.txt", len(data), encoding="utf-16")])
    with pytest.raises(ReadError, match=r"^a\.txt cannot be read as text: UTF-16 stream"):
        list(read_range(io.BytesIO(data), part))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-8", "gb18030"])
def test_marks_are_dropped(encoding: str) -> None:
    assert read(("\ufeff" + CHINESE).encode(encoding), "a.txt", encoding) == [CHINESE.strip()]
    lines = "\ufeff" + json.dumps({"text": "好的"}, ensure_ascii=False)
    assert read(lines.encode(encoding), "a.jsonl", encoding) == ["好的"]
