"""The only place where torch's generators are set."""

import hashlib
import json

import torch


def seed_torch(seed: int, *path: str | int) -> None:
    """Sets torch's generators, on the CPU and the GPUs, to the stream of a seed and a path.

    A step that begins with this draws the same numbers whatever was drawn before, so checkpoints
    need no state of a generator.
    """
    digest = hashlib.blake2b(json.dumps([seed, *path]).encode(), digest_size=8).digest()
    torch.manual_seed(int.from_bytes(digest, "little") >> 1)
