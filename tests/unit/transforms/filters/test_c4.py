import pytest

from schemas.documents import document_batch
from transforms.filters.c4 import C4Lines, C4Quality

SENTENCES = "One is here. Two is there! Is three?"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("This line has five words.", ""),
        ('He said to me: "come here."', ""),
        ("他说：“今天天气很好，我们出去玩。”", ""),
        ("Home About Contact Us Sitemap Login", "no_terminal_mark"),
        ("This line is cut off somewhere...", "no_terminal_mark"),
        ("Only four words here.", "few_words"),
        ("今天很好。", "few_words"),
        ("Please enable JavaScript to see this page.", "javascript"),
        ("By going on you accept our Terms of Use.", "policy"),
        ("我们的隐私政策说明了我们怎样使用你的信息。", "policy"),
    ],
)
def test_a_line_is_kept_or_removed(line: str, reason: str) -> None:
    kept = "This is a line of text."
    found = C4Lines().examine(document_batch([f"{line}\n{kept}".encode()]))
    assert found.texts is not None
    assert found.texts.to_pylist() == [(kept if reason else f"{line}\n{kept}").encode()]
    assert {name for name, count in found.removed.items() if count} == (
        {reason} if reason else set()
    )
    assert found.codes.tolist() == [0]


def test_a_document_without_a_line_is_dropped_and_its_lines_are_not_counted() -> None:
    found = C4Lines().examine(document_batch([b"Menu\nHome", b"Menu\nThis is a line of text."]))
    assert found.codes.tolist() == [1, 0]
    assert found.removed["no_terminal_mark"] == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SENTENCES, ""),
        ("一句话。两句话！三句话？", ""),
        (f"{SENTENCES} Lorem Ipsum dolor.", "lorem_ipsum"),
        (f"{SENTENCES} function() {{ return 1. }}", "curly_bracket"),
        ("One is here. Two is there", "few_sentences"),
        ("Version 1.2.3.4 of it", "few_sentences"),
    ],
)
def test_a_document_is_kept_or_dropped(text: str, reason: str) -> None:
    [code] = C4Quality().examine(document_batch([text.encode()])).codes.tolist()
    assert (C4Quality.reasons[code - 1] if code else "") == reason
