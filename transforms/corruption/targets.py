"""Target columns: what the model has to predict."""

import dataclasses
import re
from typing import ClassVar

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numbers
from schemas.columns import Column, ranks, seen_ids, selected_positions
from schemas.records import Array
from schemas.vocabulary import Vocabulary
from transforms.arrays.arrow_lists import arrow_list
from transforms.arrays.ragged import Ragged
from transforms.checks.selection import examine_lists
from transforms.contract.attention import BIDIRECTIONAL, TWO_STREAM
from transforms.contract.oracle import Findings
from transforms.contract.part import Part
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch

RESERVED = frozenset(
    """
    add_module apply bfloat16 buffers call_super_init children clear compile cpu cuda
    dea double dump_patches entity entity_input eval extra_repr float forward get_buffer
    get_extra_state get_parameter get_submodule half ipu items keys load_state_dict
    modules mtia named_buffers named_children named_modules named_parameters parameters
    pop register_backward_hook register_buffer register_forward_hook
    register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter
    register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ rtd
    set_extra_state set_submodule share_memory smart_apply state_dict target to to_empty
    train training type update values xpu zero_grad
    """.split()  # noqa: SIM905 - a list would have a line for every name
)
"""Names that batches use otherwise, and those of the methods that torch and transformers give to
modules, which cannot be names of modules in them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _NamedTargets(Part):
    """Targets of one loss, which has their name."""

    attention: ClassVar[str] = BIDIRECTIONAL
    holds_ids: ClassVar[bool] = True

    name: str = "mlm"

    def __post_init__(self) -> None:
        check_name(self.name)

    def losses(self, *, first: bool) -> tuple[str, ...]:
        return (self.name,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskedTokens(_NamedTargets):
    """Positions and seen ids of every copy; labels are the ids that stand in `input_ids`.

    Attributes:
      name: What columns, statistics and losses of this corruption are called.

    Source: google-research/bert create_pretraining_data.py:335-415 (masked_lm_positions, _ids).
    Differs: labels are not stored again, and the rows are not padded.
    """

    stored: ClassVar[bool] = True
    standard: ClassVar[bool] = True
    can_be_first: ClassVar[bool] = True
    task: ClassVar[str] = "masked"

    def columns(self, id_type: str) -> tuple[Column, ...]:
        return selected_positions(self.name), seen_ids(self.name, id_type)

    def build(self, selected: Ragged, seen: Array, copies: int) -> tuple[pa.Array, ...]:
        return _lists_of_copies(selected, copies, selected.values, seen)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_lists(batch)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ContrastedRun(MaskedTokens):
    """A run of tokens in each row, to be distinguished from the runs of other rows.

    It is stored as masked tokens are, and the model sees it masked; the task is to identify, among
    the runs of a batch, the one that was removed from the row.

    Attributes:
      name: What columns, statistics and losses of this corruption are called.

    Source: Kong et al. 2020, 4.
    """

    standard: ClassVar[bool] = False
    can_be_first: ClassVar[bool] = False
    task: ClassVar[str] = "contrasted"

    name: str = "ngram"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PermutedTokens(MaskedTokens):
    """Tokens that are predicted one after the other, in a permuted order.

    Stored are the positions that have a place in the order, and their ranks: of the targets, and of
    the special tokens of the layout, which are no targets. With them every token's view follows: it
    sees the tokens without a rank, and those of a lower rank in its half; a special token sees
    itself, too. The first half sees nothing of the second one, and the second one all of the first.

    Attributes:
      name: What columns, statistics and losses of this corruption are called.

    Source: Yang et al. 2019, 2.2; zihangdai/xlnet data_utils.py (_local_perm).
    Differs: ranks are stored, in place of permutations that are drawn anew each time a row is read;
      there are as many as the recipe has copies.
    """

    attention: ClassVar[str] = TWO_STREAM
    holds_ids: ClassVar[bool] = False
    standard: ClassVar[bool] = False
    task: ClassVar[str] = "permuted"

    name: str = "plm"

    def columns(self, id_type: str) -> tuple[Column, ...]:
        return selected_positions(self.name), ranks(self.name)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskedSpans(MaskedTokens):
    """Masked tokens that are also predicted from the two tokens around their run (SBO).

    A run is all that is selected without a gap, so nothing more is stored. A run that
    touches the beginning or the end of a segment has no boundary and no SBO target.

    Attributes:
      name: What columns, statistics and losses of this corruption are called.

    Source: Joshi et al. 2020, 3.2, span boundary objective; facebookresearch/SpanBERT
      pretraining/fairseq/data/no_nsp_span_bert_dataset.py.
    Differs: pairs of boundaries are not stored.
    """

    task: ClassVar[str] = "masked_spans"

    def losses(self, *, first: bool) -> tuple[str, ...]:
        return self.name, "sbo" if first else f"{self.name}_sbo"


@dataclasses.dataclass(frozen=True, kw_only=True)
class FreshTokens(_NamedTargets):
    """Nothing is stored: the trainer samples this corruption again in every epoch.

    Attributes:
      name: What losses of this corruption are called.

    Source: Liu et al. 2019, 4.1, dynamic masking; google-research/electra pretrain_helpers.py.
    """

    stored: ClassVar[bool] = False
    standard: ClassVar[bool] = False
    can_be_first: ClassVar[bool] = True
    task: ClassVar[str] = "masked"

    def columns(self, id_type: str) -> tuple[Column, ...]:
        return ()

    def build(self, selected: Ragged, seen: Array, copies: int) -> tuple[pa.Array, ...]:
        return ()


def _lists_of_copies(lists: Ragged, copies: int, *values: Array) -> tuple[pa.Array, ...]:
    """Returns Arrow list<list<T>>[R] of each of some values: a list of its copies for each row.

    Example, two copies of two rows: lists of offsets 0 2 3 3 4 and values a b c d
      give [[a b], [c]] and [[], [d]]
    """
    rows = np.arange(0, len(lists) + 1, copies)
    return tuple(arrow_list(rows, arrow_list(lists.offsets, numbers(each))) for each in values)


def check_name(name: str) -> None:
    """Raises ValueError unless a name can be part of a column's."""
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise ValueError(f"name must be of lower-case letters, digits and _, got {name!r}")
    if name in RESERVED:
        raise ValueError(f"name cannot be {name!r}, which means something else in training")
