"""Labels of tokens the slow way: one token after another."""

from collections.abc import Sequence

from tokenizers import Tokenizer


def capitals_of(tokenizer: Tokenizer, sentence: str) -> list[int]:
    """Returns whether each token of a sentence has an upper-case character, by its offsets."""
    encoding = tokenizer.encode(sentence, add_special_tokens=False)
    return [
        int(any(character.isupper() for character in sentence[begin:end]))
        for begin, end in encoding.offsets
    ]


def elsewhere_of(documents: Sequence[int], rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """Returns whether another row of the same document has each token too.

    Args:
      documents: Of each row.
      rows: Tokens of each row.
    """
    return [
        [
            int(
                any(
                    token in other
                    for number, other in enumerate(rows)
                    if number != row and documents[number] == documents[row]
                )
            )
            for token in tokens
        ]
        for row, tokens in enumerate(rows)
    ]
