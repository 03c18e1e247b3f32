"""Anchors: entities that are annotated in the record itself, by characters of its original text."""

import dataclasses
import itertools
import json
import re
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

from schemas.annotations import LabelledSpans
from schemas.documents import ANCHORED_SCHEMA
from schemas.entities import is_entity_id
from schemas.records import ShardText
from transforms.records.shard_text import join_documents
from transforms.text.normalize import LINE_ENDS, WHITE, normalize_texts

ANCHOR = "ANCHOR"
"""Label of entities that come from a record."""
MARKERS = [chr(code) for code in range(0xFDD0, 0xFDF0)]
"""Unicode noncharacters: not for use in text interchange, and kept by normalisation."""
_Anchor = tuple[int, int, str]


class AnchorError(ValueError):
    """Invalid anchors; the message is the short reason that is counted."""


@dataclasses.dataclass(frozen=True)
class RawAnchors:
    """The anchors of a text.

    Attributes:
      anchors: Start, end (exclusive) and entity of each, in characters; ascending, disjoint,
        without white space at the ends.
      marked: The text in UTF-8, with a marker at each end of each anchor.
      marker: The marker, a character that does not occur in the text.
    """

    anchors: Sequence[_Anchor]
    marked: bytes
    marker: str


def read_anchors(text: str, found: object) -> RawAnchors | None:
    """Returns the anchors of a text, None if it has none.

    >>> raw = read_anchors("Ada  wrote.", [{"start": 0, "end": 4, "entity": "Q7259"}])
    >>> raw.anchors, raw.marked.decode().replace(raw.marker, "|")
    ([(0, 3, 'Q7259')], '|Ada|  wrote.')

    Args:
      text: The original text.
      found: The value of the record: None, or a list of {"start", "end", "entity"} in any order:
        the first character, the one after the last, and an id.

    Raises:
      AnchorError: "broken_anchors" if the value has another form; "anchor_out_of_range";
        "anchors_overlap"; "anchor_not_on_text" if one covers only white space, or several lines.
    """
    if found is None or found == []:
        return None
    anchors = sorted(map(_anchor, found)) if isinstance(found, list) else []
    if not anchors:
        raise AnchorError("broken_anchors")
    if any(not 0 <= start < end <= len(text) for start, end, _ in anchors):
        raise AnchorError("anchor_out_of_range")
    ends = [0, *(end for _, end, _ in anchors)]
    if any(start < end for (start, _, _), end in zip(anchors, ends, strict=False)):
        raise AnchorError("anchors_overlap")
    anchors = [_trimmed(text, anchor) for anchor in anchors]
    marker = next((each for each in MARKERS if each not in text), None)
    if marker is None:
        raise AnchorError("broken_anchors")
    borders = [0, *(place for start, end, _ in anchors for place in (start, end)), len(text)]
    pieces = [text[low:high] for low, high in itertools.pairwise(borders)]
    return RawAnchors(anchors, marker.join(pieces).encode(), marker)


def _anchor(found: object) -> _Anchor:
    if not isinstance(found, dict):
        raise AnchorError("broken_anchors")
    start, end, entity = (found.get(name) for name in ("start", "end", "entity"))
    if type(start) is not int or type(end) is not int:
        raise AnchorError("broken_anchors")
    if not isinstance(entity, str) or not is_entity_id(entity):
        raise AnchorError("broken_anchors")
    return start, end, entity


def _trimmed(text: str, anchor: _Anchor) -> _Anchor:
    """Returns an anchor without white space at its ends."""
    start, end, entity = anchor
    named = text[start:end].strip(WHITE)
    if not named or any(each in named for each in LINE_ENDS):
        raise AnchorError("anchor_not_on_text")
    start = text.index(named, start)
    return start, start + len(named), entity


def normalized_anchors(raw: Sequence[RawAnchors], texts: Sequence[bytes]) -> list[bytes | None]:
    """Returns the positions of anchors in normalised texts, as `anchored_batch` takes them.

    The marked text is normalised as well, and the positions are read from its markers. Markers are
    adjacent to text that is not white space, so white space is collapsed as without them. But if a
    marker is between characters that compose to one, the two texts differ, and the anchor has no
    position.

    >>> raw = read_anchors("So  Ada", [{"start": 4, "end": 7, "entity": "Q7259"}])
    >>> normalized_anchors([raw], [b"So Ada"])
    [b'[[3,6,"Q7259"]]']

    Args:
      raw: Anchors of each text.
      texts: The normalised texts, without markers.

    Returns:
      JSON of [begin, end, entity] in bytes for each text; None if an anchor splits a character.
    """
    marked = normalize_texts([each.marked for each in raw])
    return [_places(*each) for each in zip(raw, marked, texts, strict=True)]


def _places(raw: RawAnchors, marked: bytes, text: bytes) -> bytes | None:
    marker = raw.marker.encode()
    if marked.replace(marker, b"") != text:
        return None
    found = [each.start() for each in re.finditer(re.escape(marker), marked)]
    places = [at - number * len(marker) for number, at in enumerate(found)]
    names = [entity for _, _, entity in raw.anchors]
    spans = list(zip(places[::2], places[1::2], names, strict=True))
    return json.dumps(spans, ensure_ascii=False, separators=(",", ":")).encode()


def join_anchored(batches: Iterable[pa.RecordBatch]) -> tuple[ShardText, LabelledSpans]:
    """Joins the documents of one shard in the order of their keys, without duplicates.

    Of duplicates, one with anchors is kept: the same one, whatever the order of the input.

    Args:
      batches: Batches of `ANCHORED_SCHEMA`, in any order.

    Returns:
      The text of the shard, and the anchors in it.
    """
    table = pa.Table.from_batches(batches, ANCHORED_SCHEMA)
    table = table.sort_by([("key", "ascending"), ("anchors", "descending")]).combine_chunks()
    text = join_documents(table.select(["key", "text"]).to_batches(), deduplicate=True)
    keys = table.column("key").to_pylist()
    first = [number for number, key in enumerate(keys) if number == 0 or keys[number - 1] != key]
    anchors = table.column("anchors").take(pa.array(first, pa.int64())).to_pylist()
    spans = [
        (begin + base, end + base, entity)
        for base, each in zip(text.document_starts.tolist(), anchors, strict=True)
        for begin, end, entity in json.loads(each or b"[]")
    ]
    starts, ends, names = zip(*spans, strict=True) if spans else ((), (), ())
    labels = [ANCHOR] * len(spans)
    return text, LabelledSpans(
        np.array(starts, np.int64), np.array(ends, np.int64), labels, list(names)
    )
