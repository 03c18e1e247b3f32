"""Trains PyTorch models on finished shards; never imports Beam.

From a shard to the loss of masked tokens:

    rows/shard_rows.py    rows of mapped shards, as rows/stored_rows.py has them
    rows/masked_rows.py   the same rows with stored or fresh masks
    rows/layouts.py       tensors of a batch
    loader/batches.py     which rows make a batch, and what tasks add to it
    models/encoder.py     hidden states, and the heads of the tasks
    tasks/masked.py       logits of the targets; any `LabelHead` takes their cross entropy

Encoder-decoders are given pairs: rows/pair_source.py, rows/pair_layout.py, loader/pair_plan.py,
models/seq2seq.py and tasks/target_tokens.py stand in the place of the last five.

Where a model remembers the rows before, each goes on where one of the batch before ended: see
loader/lanes.py, rows/lane_rows.py and memory.py.

On a stream each slot of windows has a loader of its own: see loader/stream_folder.py and
stream_slots.py for its rows, course.py and stream_feed.py for what comes next.

What a run leaves: curves/ reads its log, report/ writes its page and the cards of its models.

Imports go one way: curves, rows, tasks, then loader and models (neither imports the other), then
probes and the report, the loop and the program in this folder.
"""

import os
import sys

# `python -m` puts the folder where it is started first, where a file that is called as a module
# (types.py, proto/) would be taken for it.
if sys.argv[:1] == ["-m"] and sys.path[0] != os.path.dirname(os.path.dirname(__file__)):
    sys.path.append(sys.path.pop(0))
