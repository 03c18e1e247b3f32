"""What the lines of a run's files are called."""

LOG, SAMPLES = "log.jsonl", "samples.jsonl"
"""Figures and notes; and predictions of a few rows at each evaluation."""
TRAIN_EVENT, EVAL_EVENT, NOTE_EVENT, SAMPLE_EVENT = "train", "eval", "note", "sample"
EVENTS = frozenset({TRAIN_EVENT, EVAL_EVENT, NOTE_EVENT, SAMPLE_EVENT})
"""Of all lines that are ours."""
