from pathlib import Path

from tests.support.run_logs import evaluated, train, write_log
from trainer.curves.panels import panels_of
from trainer.curves.run_log import read_log
from trainer.curves.sides import sides_of


def test_training_and_evaluation_share_a_chart(tmp_path: Path) -> None:
    records = [
        train(10, loss=3.0, lr=0.1),
        evaluated(10, {"loss": 3.5, "perplexity": 33.0}),
        train(20, loss=2.0, lr=0.2),
        evaluated(20, {"loss": 2.5, "perplexity": 12.0}),
    ]
    panels = panels_of(sides_of(read_log(write_log(tmp_path / "run", records))), "step")
    found = {
        panel.figure.name: [(line.run.name, line.values.tolist()) for line in panel.lines]
        for panel in panels
    }
    assert found == {
        "loss": [("training", [3.0, 2.0]), ("evaluation", [3.5, 2.5])],
        "perplexity": [("evaluation", [33.0, 12.0])],
        "lr": [("training", [0.1, 0.2])],
        "tokens_per_second": [("training", [50.0, 50.0])],
    }
