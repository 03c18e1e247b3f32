"""Tokens that are replaced where rows are read: nothing is stored of them but a seed a row."""

import dataclasses

from schemas.records import Array, Int64
from transforms.arrays.edits import Edits
from transforms.arrays.ragged import Ragged, read_only
from transforms.arrays.randomness import threshold


@dataclasses.dataclass(frozen=True, eq=False)
class TokenNoise:
    """For each token on its own: the mask token, a random token, or the token itself.

    What becomes of a token is a pure function of the seed of its row, the number of the copy, and
    the token's place in its list.

    Attributes:
      mask_share: Probability of the mask token.
      random_share: Probability of a random token; what remains is kept.
      mask: The mask token.
      choices: int64[N]; what a random token may be.
      first: The first token of a list that may be replaced, by its number.
    """

    mask_share: float
    random_share: float
    mask: int
    choices: Int64
    first: int = 0

    def applied(self, tokens: Ragged, edits: Edits) -> Array:
        """Returns the tokens with noise.

        Args:
          tokens: A list for each copy of each row.
          edits: Likewise; their seeds are those of the noise.
        """
        from transforms.kernels.scattered import replace_tokens

        assert edits.seeds is not None
        found = tokens.values.copy()
        shares = threshold(self.mask_share), threshold(self.mask_share + self.random_share)
        choices = read_only(self.choices, found.dtype)
        lists = read_only(tokens.offsets), read_only(edits.seeds)
        replace_tokens(lists, self.first, shares, self.mask, choices, found)
        return found
