"""A converted tokenizer, and the library it comes from."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

from schemas.vocabulary import ROLES


@dataclasses.dataclass(frozen=True)
class Original:
    """The library that a tokenizer was made for.

    Attributes:
      library: Its name and version.
      encode: Returns the ids of a line of text, without special tokens.
      score: Returns how good the library finds ids, where it takes the best of all that a text
        may have; rounding decides between two that are equally good.
    """

    library: str
    encode: Callable[[str], Sequence[int]]
    score: Callable[[Sequence[int]], float] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Converted:
    """A tokenizer as builds store it.

    Attributes:
      tokenizer_json: The content of a `tokenizers` JSON file; equal files give equal bytes.
      what: What it was: "SentencePiece model spm.model (unigram, 8,000 pieces)".
      original: What its ids are compared with; None if nothing was converted, or the library is
        not installed.
      unchecked: Why there is no original although something was converted, or "".
      appends: A token that an option names for a role is appended if the file lacks it; JSON files
        and vocabularies of BERT are taken as they are.
      names: Role to token, of the roles that the configuration names; see `role_names`.
    """

    tokenizer_json: str
    what: str = ""
    original: Original | None = None
    unchecked: str = ""
    appends: bool = False
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)


def appended(tokens: Mapping[str, int]) -> str:
    """Returns what is said of appended tokens and their ids: "; appended <mask> 8000"."""
    each = [f"{token} {number}" for token, number in tokens.items()]
    return f"; appended {', '.join(each)}" if each else ""


def role_names(named: Mapping[str, str | None], tokens: Iterable[str]) -> dict[str, str]:
    """Returns which tokens play the roles that have none of their usual names.

    Args:
      named: Role to the token that the configuration names.
      tokens: The vocabulary.

    A token that plays a role by its name gets no other: models of GPT's kind name their
    end-of-text token for all of them.
    """
    known = set(tokens)
    usual = {role: next((n for n in names if n in known), None) for role, names in ROLES.items()}
    taken = set(filter(None, usual.values()))
    found: dict[str, str] = {}
    for role, token in named.items():
        if token in known and usual[role] is None and token not in taken:
            found[role] = token
            taken.add(token)
    return found
