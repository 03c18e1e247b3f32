"""Tables and JSON under the name of text are told from prose that has commas, tabs and brackets."""

import csv
import io
import json
from collections.abc import Sequence

import pytest

from transforms.detect.json_kinds import LINES, NO_OBJECTS, OBJECTS, json_kind
from transforms.detect.stored_checks import HEAD_BYTES
from transforms.detect.tables import table_kind

TSV, CSV, TAGGED = "tab-separated values", "CSV", "labelled words (CoNLL)"
ENGLISH = [
    f"The mill stood by the river, and nobody, for {n} years, had said: “come in”."
    for n in range(60)
]
CHINESE = [
    f"他说：“今天天气很好，我们去公园散步吧。”于是大家都出门了，共{n}人。" for n in range(60)
]


def written(rows: Sequence[Sequence[object]], delimiter: str = ",", quoting: int = 0) -> str:
    sink = io.StringIO()
    csv.writer(sink, delimiter=delimiter, quoting=quoting).writerows(rows)
    return sink.getvalue()


def named(names: Sequence[str], texts: Sequence[str], delimiter: str = ",") -> str:
    """A table of text in the last column, with labels in front."""
    rows = [("good", "bad")[n % 2 :] for n in range(len(texts))]
    body = [[row[0]] * (len(names) - 1) + [text] for row, text in zip(rows, texts, strict=True)]
    return written([names, *body], delimiter)


