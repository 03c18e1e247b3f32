"""What the data of a run say of themselves, for its cards and its page."""

from trainer.loader.training_data import TrainingData
from trainer.report.about import About, AboutData, AboutSplit
from transforms.build.corpus import Corpus
from transforms.objectives.settings import Scalar, recipe_from, settings_of


def about_of(data: TrainingData, device: str, processes: int) -> About:
    """Returns what is known before the first step.

    Args:
      data: That are trained on; of a stream its first window.
      device: Name of the processor or the GPU.
      processes: That train.
    """
    return About(
        device=device,
        processes=processes,
        data={name: _about(corpus) for name, corpus in data.corpora.items()},
        weights=dict(data.weights) if data.mixed and not data.labelled else {},
    )


def _about(corpus: Corpus) -> AboutData:
    recipe = corpus.recipe
    usual = settings_of(recipe_from(recipe.name, {}))
    own = settings_of(recipe)
    return AboutData(
        folder=corpus.folder,
        recipe=recipe.name,
        summary=recipe.summary,
        changed={
            path: setting_text(own[path]) for path in own if usual.get(path, ...) != own[path]
        },
        checksum=corpus.checksum,
        splits={
            name: AboutSplit(
                rows=sum(shard.rows for shard in shards),
                tokens=sum(shard.tokens for shard in shards),
            )
            for name, shards in corpus.splits.items()
        },
        classes=tuple(recipe.labelled.names) if recipe.labelled else (),
    )


def setting_text(value: Scalar) -> str:
    """Returns the value of a setting as `--set` takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
