"""The slow obvious way to find the tokens of character spans: offsets of every sentence alone."""

from tokenizers import Tokenizer

from schemas.records import ShardText
from tests.oracles.encoding import (
    in_run,
    is_blank,
    prefixed_tokens,
    sentences_of,
    space_mark,
)


def project_slowly(
    shard: ShardText, spans: list[tuple[int, int]], tokenizer: Tokenizer
) -> list[int]:
    """Returns the mark of every token.

    Args:
      shard: Text with its sentences.
      spans: Half-open, ascending, disjoint ranges of characters of the whole shard.
      tokenizer: Encodes each sentence.
    """
    tokenizer = Tokenizer.from_str(tokenizer.to_str())
    tokenizer.encode_special_tokens = True
    owner = {at: index for index, (begin, end) in enumerate(spans) for at in range(begin, end)}
    marks: list[int] = []
    position = 0
    for sentence in sentences_of(shard):
        text, before = sentence.rstrip("\n"), None
        encoding = tokenizer.encode(text, add_special_tokens=False)
        if is_blank(encoding.ids, tokenizer):
            position += len(sentence)
            continue
        for group in _groups(encoding.tokens, encoding.offsets, text, tokenizer):
            begin, end = group[0][0], max(token[1] for token in group)
            own = [at for at in range(begin, end) if sentence[at] != " "] or range(begin, end)
            owners = [owner[position + at] for at in own if position + at in owner]
            now = min(owners) if owners else None
            first = 0 if now is None else 2 if now == before else 1
            marks += [first] + [2 if first else 0] * (len(group) - 1)
            before = now
        position += len(sentence)
    return marks


def _groups(
    tokens: list[str], offsets: list[tuple[int, int]], text: str, tokenizer: Tokenizer
) -> list[list[tuple[int, int]]]:
    """Puts the tokens of one piece of text together, so "ware", "##house" are one."""
    groups: list[list[tuple[int, int]]] = []
    marked = prefixed_tokens(tokens, tokenizer)
    for (begin, end), token, goes_on in zip(offsets, tokens, marked, strict=True):
        at = begin + (text[begin : begin + 1] == " ")
        # A mark alone may be of what normalising made of a letter, such as U+FDFA.
        marked_text = len(token) > 1 and token[0] == space_mark(tokenizer)
        spaced = at > begin or marked_text
        same = bool(groups) and _first_visible(text, groups[-1][-1][0]) == at
        if groups and not spaced and (goes_on or same or (0 < at < len(text) and in_run(text, at))):
            groups[-1].append((begin, end))
        else:
            groups.append([(begin, end)])
    return groups


def _first_visible(text: str, begin: int) -> int:
    return begin + (text[begin : begin + 1] == " ")
