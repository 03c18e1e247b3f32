"""Detects markup, web archives and separators of documents in files that are named as text."""

import re

WEB_ARCHIVE = "a web archive (WARC)"

_WARC = re.compile(r"WARC/\d\.\d\r?\nWARC-")
_HTML = re.compile(r"<!doctype\s+html|<(html|head|body)[\s>]", re.IGNORECASE)
_XML = re.compile(r"<\?xml\s|<mediawiki[\s>]", re.IGNORECASE)
_TAG = re.compile(r"</?([A-Za-z][\w:.-]*)(?:\s[^<>]*)?/?>")
_MIN_TAGS = 3
# Behind a line end or the end of a sentence, and not between words that speak of it.
_SEPARATOR = re.compile(
    r"(?:^|(?<=[.!?…。！？”]))(<\|(?:endoftext|end_of_text)\|>)(?=[^\s.,;:]|[ \t\r]*$)",
    re.MULTILINE,
)
_MIN_SEPARATORS = 2


def markup_kind(text: str) -> str | None:
    r"""Returns the kind of markup that a text looks like, None if it looks like none.

    >>> markup_kind("<!-- a page -->\n<html><body>")
    'HTML'
    >>> markup_kind("<doc>\nOne document.\n</doc>\n") is None
    True

    Args:
      text: The beginning of a file.

    Returns:
      `WEB_ARCHIVE`, "HTML", "XML" or "HTML or XML".
    """
    if _WARC.match(text):
        return WEB_ARCHIVE
    text = _without_comments(text)
    if _HTML.match(text):
        return "HTML"
    if _XML.match(text):
        return "XML"
    if not _TAG.match(text):
        return None
    # Plain text may have a tag around each document, speakers in brackets, or "<unk>".
    found = list(_TAG.finditer(text))
    names = [each[1] for each in found]
    closed = any("/" in (each[0][1], each[0][-2]) for each in found)
    many = closed and len(names) * 20 > max(text.count("\n"), 60)
    return "HTML or XML" if many and len(set(names)) >= _MIN_TAGS else None


def document_separator(text: str) -> str | None:
    r"""Returns the token that is written between the documents of a text, None if there is none.

    >>> document_separator("One.<|endoftext|>Two.\n<|endoftext|>\nThree.\n")
    '<|endoftext|>'
    >>> document_separator("GPT-2 ends a text with <|endoftext|>, and <|endoftext|> is 50256.")

    Args:
      text: The beginning of a file.
    """
    if "<|end" not in text:
        return None
    found: list[str] = _SEPARATOR.findall(text)
    return found[0] if len(found) >= _MIN_SEPARATORS else None


def _without_comments(text: str) -> str:
    """Returns a text without leading white space and comments."""
    place = 0
    while True:
        while place < len(text) and text[place].isspace():
            place += 1
        if not text.startswith("<!--", place):
            return text[place:]
        end = text.find("-->", place)
        if end < 0:
            return text[place:]
        place = end + 3
