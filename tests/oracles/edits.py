"""Edits, sources and targets by the book: lists, one token after the other."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.vocabulary import Vocabulary
from tests.oracles.draws import HALF, RowDraws
from transforms.denoise.fragment_target import Fragment
from transforms.denoise.fragments import OneFragment
from transforms.denoise.generated import GeneratedFragments
from transforms.objectives.recipe import Recipe

Edit = tuple[int, int, str]
"""Start and end of a span, and what stands in its place."""
FILLS = {252: "nothing", 253: "one", 254: "each"}


def edits_of(code: Sequence[int]) -> list[Edit]:
    """Reads the code of a list of edits; see docs/format.md."""
    found: list[Edit] = []
    left, position, fill = list(code), 0, "token"
    while left:
        byte = left.pop(0)
        if byte in FILLS:
            fill = FILLS[byte]
        elif byte >= 248:
            position += {248: 31, 249: 124, 250: 496, 251: 1984}[byte]
        else:
            gap, size = divmod(byte, 8)
            if size == 7:
                while left[0] == 255:
                    size += left.pop(0)
                size += left.pop(0)
            found.append((position + gap, position + gap + size, fill))
            position, fill = position + gap + size, "token"
    return found


def stored_edits(row: Mapping[str, Any], copy: int, recipe: Recipe) -> list[Edit]:
    """Returns the edits of a copy of a stored row, whichever column they are stored in."""
    if "fragment_starts" not in row:
        return edits_of(row["edits"][copy])
    assert recipe.denoise is not None
    (noise,) = recipe.denoise.noise
    assert isinstance(noise, OneFragment)
    length = len(row["input_ids"])
    # Python rounds halves to the even number, too.
    size = min(max(round(noise.rate * length), 1), length - 1)
    start = row["fragment_starts"][copy]
    return [(start, start + size, "token")]


def source_of(
    row: Sequence[int], edits: Sequence[Edit], ids: Sequence[int], tokens: Sequence[int]
) -> list[int]:
    """Returns a row with its spans replaced.

    Args:
      row: Clean ids.
      edits: Of the row.
      ids: Those that fills ask for.
      tokens: What stands for spans, in order; the last one for all others.
    """
    found: list[int] = []
    own, signs, read = list(ids), list(tokens), 0
    for start, end, fill in edits:
        found += row[read:start]
        read = end
        if fill == "token":
            found.append(signs.pop(0) if len(signs) > 1 else signs[0])
        elif fill != "nothing":
            count = 1 if fill == "one" else end - start
            found += own[:count]
            del own[:count]
    assert not own
    return [*found, *row[read:]]


def removed_of(row: Sequence[int], edits: Sequence[Edit], tokens: Sequence[int]) -> list[int]:
    """Returns what is taken away from a row, each span after the token that stands for it."""
    found: list[int] = []
    number = 0
    for start, end, fill in edits:
        if fill == "token":
            found.append(tokens[min(number, len(tokens) - 1)])
            number += 1
        found += row[start:end]
    return found


def arranged_of(
    row: Sequence[int], sentences: Sequence[int], order: Sequence[int], edges: tuple[int, int]
) -> list[int]:
    """Returns a row with its sentences in another order.

    Args:
      row: Clean ids.
      sentences: Positions where sentences begin.
      order: The sentence at each place.
      edges: Special tokens at the begin and at the end.
    """
    begin, end = edges[0], len(row) - edges[1]
    borders = [begin, *(at for at in sentences if begin < at < end)][:256]
    parts = [row[one:two] for one, two in itertools.pairwise([*borders, end])]
    return [*row[:begin], *(token for number in order for token in parts[number]), *row[end:]]


def rotated_of(source: Sequence[int], rotation: int, edges: tuple[int, int]) -> list[int]:
    """Returns a source whose text is rotated to the left."""
    begin, end = edges[0], len(source) - edges[1]
    text = source[begin:end]
    return [*source[:begin], *text[rotation:], *text[:rotation], *source[end:]]


def seen_of(
    taken: Sequence[int], seed: int, shares: tuple[float, float], vocabulary: Vocabulary
) -> list[int]:
    """Returns what an encoder sees in the places of some tokens."""
    draws, choices = RowDraws(seed, 1), sorted({*range(vocabulary.size)} - {*vocabulary.unused})
    mask, found = shares[0], []
    for token in taken:
        place = draws.below(len(choices))
        if draws.low < round(mask * HALF):
            token = vocabulary.mask
        elif draws.low < round(sum(shares) * HALF):
            token = choices[place]
        found.append(token)
    return found


def noisy(given: list[int], seed: int, share: int, vocabulary: Vocabulary) -> list[int]:
    """Returns what a decoder is given, with random ids in place of some tokens but the first."""
    draws, choices = RowDraws(seed, 1), sorted({*range(vocabulary.size)} - {*vocabulary.unused})
    found = given[:1]
    for token in given[1:]:
        place = draws.below(len(choices))
        found.append(choices[place] if draws.low < share else token)
    return found


def wanted_sequences(
    row: Mapping[str, Any], copy: int, recipe: Recipe, vocabulary: Vocabulary
) -> tuple[list[int], list[int], list[int]]:
    """Returns source, target and decoder input of a copy of a stored row."""
    assert recipe.denoise is not None
    target, clean, roles = recipe.denoise.target, row["input_ids"], vocabulary.roles
    edges = recipe.layout.edges
    edits = stored_edits(row, copy, recipe)
    ids = row["edit_ids"][copy] if "edit_ids" in row else []
    if isinstance(target, Fragment):
        taken = removed_of(clean, [(start, end, "each") for start, end, _ in edits], [])
        seed = row["noise_seed"] + (copy << 32)
        ids = seen_of(taken, seed, (target.mask, target.random), vocabulary)
        edits = [(start, end, "each") for start, end, _ in edits]
    tokens = list(vocabulary.sentinels) if target.sentinels else [roles["mask"]]
    end = [roles[role] for role in target.end]
    arranged = clean
    if "sentence_orders" in row:
        arranged = arranged_of(clean, row["sentence_starts"], row["sentence_orders"][copy], edges)
    source = source_of(arranged, edits, ids, tokens)
    if "rotations" in row:
        source = rotated_of(source, row["rotations"][copy], edges)
    if target.kind == "generated":
        removed = [*removed_of(clean, edits, []), roles["sep"]]
        given = [roles["cls"], *removed[:-1]]
        assert isinstance(target, GeneratedFragments)
        share = round(target.noise_rate * HALF)
        return source, removed, noisy(given, row["noise_seed"] + (copy << 32), share, vocabulary)
    if target.own_positions:
        places = [at for start, stop, _ in edits for at in range(start, stop)]
        return source, [clean[at] for at in places], [clean[at - 1] for at in places]
    written = clean if target.kind == "clean" else [*removed_of(clean, edits, tokens), *end]
    return [*source, *end], written, [roles[target.start], *written[:-1]]
