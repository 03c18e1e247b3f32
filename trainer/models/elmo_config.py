"""The configuration of ELMo, known to `transformers` by its type."""

from typing import Any

import transformers


class ElmoConfig(transformers.PretrainedConfig):
    """Sizes of ELMo; without any, those of the reference.

    Attributes:
      vocab_size: Words that are predicted.
      character_size: Width of the vectors of characters.
      filters: Width and number of each kind of filters over characters.
      highways: Highway layers.
      hidden_size: Width of words and of the LSTMs' outputs (projections), of each direction.
      cell_size: Cells of an LSTM.
      num_hidden_layers: Layers of LSTMs.
      clip: Largest value of cells and of outputs, either sign.
      dropout: Of the inputs of each layer, and of the last outputs.
      negatives: Words that are drawn for a batch in training, for each direction.

    Source: allenai/bilm-tf bin/train_elmo.py.
    """

    model_type = "elmo"

    def __init__(
        self,
        vocab_size: int = 800_000,
        character_size: int = 16,
        filters: Any = ((1, 32), (2, 32), (3, 64), (4, 128), (5, 256), (6, 512), (7, 1024)),
        highways: int = 2,
        hidden_size: int = 512,
        cell_size: int = 4096,
        num_hidden_layers: int = 2,
        clip: float = 3.0,
        dropout: float = 0.1,
        negatives: int = 8192,
        **kwargs: Any,
    ) -> None:
        self.vocab_size = vocab_size
        self.character_size = character_size
        self.filters = [list(each) for each in filters]
        self.highways = highways
        self.hidden_size = hidden_size
        self.cell_size = cell_size
        self.num_hidden_layers = num_hidden_layers
        self.clip = clip
        self.dropout = dropout
        self.negatives = negatives
        super().__init__(**kwargs)


transformers.AutoConfig.register(ElmoConfig.model_type, ElmoConfig, exist_ok=True)
