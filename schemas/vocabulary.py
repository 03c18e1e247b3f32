"""What the rest of the pipeline needs to know of a tokenizer's vocabulary."""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Mapping

from schemas.counts import TokenCounts, read_counts
from schemas.token_kinds import TokenKinds, token_kinds

ROLES: Mapping[str, tuple[str, ...]] = {
    "cls": ("[CLS]", "<cls>", "<s>"),
    "sep": ("[SEP]", "<sep>", "</s>"),
    "mask": ("[MASK]", "<mask>"),
    "pad": ("[PAD]", "<pad>"),
    "unk": ("[UNK]", "<unk>"),
    "eod": ("<|endoftext|>", "<eod>", "<|end_of_text|>"),
}
"""The roles of special tokens, and the names they are looked for under, in this order."""
WHERE_NEEDED = frozenset({"eod"})
"""Roles that a vocabulary has only where a recipe needs them: in other builds their tokens are
tokens like any other."""
_DISTINGUISHED = frozenset({"cls", "sep", "eod"})
"""Roles that one token can have together: where it stands says which of them it has."""


def check_roles(roles: Iterable[str]) -> None:
    """Raises ValueError unless all of these are roles that a special token can have."""
    for role in roles:
        if role not in ROLES:
            known = ", ".join(ROLES)
            raise ValueError(f"a special token's role must be one of {known}, got {role!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Size and special tokens of a tokenizer.

    Attributes:
      size: One more than the highest id.
      unused: Ids below `size` that no token has.
      counts: How often tokens occur, where random tokens are to follow that.
      roles: Role name to id, for every role the tokenizer has.
      names: Role name to the token that plays it.
      sha256: Of the tokenizer file.
      entities: How many entities there are for tokens to be aligned with.
      kinds: What tokens say by themselves; None where nobody asks.
      sentinels: Ids of <extra_id_0>, <extra_id_1> ..., as far as there are all of them.
    """

    size: int
    roles: Mapping[str, int]
    names: Mapping[str, str]
    sha256: str
    unused: tuple[int, ...] = ()
    counts: TokenCounts | None = None
    entities: int = 0
    kinds: TokenKinds | None = dataclasses.field(default=None, compare=False, repr=False)
    sentinels: tuple[int, ...] = ()

    @property
    def sep(self) -> int:
        return self.roles["sep"]

    @property
    def mask(self) -> int:
        return self.roles["mask"]

    @property
    def eod(self) -> int:
        """The end-of-document token."""
        return self.roles["eod"]

    @property
    def id_type(self) -> str:
        """The Arrow and NumPy type of ids."""
        return "uint16" if self.size <= 1 << 16 else "uint32"

    def require(self, roles: frozenset[str]) -> None:
        """Checks that the tokenizer has the special tokens a recipe needs.

        Raises:
          ValueError: naming the missing token and the option that names another.
        """
        for role in sorted(roles - set(self.roles)):
            raise ValueError(
                f"the tokenizer has no {' or '.join(ROLES[role])} token, and this recipe needs "
                f"one; name the token that plays this part with --{role}-token TOKEN"
            )


def _check_apart(names: Mapping[str, str]) -> None:
    """Refuses a token that plays two parts, where one of them would be taken for the other.

    A model learns nothing of its padding token, and RoBERTa counts positions without it; a mask
    that text holds too, or an end that unknown text looks like, cannot be distinguished. One token
    for cls, sep and eod is fine: their positions distinguish them.

    Raises:
      ValueError: naming the token, its roles, and the options that name another.
    """
    for role, token in names.items():
        others = [each for each in names if names[each] == token and each != role]
        if others and not _DISTINGUISHED.issuperset({role, *others}):
            parts = [role, *others]
            options = " or ".join(f"--{each}-token TOKEN" for each in parts)
            raise ValueError(
                f"{token!r} is the token of {' and of '.join(parts)}, and a model could not "
                f"distinguish them; name another with {options}"
            )


def read_vocabulary(
    tokenizer_json: str,
    names: Mapping[str, str] | None = None,
    counts: str | None = None,
    needed: Collection[str] = (),
    *,
    of_words: bool = False,
) -> Vocabulary:
    """Reads the vocabulary of a tokenizer.

    Args:
      tokenizer_json: The content of a `tokenizers` JSON file.
      names: Role to token, for tokens with names of their own.
      counts: Counts of its tokens, if there are any; see `schemas.counts.read_counts`.
      needed: Those of the roles `WHERE_NEEDED` that are needed.
      of_words: It was made of a list of words, so the ends of lines are counted, too.

    Raises:
      ValueError: if it is no tokenizer, is a random one, a named token is not in its vocabulary, or
        the counts are not counts of its tokens.
    """
    # Commands that only name recipes load none.
    from tokenizers import Tokenizer

    try:
        ids = Tokenizer.from_str(tokenizer_json).get_vocab(with_added_tokens=True)
    except Exception as error:
        raise ValueError(f"not a `tokenizers` JSON file: {error}") from error
    if dropout := json.loads(tokenizer_json)["model"].get("dropout"):
        raise ValueError(
            f"the tokenizer drops merges at random (dropout {dropout}), so no build could be "
            'repeated; set "dropout" to null in its JSON file'
        )
    found: dict[str, str] = {}
    for role, usual in ROLES.items():
        named = (names or {}).get(role)
        if role in WHERE_NEEDED and role not in needed and named is None:
            continue
        if named is not None and named not in ids:
            raise ValueError(f"--{role}-token {named!r} is not in the tokenizer's vocabulary")
        present = [token for token in ([named] if named else usual) if token in ids]
        if present:
            found[role] = present[0]
    _check_apart(found)
    roles = {role: ids[token] for role, token in found.items()}
    kept = {"unk", "sep"} if of_words else {"unk"}
    special = frozenset(number for role, number in roles.items() if role not in kept)
    return Vocabulary(
        size=max(ids.values()) + 1,
        roles=roles,
        names=found,
        sha256=hashlib.sha256(tokenizer_json.encode()).hexdigest(),
        unused=tuple(sorted(set(range(max(ids.values()) + 1)) - set(ids.values()))),
        counts=None if counts is None else read_counts(counts, ids, special),
        kinds=token_kinds(tokenizer_json),
        sentinels=tuple(_sentinels(ids)),
    )


def _sentinels(ids: Mapping[str, int]) -> Iterator[int]:
    """Yields the ids of <extra_id_0>, <extra_id_1> and so on, up to the first one that is not."""
    for number in itertools.count():
        if (name := sentinel_name(number)) not in ids:
            return
        yield ids[name]


def sentinel_name(number: int) -> str:
    """Returns what the sentinel of this number, from 0, is called."""
    return f"<extra_id_{number}>"
