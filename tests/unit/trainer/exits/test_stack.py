import pytest
import torch

from tests.support.classifiers import classifier
from trainer.exits.leaving import PackedRows, borders_of
from trainer.exits.stack import Stack
from trainer.models.task_families import TASK_FAMILIES

LENGTHS = (7, 1, 12, 3)


@pytest.mark.parametrize("model_type", TASK_FAMILIES)
def test_layer_by_layer_packed_rows_are_what_the_model_makes_of_each(model_type: str) -> None:
    hf = classifier(model_type, num_labels=3)
    torch.manual_seed(6)
    ids = [torch.randint(1, 3000, (length,)) for length in LENGTHS]
    types = [(torch.arange(length) >= 2).long() for length in LENGTHS]
    with torch.no_grad():
        whole = [
            hf(input_ids=each[None], token_type_ids=kind[None], output_hidden_states=True)
            for each, kind in zip(ids, types, strict=True)
        ]
        stack = Stack(hf)
        rows = PackedRows(torch.cat(ids), torch.cat(types), torch.tensor(LENGTHS))
        borders = borders_of(rows.lengths)
        given = stack.embed(rows.ids[None], rows.types[None], rows.positions[None])
        states = list(stack.states(given, borders, max(LENGTHS)))
        logits = stack.classify(states[-1], borders)
    assert len(states) == 4
    for layer, state in enumerate(states, 1):
        expected = torch.cat([each.hidden_states[layer][0] for each in whole])
        torch.testing.assert_close(state[0], expected, atol=1e-5, rtol=1e-4)
    expected = torch.cat([each.logits for each in whole])
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-4)


def test_positions_are_those_that_are_left_behind_the_padding_token() -> None:
    assert Stack(classifier()).positions == 64
    assert Stack(classifier("roberta", pad_token_id=1)).positions == 62
