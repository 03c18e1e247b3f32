"""`shardmill recipes`: the objectives there are, and everything that can be set in each."""

import argparse
import sys
import textwrap
from collections.abc import Sequence

from pipelines.planning.members import find_mixture
from pipelines.report.columns import in_columns
from pipelines.report.describe import describe, summarize
from schemas.errors import UsageError
from schemas.numbers import whole
from schemas.parser import Parser
from schemas.program import one_sentence
from schemas.terminal import columns, console, write_json
from transforms.objectives import MIXTURES, OBJECTIVES, TASKS
from transforms.objectives.mixture import Mixture
from transforms.objectives.recipe import Recipe
from transforms.objectives.schedule import STEPS_OF_A_MEMBER
from transforms.objectives.settings import find_recipe

MAX_STEPS = 1_000_000_000


def _parser() -> Parser:
    parser = Parser(
        "recipes",
        description="List the objectives, and the tasks of labelled records, or explain one: "
        "fields, columns, sources.",
        epilog="Example: shardmill recipes bert-wwm",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="explain this recipe")
    parser.add_argument(
        "--members",
        metavar="NAME[=W],...",
        help="with the name mixture: what it is made of, as `shardmill build mixture` takes it",
    )
    parser.add_argument(
        "--steps",
        type=whole(1, MAX_STEPS),
        metavar="N",
        help=f"with --plan: training steps in all ({STEPS_OF_A_MEMBER:,} for each member)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--plan",
        action="store_true",
        help="show how `shardmill train --mix continual` spends the steps of a mixture",
    )
    form.add_argument("--json", action="store_true", help="print JSON, for programs")
    form.add_argument("--markdown", action="store_true", help="print Markdown, for documentation")
    return parser


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    options = _parser().parse_args(argv)
    try:
        mixture = find_mixture(options.name, options.members) if options.name else None
        recipe = find_recipe(options.name) if options.name and mixture is None else None
    except ValueError as error:
        raise UsageError(str(error)) from error
    plain = not (options.plan or options.steps is not None or options.json or options.markdown)
    if options.name is None and plain:
        sys.stdout.write(_list(columns()))
    else:
        _explain(recipe, mixture, options)
    return 0


def _list(width: int) -> str:
    """Returns the table of objectives, without rich: to load it takes longer than all the rest."""
    rows = [summarize(recipe) for recipe in OBJECTIVES.values()]
    head = list(rows[0])
    prose = [head.index(name) for name in ("summary", "columns")]
    table = in_columns([head, *([*map(str, row.values())] for row in rows)], width, prose)
    mixtures = [
        f"{mixture.name}: {mixture.summary} ({', '.join(mixture.names)})"
        for mixture in MIXTURES.values()
    ]
    tasks = [f"{task.name}: {task.summary}" for task in TASKS.values()]
    how = "shardmill recipes NAME explains one, with every field that can be set."
    return (
        "\n\n".join([table, *(textwrap.fill(text, width) for text in [*mixtures, *tasks, how])])
        + "\n"
    )


def _explain(recipe: Recipe | None, mixture: Mixture | None, options: argparse.Namespace) -> None:
    """Explains a recipe or a mixture, or all recipes, in the form that was asked for."""
    from pipelines.report.explain import explain, markdown
    from pipelines.report.mixtures import explain_mixture, mixture_markdown, show_schedule

    if options.plan or options.steps is not None:
        show_schedule(mixture, options.steps, console())
    elif mixture is not None and options.markdown:
        sys.stdout.write(mixture_markdown(mixture))
    elif mixture is not None:
        explain_mixture(mixture, as_json=options.json)
    elif recipe is not None and options.json:
        write_json(describe(recipe), indent=2)
    elif recipe is not None and options.markdown:
        sys.stdout.write(markdown([describe(recipe)], preamble=False))
    elif recipe is not None:
        explain(describe(recipe), console())
    elif options.json:
        write_json([*map(describe, OBJECTIVES.values())], indent=2)
    else:
        sys.stdout.write(markdown([*map(describe, OBJECTIVES.values())], preamble=True))
        sys.stdout.write("".join(map(mixture_markdown, MIXTURES.values())))


if __name__ == "__main__":
    sys.exit(main())
