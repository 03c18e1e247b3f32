"""What the user asked for, as values: what `shardmill build` and `shardmill annotate` take."""

import dataclasses
from collections.abc import Mapping

from pipelines.planning.filter_arguments import FilterOptions
from transforms.objectives.settings import Scalar

OWN_OPTIONS: Mapping[str, str] = {
    "max_seq_length": "--max-seq-length",
    "copies": "--copies",
    "passes": "--passes",
    "corrupt.0.select.stages": "--stages",
    "segment.keep": "--keep",
}
"""The options that are short for a field of a recipe, by its path."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextOptions:
    """What every command that reads text on a runner is asked for."""

    input: tuple[str, ...]
    output: str
    format: str
    encoding: str | None
    text_field: str
    document_separator: str | None
    workers: int
    memory_gib: float
    temp_dir: str | None
    overwrite: bool
    beam_args: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class WordOptions(TextOptions):
    """What a count of words is asked for."""

    min_count: int
    size: int | None
    segmenter: str
    user_dict: str | None
    filters: FilterOptions = FilterOptions()


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions(TextOptions):
    """What every command that makes shards of text is asked for.

    Attributes:
      saved: All options that decide what is made, as the file for --config that repeats it.
    """

    max_document_mib: int
    max_rejected: int
    spacy_model: str
    gazetteer: str | None
    entities: str | None
    anchors: str | None
    ignore_case: bool
    phrases: str
    shards: int | None
    dry_run: bool
    saved: str

    @property
    def annotator_options(self) -> list[str]:
        """The options of the annotator that were given."""
        given = {
            "--spacy-model": self.spacy_model,
            "--gazetteer": self.gazetteer,
            "--entities": self.entities,
            "--ignore-case": self.ignore_case,
            "--phrases": self.phrases != "auto",
        }
        return [name for name, value in given.items() if value]

    @property
    def named_files(self) -> list[str]:
        """The files that options name, those with the text left out."""
        return [name for name in (self.gazetteer, self.entities) if name]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildOptions(RunOptions):
    """What the user asked for; every field is an option of the same name."""

    recipe: str
    members: str | None
    tokenizer: str
    tiktoken_pattern: str | None = None
    tokenizer_differences: int = 0
    sentences: str
    dedup: bool
    segmenter: str
    user_dict: str | None
    counts: str | None
    markers: str | None
    special_tokens: Mapping[str, str]
    settings: Mapping[str, Scalar]
    parity: bool
    eval_fraction: float | None
    seed: int
    annotations: str | None
    fields: str | None
    labels: str | None
    columns: str | None
    unlabelled: bool
    eval_input: tuple[str, ...]
    source: tuple[str, ...] = ()
    """Values of --source; `input` has their patterns."""
    filters: FilterOptions = FilterOptions()

    @property
    def named_files(self) -> list[str]:
        more = (self.tokenizer, self.user_dict, self.counts, self.markers)
        return [*super().named_files, *(name for name in more if name)]
