"""Words of a line by the rule of `transforms.text.separate_words`, with regular expressions."""

import re
import unicodedata

import rjieba

_IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_HAS_IDEOGRAPH = re.compile(f"[{_IDEOGRAPHS}]")


def words_of_line(line: str) -> list[str]:
    """Returns the words of a line of ASCII, Latin letters, common punctuation and ideographs.

    jieba must not cut a run of letters or digits in two.
    """
    words: list[str] = []
    rest = ""
    for piece in rjieba.cut(line):
        if _HAS_IDEOGRAPH.search(piece):
            words += [*_plain(rest), piece]
            rest = ""
        else:
            rest += piece
    return [*words, *_plain(rest)]


def _plain(text: str) -> list[str]:
    number = r"\d+(?:[,:]\d+)*"
    part = rf"(?:{number}|[^\W_]|_)+"
    found = re.findall(rf"{part}(?:['’\-.]{part})*|\S", text)
    assert all(unicodedata.is_normalized("NFC", word) for word in found)
    return found
