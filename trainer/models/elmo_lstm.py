"""LSTMs with projections, of two directions side by side (ELMo)."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import dropout

DIRECTIONS = 2
_FORGET = 1.0
"""Is added to what opens the forget gate: in the beginning a cell keeps its value."""


class LstmState(NamedTuple):
    """What the layers go on from, L layers of both directions.

    Attributes:
      outputs: float[L, 2, B, d].
      cells: float[L, 2, B, c].
    """

    outputs: Tensor
    cells: Tensor


class TwoWayLstm(torch.nn.Module):
    """Layers of LSTMs for two directions that do not see each other.

    Both directions read their rows from left to right: those of the second are reversed already.
    From the second layer on, the input of a layer is added to its output. Cells and outputs are
    clipped at every step.

    Source: allenai/bilm-tf bilm/training.py (LSTMCell with num_proj, cell_clip, proj_clip and a
      ResidualWrapper behind the first layer; dropout of the inputs of each).
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        width, cells = config.hidden_size, config.cell_size
        self._clip, self._dropout, self._cells = config.clip, config.dropout, cells

        def weights(*shape: int) -> torch.nn.ParameterList:
            layers = range(config.num_hidden_layers)
            found = [torch.empty(DIRECTIONS, *shape) for _ in layers]
            for each in found:
                for one in each:
                    torch.nn.init.xavier_uniform_(one)
            return torch.nn.ParameterList(found)

        self.gates = weights(2 * width, 4 * cells)
        self.projections = weights(cells, width)
        # Of one dimension, as all that does not decay.
        self.biases = torch.nn.ParameterList(
            torch.zeros(DIRECTIONS * 4 * cells) for _ in self.gates
        )

    def begin(self, rows: int) -> LstmState:
        """Returns the state of so many rows that begin: zeros."""
        layers, like = len(self.gates), self.gates[0]
        width = like.shape[1] // 2
        return LstmState(
            like.new_zeros(layers, DIRECTIONS, rows, width),
            like.new_zeros(layers, DIRECTIONS, rows, self._cells),
        )

    def forward(self, words: Tensor, state: LstmState) -> tuple[list[Tensor], LstmState]:
        """Returns float[2, B, T, d] of each layer, and the state after the last word.

        Args:
          words: float[2, B, T, d].
          state: Before the first word.
        """
        found, outputs, cells = [], [], []
        for number in range(len(self.gates)):
            given = dropout(words, self._dropout, self.training)
            hidden, output, cell = self._layer(number, given, state)
            words = hidden + given if number else hidden
            found.append(words)
            outputs.append(output)
            cells.append(cell)
        return found, LstmState(torch.stack(outputs), torch.stack(cells))

    # All inputs of a row are multiplied at once; only what goes on from step to step is in a loop.
    def _layer(self, number: int, words: Tensor, state: LstmState) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the outputs of a layer, the last one, and the last cells."""
        rows, steps, width = words.shape[1:]
        gates, projection = self.gates[number], self.projections[number]
        bias = self.biases[number].view(DIRECTIONS, 1, -1).expand(-1, rows * steps, -1)
        given = torch.baddbmm(bias, words.flatten(1, 2), gates[:, :width])
        inputs = given.unflatten(1, (rows, steps)).unbind(2)
        recurrent = gates[:, width:]
        output, cell = state.outputs[number], state.cells[number]
        found = []
        for each in inputs:
            into, value, forget, out = torch.baddbmm(each, output, recurrent).chunk(4, dim=2)
            kept = torch.sigmoid(forget + _FORGET) * cell
            cell = kept + torch.sigmoid(into) * torch.tanh(value)
            cell = cell.clamp(-self._clip, self._clip)
            output = torch.bmm(torch.sigmoid(out) * torch.tanh(cell), projection)
            output = output.clamp(-self._clip, self._clip)
            found.append(output)
        return torch.stack(found, dim=2), output, cell
