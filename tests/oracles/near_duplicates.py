"""Near-duplicates found by datasketch, one document after the other."""

import collections
from collections.abc import Sequence

import datasketch
import xxhash

from schemas.documents import document_key
from tests.oracles.gopher import tokens_of
from transforms.filters.near_duplicates import NearDuplicates


def shingles_of(text: str, size: int = 5) -> set[str]:
    """Returns the shingles of a text: `size` tokens with spaces between."""
    tokens = tokens_of(text.lower())
    return {" ".join(tokens[n : n + size]) for n in range(max(len(tokens) - size, 0) + 1)} - {""}


def minhash_of(text: str, near: NearDuplicates) -> datasketch.MinHash:
    """Returns the MinHash of a text."""
    found = datasketch.MinHash(
        num_perm=near.permutations, seed=near.seed, hashfunc=xxhash.xxh32_intdigest
    )
    found.update_batch([shingle.encode() for shingle in shingles_of(text, near.tokens)])
    return found


def clusters_of(texts: Sequence[str], near: NearDuplicates) -> list[set[bytes]]:
    """Returns the keys of the documents of each cluster of two or more."""
    lsh = datasketch.MinHashLSH(num_perm=near.permutations, params=(near.bands, near.rows))
    by_key = {document_key(text.encode()): text for text in texts}
    cluster = {key: key for key in by_key}

    def root(key: bytes) -> bytes:
        while cluster[key] != key:
            key = cluster[key]
        return key

    for key, text in by_key.items():
        if shingles_of(text, near.tokens):
            minhash = minhash_of(text, near)
            for other in lsh.query(minhash):
                cluster[root(other)] = root(key)
            lsh.insert(key, minhash)
    found = collections.defaultdict(set)
    for key in by_key:
        found[root(key)].add(key)
    return [members for members in found.values() if len(members) > 1]


def dropped_of(texts: Sequence[str], near: NearDuplicates) -> set[bytes]:
    """Returns the keys of the documents that are dropped: all but the longest of each cluster."""
    sizes = {document_key(text.encode()): len(text.encode()) for text in texts}
    dropped = set()
    for members in clusters_of(texts, near):
        kept = min(members, key=lambda key: (-sizes[key], key))
        dropped |= members - {kept}
    return dropped
