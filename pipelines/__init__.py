"""Programs: build, annotate, recipes, vocab, verify, inspect, export and pipeline.

The module of a command reads its options; `run_build` and `run_annotate` do the work of the two
that need Beam.
"""

import os
import sys

# `python -m` puts the folder where it is started first, where a file that is called as a module
# (types.py, proto/) would be taken for it.
if sys.argv[:1] == ["-m"] and sys.path[0] != os.path.dirname(os.path.dirname(__file__)):
    sys.path.append(sys.path.pop(0))
