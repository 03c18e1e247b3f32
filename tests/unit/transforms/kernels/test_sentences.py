"""The loop over sentences without machine code."""

import numpy as np

from transforms.kernels.sentences import find_sentences
from transforms.text import sentence_rules as rules
from transforms.text.sentences import sentence_starts

TEXT = (
    "One. Mr. Two! J. K. Three... He said: “No.” Then?! (5) No. 6 left.\n1. Red\n"
    "他说。“好！”走……我……我不；她；２．５是．好（？）用 ? 代替。 \n二十一．结论! A"
).replace(" \n", "\n")


def test_python_finds_the_same() -> None:
    data = np.frombuffer(bytearray(TEXT + "\n", "utf-8"), np.uint8)
    slow, found, at = getattr(find_sentences, "py_func", find_sentences), [0], 0
    tables = (rules.character_classes(), *rules.abbreviation_keys())
    while at < len(data):
        block = np.empty(3, np.int64)
        at, count = slow(data, at, rules.stop_bytes(), rules.stop_classes(), tables, block)
        found += block[:count].tolist()
    assert found == sentence_starts(data).tolist()
    assert len(found) > 10
