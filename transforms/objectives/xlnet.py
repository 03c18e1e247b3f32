"""XLNet: tokens in a permuted order, in rows that go on with the text of the row before."""

from transforms.corruption.context_spans import ContextSpans
from transforms.corruption.factorization import FactorizationOrder
from transforms.corruption.targets import PermutedTokens
from transforms.objectives.corruption import Corruption
from transforms.objectives.recipe import Recipe
from transforms.pairs.stream_pairs import StreamPairs
from transforms.windows.lay_out import Layout
from transforms.windows.recurrent_stream import RecurrentStream

XLNET = Recipe(
    name="xlnet",
    summary="Tokens in a permuted order, in rows that go on with the text of the row before.",
    source="Yang et al. 2019, 2; zihangdai/xlnet data_utils.py",
    segment=RecurrentStream(),
    pair=StreamPairs(),
    layout=Layout(prefix=(), suffix=("sep", "cls"), own_types=("cls",)),
    corrupt=(
        Corruption(
            select=ContextSpans(),
            rewrite=FactorizationOrder(),
            targets=PermutedTokens(),
        ),
    ),
    order="lanes",
    memory=384,
    parity=(
        ("pair.same_document", True),
        ("pair.gaps", True),
        ("corrupt.0.select.token_spans", True),
        ("corrupt.0.select.special_targets", True),
    ),
)
