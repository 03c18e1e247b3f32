"""Which tokens a model may see where it predicts one."""

BIDIRECTIONAL, CAUSAL, TWO_STREAM, STRUCTURED, ENCODER_DECODER, MULTI_FLOW, CONTEXTS, RECURRENT = (
    ATTENTIONS
) = (
    "bidirectional",
    "causal",
    "two_stream",
    "structured",
    "encoder_decoder",
    "multi_flow",
    "contexts",
    "recurrent",
)
"""All tokens of the row; those before; those before in a permuted order, besides the ones that have
no place in it; those that a mode lets it see, see `transforms.contract.modes`; all of a source, and
those before of a target; the same, where a target is predicted from queries beside it, see
`transforms.contract.denoising.FLOWS`; the words around it, of a window of its line; those
before, in one of two directions, of which a state is all that is left."""
PADDED = frozenset({BIDIRECTIONAL, STRUCTURED, ENCODER_DECODER, MULTI_FLOW})
"""Kinds of attention whose models have a padding token in their configuration."""
