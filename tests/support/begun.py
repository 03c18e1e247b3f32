"""What a program that is forked finds begun; only the process that programs are forked from imports
this, see `tests.support.forked`.

A run of training takes a tenth of a second beside what it does once a process: it imports what it
needs late, Numba sets up its types, `transformers` compiles some nine hundred patterns of names.
"""

import gc
import importlib

import numpy as np
from transformers.conversion_mapping import get_checkpoint_conversion_mapping

from transforms.kernels.draws import mixed

_IMPORTED = (
    "trainer.prepare",
    "trainer.train",
    "pipelines.run_build",
    "transformers.models.bert.modeling_bert",
    "transformers.models.electra.modeling_electra",
    # By metrics of classes, and by pyarrow where it is installed.
    "sklearn.metrics",
    "pandas",
    # By Numba, with the first machine code that it loads.
    "numba.core.typing.cffi_utils",
)

for _name in _IMPORTED:
    importlib.import_module(_name)
mixed(np.uint64(1))
get_checkpoint_conversion_mapping("bert")
# Programs need not look through all of this for garbage.
gc.freeze()
