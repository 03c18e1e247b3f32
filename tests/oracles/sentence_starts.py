"""Full sentences packed slowly, one token after the other, with where sentences begin."""

from collections.abc import Sequence

Sentence = Sequence[tuple[int, bool]]
"""Tokens of a sentence: id, and whether a word begins."""
Item = list[tuple[int, bool]]
"""Tokens of what is packed: id, and whether a sentence begins."""


def rows_of(
    documents: Sequence[Sequence[Sentence]],
    ends_line: Sequence[Sequence[bool]],
    room: int,
    separator: int,
    *,
    cross_documents: bool,
    end_lines: bool,
    end_documents: bool,
) -> list[Item]:
    """Returns the inner tokens of each row.

    Args:
      documents: Their sentences.
      ends_line: Whether a sentence is the last of its line.
      room: Most tokens of a row, without those of the layout.
      separator: Its id.
      cross_documents, end_lines, end_documents: Of `FullSentences`.
    """
    rows: list[Item] = []
    row: Item = []
    for document, lines in zip(documents, ends_line, strict=True):
        items: list[Item] = []
        for sentence, last in zip(document, lines, strict=True):
            tokens = [(token, number == 0) for number, (token, _) in enumerate(sentence)]
            words = [word for _, word in sentence]
            if end_lines and last:
                tokens.append((separator, False))
                words.append(False)
            items += cut(tokens, words, room)
        if end_documents and cross_documents:
            items.append([(separator, False)])
        for item in items:
            if row and len(row) + len(item) > room:
                rows.append(row)
                row = []
            row = row + item
        if row and not cross_documents:
            rows.append(row)
            row = []
    rows += [row] if row else []
    return rows if cross_documents else [row for row in rows if len(row) > 1]


def cut(tokens: Item, words: Sequence[bool], room: int) -> list[Item]:
    """Cuts an item that has no room, each time at the last word that still begins within it."""
    pieces = []
    begin = 0
    while len(tokens) - begin > room:
        fitting = [at for at in range(begin + 1, begin + room + 1) if words[at]]
        end = fitting[-1] if fitting else begin + room
        pieces.append(tokens[begin:end])
        begin = end
    return [*pieces, tokens[begin:]]
