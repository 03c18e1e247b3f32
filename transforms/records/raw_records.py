"""Collects raw records, and makes batches of normalised documents of them."""

import bisect
import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from schemas.documents import Rejected, excerpt_of
from transforms.records.anchors import AnchorError, RawAnchors, normalized_anchors, read_anchors
from transforms.records.line_blocks import EXCERPT_BYTES
from transforms.text.normalize import normalize_texts

_BATCH_BYTES = 8 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReadBatch:
    """A batch of documents.

    Attributes:
      texts: Normalised texts, none of them empty.
      anchors: Of each text, see `schemas.documents.ANCHORED_SCHEMA`; empty if no record had any.
      labels: Of each text, if the records are labelled; else empty.
      rejected: Rejected records.
      tally: Counts: "documents" (texts), "bytes" (of the texts), "empty" (records of only white
        space) and "split" (cuts in documents that were too long).
    """

    texts: list[bytes]
    rejected: list[Rejected]
    tally: dict[str, int]
    anchors: list[bytes] = dataclasses.field(default_factory=list)
    labels: list[int] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class _File:
    """A file that records come from.

    Attributes:
      first: The number of its first text among those that are held.
      source: Its name.
      undecodable: The reason of records that are not in its encoding.
    """

    first: int
    source: str
    undecodable: str


class RawRecords:
    """Collects raw records and rejected ones, until `drain` makes batches of them.

    Records of several files become one batch, which costs less than a batch of each small file.

    Args:
      limit: The longest document, in bytes.

    Attributes:
      limit: The same.
      held_bytes: Of the texts, and of the excerpts of rejected records, about.
      undecodable: The reason why records of the file that is read are rejected if they are not in
        its encoding.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._files: list[_File] = []
        self._clear()

    def _clear(self) -> None:
        self._files = [dataclasses.replace(each, first=0) for each in self._files[-1:]]
        self._offsets: list[int] = []
        self._texts: list[bytes] = []
        self._rejected: list[Rejected] = []
        self._anchors: dict[int, RawAnchors] = {}
        self._labels: list[int] = []
        self._cuts = self.held_bytes = 0

    def begin(self, source: str, *, in_place: bool, encoding: str = "utf-8") -> None:
        """Says where the next records come from.

        Args:
          source: The file.
          in_place: Whether it contains the text verbatim, so that pieces have their own offsets.
          encoding: The encoding of the file.
        """
        self.undecodable = "invalid_utf8" if encoding == "utf-8" else "undecodable"
        self._stride = int(in_place)
        self._files.append(_File(len(self._texts), source, self.undecodable))

    def extend(self, offsets: Sequence[int], texts: Sequence[bytes]) -> None:
        """Adds texts that are known to be within the limit."""
        self._offsets += offsets
        self._texts += texts
        self.held_bytes += sum(map(len, texts))

    def add(self, offset: int, text: bytes) -> None:
        """Adds a text of any length."""
        start = self.add_pieces(offset, text)
        if not start or start < len(text):
            self.extend([offset + start * self._stride], [text[start:]])

    def add_labelled(self, offset: int, text: bytes, label: int) -> None:
        """Adds a text with a label, which all pieces of a text that is too long have too."""
        self.add(offset, text)
        self._labels += [label] * (len(self._texts) - len(self._labels))

    def add_anchored(self, offset: int, text: str, found: object) -> None:
        """Adds a text with the anchors of its record.

        Invalid anchors are rejected, but not the text. So are the anchors of a text that is too
        long, because its pieces become separate documents.
        """
        content, anchors = text.encode(), None
        try:
            anchors = read_anchors(text, found)
        except AnchorError as error:
            self.reject(offset, str(error), content)
        if anchors is not None and len(content) > self.limit:
            self.reject(offset, "anchors_of_long_text", content)
            anchors = None
        if anchors is not None:
            self._anchors[len(self._texts)] = anchors
        self.add(offset, content)

    def add_pieces(self, offset: int, text: bytes) -> int:
        """Adds pieces of a text that is too long; returns the start of the last, which fits."""
        start = 0
        while len(text) - start > self.limit:
            cut = text.rfind(b"\n", start, start + self.limit + 1)
            if cut < 0:
                cut = text.find(b"\n", start)
                cut = len(text) if cut < 0 else cut
                excerpt = text[start : start + min(self.limit, EXCERPT_BYTES)]
                self.reject(offset + start * self._stride, "line_too_long", excerpt)
            else:
                self.extend([offset + start * self._stride], [text[start:cut]])
                self._cuts += 1
            start = cut + 1
        return start

    def reject(self, offset: int, reason: str, record: bytes) -> None:
        """Rejects a record of the file that is read."""
        self._reject(self._files[-1], offset, reason, record)

    def _reject(self, file: "_File", offset: int, reason: str, record: bytes) -> None:
        rejected = Rejected(
            source=file.source,
            offset=offset,
            stage="read",
            reason=reason,
            excerpt=excerpt_of(record),
        )
        self._rejected.append(rejected)
        self.held_bytes += len(rejected.excerpt)

    def _file_of(self, index: int) -> "_File":
        """Returns the file of a text by its number."""
        return self._files[bisect.bisect_right(self._files, index, key=lambda each: each.first) - 1]

    def drain(self) -> Iterator[ReadBatch]:
        """Yields the collected records in batches, and clears the collection."""
        starts = np.cumsum([0, *map(len, self._texts)])
        bounds = np.searchsorted(starts[:-1], np.arange(0, starts[-1] + 1, _BATCH_BYTES)).tolist()
        for first, last in itertools.pairwise([*bounds, len(self._texts)]):
            texts = self._texts[first:last]
            if not _is_utf8(b"\n".join(texts)):
                texts = self._decodable(first, texts)
            every = normalize_texts(texts)
            normalized = [text for text in every if text]
            anchors = self._anchors_of(first, every)
            labels = [
                label for label, text in zip(self._labels[first:last], every, strict=False) if text
            ]
            tally = {
                "documents": len(normalized),
                "empty": len(texts) - len(normalized),
                "split": self._cuts,
                "bytes": sum(map(len, normalized)),
            }
            yield ReadBatch(
                texts=normalized,
                rejected=self._rejected,
                tally=tally,
                anchors=anchors,
                labels=labels,
            )
            self._rejected, self._cuts = [], 0
        self._clear()

    def _anchors_of(self, first: int, texts: Sequence[bytes]) -> list[bytes]:
        """Returns the anchors of the non-empty normalised texts; [] if there are none at all."""
        if not self._anchors:
            return []
        given = [n for n in range(len(texts)) if first + n in self._anchors]
        raw = [self._anchors[first + n] for n in given]
        found = dict(zip(given, normalized_anchors(raw, [texts[n] for n in given]), strict=True))
        for number in (number for number, places in found.items() if places is None):
            file = self._file_of(first + number)
            offset = self._offsets[first + number]
            self._reject(file, offset, "anchor_not_on_text", texts[number])
        return [found.get(number) or b"" for number, text in enumerate(texts) if text]

    def _decodable(self, first: int, texts: list[bytes]) -> list[bytes]:
        decodable = []
        for index, text in enumerate(texts, first):
            if _is_utf8(text):
                decodable.append(text)
            else:
                file = self._file_of(index)
                self._reject(file, self._offsets[index], file.undecodable, text)
        return decodable


def _is_utf8(text: bytes) -> bool:
    offsets = pa.py_buffer(np.array([0, len(text)], np.int64))
    try:
        pa.LargeStringArray.from_buffers(1, offsets, pa.py_buffer(text)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
