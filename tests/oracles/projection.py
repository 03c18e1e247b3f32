"""The slow obvious way to find the tokens of character spans: offsets of every sentence alone."""

from tokenizers import Tokenizer

from schemas.records import ShardText
from tests.oracles.encoding import sentences_of


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
    marks, position = [], 0
    for sentence in sentences_of(shard):
        before = None
        for begin, end in tokenizer.encode(sentence.rstrip("\n"), add_special_tokens=False).offsets:
            own = [at for at in range(begin, end) if sentence[at] != " "] or range(begin, end)
            owners = [owner[position + at] for at in own if position + at in owner]
            now = min(owners) if owners else None
            marks.append(0 if now is None else 2 if now == before else 1)
            before = now
        position += len(sentence)
    return marks
