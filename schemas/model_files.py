"""Names of files beside a saved model that say how it was made: the same model may have others."""

CARD, PLOT = "README.md", "loss.svg"
DESCRIBING = frozenset({CARD, PLOT})
