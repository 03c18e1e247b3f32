"""The plan of a pipeline, as people and programs read it."""

import os
from collections.abc import Sequence
from typing import Any

from pipelines.report.columns import in_columns
from pipelines.stages.stages_file import Stages
from pipelines.stages.states import Planned
from schemas.addresses import without_secrets

_LEFT_OUT = "left out"
_PROSE = (3,)
"""The column of the state, which may have reasons."""


def plan_text(stages: Stages, plan: Sequence[Planned], width: int) -> str:
    """Returns a table of all steps.

    Args:
      stages: The pipeline.
      plan: Its steps.
      width: Characters of a line.
    """
    rows = [
        [
            planned.step.name,
            planned.step.command,
            os.path.join(stages.output, planned.step.name),
            _LEFT_OUT if planned.state is None else str(planned.state),
        ]
        for planned in plan
    ]
    return in_columns([["step", "command", "output", "state"], *rows], width, _PROSE) + "\n"


def plan_json(stages: Stages, plan: Sequence[Planned]) -> dict[str, Any]:
    """Returns the plan as a JSON object."""
    return {
        "file": stages.path,
        "output": stages.place,
        "steps": [
            {
                "name": planned.step.name,
                "command": planned.step.command,
                "arguments": [*map(without_secrets, stages.arguments_of(planned.step))],
                "output": stages.place_of(planned.step.name),
                "needs": list(planned.step.needs),
                "state": _LEFT_OUT if planned.state is None else planned.state.kind,
                "reasons": [] if planned.state is None else list(planned.state.reasons),
                "replaces": planned.state is not None and planned.state.replaces,
            }
            for planned in plan
        ],
    }
