"""Finds entities and phrases in the text of a shard."""

import dataclasses
import functools
import hashlib
import importlib.metadata
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from schemas.annotations import KINDS, LabelledSpans
from schemas.columns import ENTITY_IDS
from schemas.records import Bytes, ByteSpans, EntitySpans, Int64, ShardText
from transforms.annotate.gazetteer import Gazetteer
from transforms.annotate.jieba_spans import jieba_spans, join_spans
from transforms.annotate.spacy_spans import (
    FEATURES,
    FINDS_ENTITIES,
    PARSES,
    READS_TAGS,
    TAGS,
    Found,
    ModelError,
    SpanCollector,
    documents,
    entities_of,
    factories,
    has_noun_chunks,
    has_tags,
    keep_only,
    load_model,
    model_sha256,
    noun_chunks_of,
    noun_runs_of,
    piece_borders,
)

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

PHRASE_RULES = ("auto", "noun-chunks", "pos", "jieba", "none")

_FOUND_BY: Mapping[str, Callable[["Doc"], Found]] = {
    "ner": entities_of,
    "noun-chunks": noun_chunks_of,
    "pos": noun_runs_of,
}
_NEEDED: Mapping[str, frozenset[str]] = {
    "ner": FINDS_ENTITIES,
    "noun-chunks": PARSES | TAGS | READS_TAGS,
    "pos": TAGS | READS_TAGS,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Annotator:
    """How to find entities and phrases.

    Attributes:
      kinds: What to find: members of `KINDS`, and `schemas.columns.ENTITY_IDS` for entities of the
        gazetteer that have an id.
      spacy_model: Name or folder of a spaCy pipeline, "" for none.
      gazetteer: Entities by name. They take precedence over other entities that overlap them.
      phrases: "noun-chunks" (of spaCy), "pos" (maximal runs of nouns by spaCy's tagger), "jieba"
        (maximal runs of nouns by jieba's tagger), "none", or "auto": the first of these that model
        and language support; jieba only without a model, or with a Chinese one.
    """

    kinds: tuple[str, ...] = KINDS
    spacy_model: str = ""
    gazetteer: Gazetteer = Gazetteer()
    phrases: str = "auto"

    def __post_init__(self) -> None:
        if self.phrases not in PHRASE_RULES:
            raise ValueError(
                f"phrases must be one of {', '.join(PHRASE_RULES)}, got {self.phrases!r}"
            )

    def entities(self) -> tuple[str, ...]:
        """Returns the ids of the gazetteer, sorted; their indices are the entity numbers.

        Raises:
          GazetteerError: if it cannot be read.
        """
        return tuple(sorted(self.gazetteer.ids()))

    def spans(self, text: ShardText, kinds: Iterable[str]) -> Mapping[str, ByteSpans]:
        """Returns the spans of these kinds in a shard's text."""
        loaded = load_annotator(self)
        found = loaded.annotate(text.data)
        return {
            kind: loaded.numbered(found[kind]) if kind == ENTITY_IDS else found[kind]
            for kind in kinds
        }


@functools.lru_cache(maxsize=2)
def load_annotator(annotator: Annotator) -> "LoadedAnnotator":
    """Loads model and gazetteer, once per process.

    Raises:
      ModelError: If the model cannot be loaded, or lacks a component that is needed.
      GazetteerError: If the gazetteer cannot be read.
    """
    return LoadedAnnotator(annotator)


class LoadedAnnotator:
    """A loaded model and gazetteer.

    Attributes:
      sources: What finds each kind: "ner", "noun-chunks", "pos", "jieba", "gazetteer" or
        "none".
    """

    def __init__(self, annotator: Annotator) -> None:
        """Loads the model and the gazetteer of an annotator."""
        self._annotator = annotator
        self._nlp = load_model(annotator.spacy_model) if annotator.spacy_model else None
        self._list = annotator.gazetteer.load() if annotator.gazetteer else None
        self._numbers = {name: number for number, name in enumerate(annotator.entities())}
        self.sources = {kind: self._source(kind) for kind in annotator.kinds}
        self._model_sha256 = ""
        if self._nlp is not None:
            self._model_sha256 = model_sha256(self._nlp)
            needed = [_NEEDED[each] for each in self.sources.values() if each in _NEEDED]
            keep_only(self._nlp, FEATURES.union(*needed))

    def _source(self, kind: str) -> str:
        if kind == ENTITY_IDS:
            return "gazetteer"
        nlp, rule = self._nlp, self._annotator.phrases
        chinese = nlp is None or nlp.lang == "zh"
        if kind == "entities":
            if nlp is None:
                return "jieba"
            if FINDS_ENTITIES & set(factories(nlp).values()):
                return "ner"
            return "jieba" if chinese else "none"
        if rule in ("noun-chunks", "pos"):
            if nlp is None or not (has_noun_chunks if rule == "noun-chunks" else has_tags)(nlp):
                raise ModelError(_lacks(rule, self._annotator.spacy_model, nlp))
            return rule
        if rule != "auto":
            return rule
        if nlp is not None and has_noun_chunks(nlp):
            return "noun-chunks"
        if nlp is not None and has_tags(nlp):
            return "pos"
        return "jieba" if chinese else "none"

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that the result depends on, for the manifest."""
        gazetteer, model = self._annotator.gazetteer, None
        if self._nlp is not None:
            meta = self._nlp.meta
            model = {
                "name": f"{meta.get('lang', '')}_{meta.get('name', '')}",
                "version": str(meta.get("version", "")),
                "sha256": self._model_sha256,
            }
        versions = {
            name: importlib.metadata.version(name)
            for name, used in (
                ("spacy", self._nlp or self._list),
                ("thinc", self._nlp),
                ("rjieba", "jieba" in self.sources.values()),
            )
            if used
        }
        return {
            "sources": dict(self.sources),
            "model": model,
            "gazetteer": _sha256(gazetteer.patterns),
            "surfaces": _sha256(gazetteer.surfaces),
            "ignore_case": gazetteer.ignore_case,
            "software": versions,
        }

    def describe(self) -> str:
        """Returns one line for the user: what finds each kind."""
        parts = []
        for kind, source in self.sources.items():
            name = _SOURCE_NAMES[source]
            if kind == ENTITY_IDS:
                parts.append(f"entities with ids by {name}")
                continue
            if kind == "entities" and self._list is not None:
                name = "the gazetteer" if source == "none" else f"the gazetteer and {name}"
            if source == "jieba":
                rest = "the gazetteer alone" if kind == "entities" and self._list else "none"
                name += f" in lines with Chinese (elsewhere {rest})"
            parts.append(f"{kind} by {name}")
        model = "" if self._nlp else "no spaCy model: "
        return model + "; ".join(parts)

    def annotate(self, data: Bytes) -> dict[str, LabelledSpans]:
        """Finds all kinds of spans in the documents of a shard.

        Args:
          data: uint8[N]; normalised UTF-8, every line ended by LF.

        Returns:
          The spans of each kind; none crosses a line end.
        """
        borders = piece_borders(data)
        found = {kind: join_spans([]) for kind in self.sources}
        if "jieba" in self.sources.values():
            tagged = jieba_spans(data)
            found.update({kind: tagged[kind] for kind, s in self.sources.items() if s == "jieba"})
        finders = {kind: _FOUND_BY[s] for kind, s in self.sources.items() if s in _FOUND_BY}
        if self._nlp is not None and finders:
            found.update(_collect(self._nlp, data, borders, finders))
        if self._list is not None and {"entities", ENTITY_IDS} & set(found):
            listed = _collect(self._list, data, borders, {"entities": entities_of})["entities"]
            if ENTITY_IDS in found:
                found[ENTITY_IDS] = listed
            if "entities" in found:
                found["entities"] = prefer(listed, found["entities"])
        return found

    def numbered(self, spans: LabelledSpans) -> EntitySpans:
        """Returns the spans that have an id of the gazetteer, as entity numbers."""
        return spans.numbered(self._numbers)


_SOURCE_NAMES: Mapping[str, str] = {
    "ner": "the model's named entities",
    "noun-chunks": "the model's noun chunks",
    "pos": "runs of nouns, by the model's tags",
    "jieba": "jieba's parts of speech",
    "none": "nothing",
    "gazetteer": "the gazetteer",
}


def _lacks(rule: str, model: str, nlp: "Language | None") -> str:
    if nlp is None:
        return f"phrases by {rule!r} need a spaCy model; use 'jieba' or 'none' without one"
    what = "a parser and noun chunks of its language" if rule == "noun-chunks" else "a tagger"
    found = ", ".join(nlp.pipe_names) or "words"
    return (
        f"the spaCy model {model!r} lacks {what}, it has only {found}; "
        "use another rule for phrases: auto, jieba, none"
    )


def _sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest() if content else ""


def _collect(
    nlp: "Language", data: Bytes, borders: Int64, finders: Mapping[str, Callable[["Doc"], Found]]
) -> dict[str, LabelledSpans]:
    """Runs a pipeline over the pieces of a text."""
    collectors = {kind: SpanCollector(data) for kind in finders}
    for doc, begin in documents(nlp, data, borders):
        for kind, find in finders.items():
            collectors[kind].add(find(doc), begin, len(doc.text))
    return {kind: collector.spans() for kind, collector in collectors.items()}


def prefer(kept: LabelledSpans, others: LabelledSpans) -> LabelledSpans:
    """Returns the union of two sets of spans, without those of `others` that overlap one of `kept`.

    >>> def spans(*pairs):
    ...     starts, ends = np.array(pairs).T
    ...     return LabelledSpans(starts, ends, ["X"] * len(pairs), [""] * len(pairs))
    >>> both = prefer(spans((4, 8)), spans((0, 3), (6, 9), (9, 10)))
    >>> both.starts.tolist(), both.ends.tolist()
    ([0, 4, 9], [3, 8, 10])
    """
    # The first kept span that ends after another one begins must not begin before that one ends.
    after = np.searchsorted(kept.ends, others.starts, "right")
    starts = np.append(kept.starts, np.iinfo(np.int64).max)
    free = np.flatnonzero(others.ends <= starts[after])
    both = join_spans([kept, others.take(free)])
    return both.take(np.argsort(both.starts, kind="stable"))
