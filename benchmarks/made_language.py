"""A made-up language of topics, whose tasks have a known Bayes rate.

Words are made of syllables. Each topic has words of its own in two dialects; common words belong to
none. A document has one topic, so that whoever reads enough of them learns which words go together.
A label is a function of the topic that is replaced by another one with probability `NOISE`: nobody
can be right more often than `BAYES`, if the words tell the topic, which five of them nearly always
do.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from schemas.records import Array

TOPICS, COMMON, WORDS = 8, 60, {"general": 50, "domain": 40}
NOISE = 0.1
BAYES = 1 - NOISE
SCALE = 0.5
"""Standard deviation of what is added to the number of a topic."""
_SYLLABLES = ["".join(each) for each in itertools.product("bdfgklmnprstvz", "aeiou")]

Record = Mapping[str, Any]


class Language:
    """Words of topics and dialects, drawn once."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 0])
        count = COMMON + TOPICS * sum(WORDS.values())
        # Three syllables each, all different.
        codes = rng.choice(len(_SYLLABLES) ** 3, count, replace=False)
        size = len(_SYLLABLES)
        places = [codes // size**2, codes // size % size, codes % size]
        parts = [np.array(_SYLLABLES)[each] for each in places]
        words = np.char.add(np.char.add(parts[0], parts[1]), parts[2])
        self.common, rest = words[:COMMON], words[COMMON:]
        borders = np.cumsum([TOPICS * each for each in WORDS.values()])[:-1]
        dialects = np.split(rest, borders)
        self._words = {
            name: each.reshape(TOPICS, -1) for name, each in zip(WORDS, dialects, strict=True)
        }

    def sentence(self, topic: int, domain: float, rng: np.random.Generator, length: int) -> str:
        """Returns words of a topic among common ones.

        Args:
          topic: Its number.
          domain: Share of the topic's words that are of the domain's dialect.
          rng: Draws them.
          length: How many words.
        """
        kinds = rng.random((2, length))
        found = rng.choice(self.common, length)
        for name, chosen in (("domain", kinds[1] < domain), ("general", kinds[1] >= domain)):
            at = (kinds[0] < 0.5) & chosen
            found[at] = rng.choice(self._words[name][topic], int(at.sum()))
        return " ".join(found)

    def documents(self, count: int, domain: float, seed: int) -> Iterator[str]:
        """Yields documents of one topic each: so short that few of their words occur twice.

        Of long ones a model would learn to copy, and not which words go together.
        """
        rng = np.random.default_rng([seed, 1])
        for topic in rng.integers(0, TOPICS, count):
            yield self.sentence(topic, domain, rng, 12)

    def records(self, count: int, domain: float, seed: int) -> list[Record]:
        """Returns labelled records: a text, its half, quarter and number, see `labels_of`."""
        rng = np.random.default_rng([seed, 2])
        topics = rng.integers(0, TOPICS, count)
        labels = labels_of(topics, rng)
        texts = [self.sentence(topic, domain, rng, 10) for topic in topics]
        return [
            {"text": text, **{name: each[number].item() for name, each in labels.items()}}
            for number, text in enumerate(texts)
        ]


def labels_of(topics: Array, rng: np.random.Generator) -> Mapping[str, Array]:
    """Returns noisy labels of topics: one of two classes, one of four, and a number near it."""
    found = {}
    for name, classes in (("half", 2), ("quarter", 4)):
        right = topics % classes
        other = (right + rng.integers(1, classes, len(topics))) % classes
        found[name] = np.where(rng.random(len(topics)) < NOISE, other, right)
    found["number"] = topics / (TOPICS - 1) + rng.normal(0, SCALE, len(topics))
    return found


def write_text(path: Path, documents: Iterator[str]) -> Path:
    """Writes documents with blank lines between."""
    path.write_text("\n\n".join(documents) + "\n", "utf-8")
    return path


def write_records(path: Path, records: Sequence[Record]) -> Path:
    """Writes records as JSON lines."""
    path.write_text("".join(json.dumps(each) + "\n" for each in records), "utf-8")
    return path