TABLES = {
    "labels and text": (named(["label", "text"], ENGLISH), CSV),
    "text and labels": (written([["text", "label"], *([x, 1] for x in ENGLISH)]), CSV),
    "no header": (named(["good", ENGLISH[0]], ENGLISH), CSV),
    "Chinese header": (named(["标签", "文本"], CHINESE), CSV),
    "Chinese without header": (named(["好", CHINESE[0]], CHINESE), CSV),
    "text of several lines": (named(["id", "text"], [x.replace(",", ",\n") for x in ENGLISH]), CSV),
    "text of paragraphs": (named(["title", "body"], ["\n\n".join(ENGLISH[:3])] * 9), CSV),
    "rows longer than the head": (named(["title", "body"], ["\n\n".join(ENGLISH * 20)] * 3), CSV),
    "one column": (written([["text"], *([x] for x in ENGLISH)]), CSV),
    "all in quotes": (
        written([["a", "b"], *([n, x] for n, x in enumerate(ENGLISH))], quoting=1),
        CSV,
    ),
    "nothing in quotes": ("id,text\n" + "".join(f"{n},{x}\n" for n, x in enumerate(ENGLISH)), CSV),
    "quotes of nobody": ('id,text\n1,He said "come"\n2,"Come" he said\n', CSV),
    "semicolons": (named(["id", "text"], ENGLISH, ";"), CSV),
    "bars": ("".join(f"LJ{n:03}|{x}|{x}\n" for n, x in enumerate(ENGLISH)), CSV),
    "an index without a name": (
        written([["", "t"], *([n, x] for n, x in enumerate(ENGLISH))]),
        CSV,
    ),
    "dates": (
        written([["when", "x"], *([f"2020-01-{n:02}", x] for n, x in enumerate(ENGLISH))]),
        CSV,
    ),
    "two rows": ("id,text\n1,hello there\n", CSV),
    "tabs and numbers": ("".join(f"{n}\t{x}\n" for n, x in enumerate(ENGLISH)), TSV),
    "tabs and quotes": ("".join(f'{n}\t"Come" he said\n' for n in range(9)), TSV),
    "tabs and an open quote": ("".join(f'{n}\t"{x}\n' for n, x in enumerate(CHINESE)), TSV),
    "tabs and labels": (named(["x", "y"], ENGLISH, "\t"), TSV),
    "tabs and labels behind": ("".join(f"{x}\t{n % 2}\n" for n, x in enumerate(CHINESE)), TSV),
    "tabs, now and then more": (
        "".join(f"{n}\t{x}{'' if n % 7 else chr(9)}\n" for n, x in enumerate(ENGLISH)),
        TSV,
    ),
    "two rows of tabs": ("label\ttext\n1\tHello there\n", TSV),
    "parallel text": ("".join(f"{x}\t{y}\n" for x, y in zip(ENGLISH, CHINESE, strict=True)), TSV),
    "questions": ("".join(f"Who is {n}?\tNobody\n" for n in "abcdef"), TSV),
    "empty fields": ("".join(f"{n}\t\t{x}\t\n" for n, x in enumerate(ENGLISH)), TSV),
    "an empty first field": ("".join(f"\t{n}\t{x}\n" for n, x in enumerate(ENGLISH)), TSV),
    "CoNLL": (
        "EU B-ORG\nrejects O\nGerman B-MISC\ncall O\n\nPeter B-PER\nBlackburn I-PER\n",
        TAGGED,
    ),
    "CoNLL of tabs": ("我\tO\n在\tO\n北\tB-LOC\n京\tI-LOC\n住\tO\n。\tO\n\n你\tO\n", TAGGED),
    "CoNLL of spaces": ("我\tO\n" * 20 + " \tO\n" + "京\tI-LOC\n", TAGGED),
    "below a comment": (f"# of 2020\n{named(['label', 'text'], ENGLISH)}", CSV),
    "CoNLL-U": (
        "".join(f"# text = x\n1\tThe\tthe\tDET\t{n}\n2\tmill\tmill\tNOUN\t0\n\n" for n in range(9)),
        TSV,
    ),
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_tables(table: str, ends: str) -> None:
    text, kind = TABLES[table]
    text = text.replace("\r\n", "\n").replace("\n", ends)
    assert table_kind(text[:HEAD_BYTES], whole=len(text) < HEAD_BYTES) == kind


@pytest.mark.parametrize("table", [each for each in TABLES if TABLES[each][0].count("\n") > 50])
def test_tables_of_which_only_the_head_is_seen(table: str) -> None:
    text, kind = TABLES[table]
    assert table_kind(text[: 2 * len(text) // 3], whole=False) == kind


NO_TABLES = {
    "a glossary": "abandon\tto leave behind\nability\tthe power to do\nable\thaving the power\n"
    * 9,
    "a Chinese glossary": "磨坊\t磨面的地方\n河\t水流\n公园\t供人散步的地方\n朋友\t彼此友好的人\n",
    "a glossary of letters": "".join(
        f"{a}{b}\tmeaning of {b} and {a}\n" for a in "abc" for b in "xyz"
    ),
    "a bilingual glossary": "mill\t磨坊\nriver\t河\npark\t公园\nfriend\t朋友\n",
    "a play": "HAMLET:\tTo be,\nOPHELIA:\tGood my lord,\nHAMLET:\tI humbly thank you.\n" * 5,
    "numbered": "1.\tFirst of all\n2.\tSecond\n3.\tThird\n",
    "verses": "1:1\tIn the beginning was the word.\n1:2\tThe same was there.\n1:3\tAll were.\n",
    "verses of books": "John 1:1\tIn the beginning.\nJohn 1:2\tThe same.\n1 John 1:1\tThat.\n",
    "a transcript": "00:01\tHello there.\n00:05,2\tHow are you?\n1:00:09.120\tFine.\n",
    "lettered": "(a)\tFirst of all\n(b)\tSecond\n(c)\tThird\n",
    "bullets": "•\tFirst of all\n•\tSecond\n•\tThird\n" * 4,
    "indented": "\tOnce upon a time\n\tthere was a mill\n\tby the river\n",
    "a tab now and then": "Once\tupon a time\nthere was a mill\nby the river\nand so on\n",
    "assembly": "main:\n\tpush\trbp\n\tmov\trbp, rsp\n\tmov\teax, 0\n\tret\n",
    "a Makefile": "all: a b\n\tcc -o a\n\tcc -o b\n\nclean:\n\trm a b\n",
    "verse": "Tyger Tyger, burning bright,\nIn the forests, of the night,\n",
    "verse of one comma": "Roses are red, violets blue\nSugar is sweet, so are you\n" * 30,
    "verse without spaces": "Roses are so red,violets are blue\nAll is well now,so are you\n",
    "couplets": "床前明月光,疑是地上霜\n举头望明月,低头思故乡\n" * 30,
    "full width": "第一，我们去；第二，你来。\n第一，我们去；第二，你来。\n",
    "speech": '"Yes," he said, "no."\n"No," she said, "yes."\n',
    "speeches": '"Come in."\n"I will, thank you."\n"Sit down, please."\n',
    "a speech that does not end": '"Come in, he said.\n\n"And sit, he said.\n',
    "code": "for (i = 0; i < n; i++)\n  a[i] = b[i], c[i];\nint a, b;\n",
    "Markdown table": "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n",
    "Markdown table without bars outside": "a | b\n---|---\n1 | 2\n",
    "a grammar": "expr ::= term|sum\nterm ::= number|name\nsum ::= expr|term\n",
    "names": "Smith, John\nJones, Mary\nBrown, Ann\n",
    "one column": "apple\npear\nplum\n苹果\n",
    "contents": "Chapter 1: The mill\nChapter 2: The river\n",
    "a column named text": "text\nis what we read\nand write\n",
    "title, author": "The Mill, by George Eliot\n\nOnce, long ago, there was a mill, a river.\n"
    * 9,
    "a log": "12:01 started, ok\n12:02 working\n12:05 done, bye, see you\n",
    "letters of O": "A man O\nand then O\nLast O is here\n",
}


@pytest.mark.parametrize("prose", NO_TABLES)
@pytest.mark.parametrize("whole", [True, False])
def test_no_tables(prose: str, whole: bool) -> None:
    assert table_kind(NO_TABLES[prose], whole=whole) is None


ROWS = [{"id": n, "text": text} for n, text in enumerate(ENGLISH)]
JSON = {
    "lines": ("\n".join(map(json.dumps, ROWS)), LINES),
    "lines with a broken one": ('{"text": "a\n' + "\n".join(map(json.dumps, ROWS)), LINES),
    "lines with a comment": ("// mine\n" + "\n".join(map(json.dumps, ROWS)), LINES),
    "lines with blank ones": ("\n\n" + "\r\n\r\n".join(map(json.dumps, ROWS)), LINES),
    "one line": ('{"text": "a"}', LINES),
    "an array": (json.dumps(ROWS), OBJECTS),
    "a printed array": (json.dumps(ROWS, indent=1), OBJECTS),
    "a printed object": (json.dumps({"data": ROWS}, indent=1), OBJECTS),
    "printed objects": ("\n".join(json.dumps(row, indent=1) for row in ROWS), OBJECTS),
    "an array of texts": (json.dumps(ENGLISH), NO_OBJECTS),
    "lines of arrays": ("\n".join(json.dumps([x, x]) for x in ENGLISH), NO_OBJECTS),
    "lines of texts": ("\n".join(map(json.dumps, CHINESE)), NO_OBJECTS),
}


@pytest.mark.parametrize("name", JSON)
def test_json(name: str) -> None:
    text, kind = JSON[name]
    assert json_kind(text, whole=True) == kind
    if len(text) > 1000:
        assert json_kind(text[: len(text) // 2], whole=False) == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (json.dumps({"text": "x" * 9999}), OBJECTS),
        (json.dumps([{"text": "x" * 9999}]), OBJECTS),
        (json.dumps(["x" * 9999]), NO_OBJECTS),
    ],
)
def test_json_of_which_not_one_line_is_whole(text: str, kind: str) -> None:
    assert json_kind(text[:5000], whole=False) == kind


@pytest.mark.parametrize(
    "text",
    [
        "{sic} he wrote\n{and so on}\n",
        "[1] See there\n[2] And there\n",
        "[1]\n[2]\n[3]\n",
        "[1, 2, 3]\n",
        "[sic]\n",
        "{}\n",
        "[]\n",
        '["Hello," he said]\n',
        '"Come in."\n"I will."\n"Sit down."\n',
        '{"a": 1}\nis an object, and\n{"b": 2}\nis another one.\n',
        '{"name": "x"} is what we send.\n',
        "[link](http://a.b) and [[another]]\n",
        "{{Infobox|name=x}}\nThe mill is {{old}}.\n",
        "{% if x %}\nThe mill\n{% endif %}\n",
        "{\n  foo: 1,\n  bar: [2]\n}\n",
        '{"a", "b"}\n{"c", "d"}\n',
        "['a', 'b']\n['c']\n",
    ],
)
def test_no_json(text: str) -> None:
    assert json_kind(text, whole=True) is None
    assert json_kind(text * 300, whole=False) is None
