"""Makes the model that `shardmill distil` trains, and checks it against the data."""

from collections.abc import Sequence

from schemas.errors import UsageError
from schemas.label_kinds import CLASS
from trainer.exits.distilled import Distilled
from trainer.exits.fine_tuned import a_label, open_fine_tuned
from trainer.exits.saved import exits_of
from trainer.models.same_tokenizer import check_tokenizer
from transforms.build.corpus import Corpus


def load_teacher(name: str, corpora: Sequence[Corpus], longest: int, width: int) -> Distilled:
    """Opens a fine-tuned classifier, and draws students for it from torch's generator.

    Args:
      name: Its folder.
      corpora: What students learn from: one build, whose labels are not looked at.
      longest: Maximum tokens of a row.
      width: Of the students.

    Raises:
      UsageError: if there is no such model, or it does not fit the data.
    """
    corpus, *others = corpora
    recipe = corpus.recipe
    if others:
        raise UsageError(
            f"--data holds {', '.join(each.folder for each in corpora)}, and exits learn from one "
            "build; name it"
        )
    if recipe.labelled is None or recipe.labelled.kind != CLASS:
        raise UsageError(
            f"--data {corpus.folder} is a build of {recipe.name}, and exits learn from rows of "
            "classify, with labels or without"
        )
    teacher = open_fine_tuned(name)
    if teacher.kind != CLASS:
        raise UsageError(
            f"--model {name} predicts {a_label(teacher.kind)} and has no classes to be sure of: "
            "exits are for shardmill train on rows of classify with two classes or more"
        )
    exits = exits_of(name, teacher.hf.config, width)
    check_tokenizer(name, "", [corpus])
    found = Distilled(teacher.hf, exits, longest)
    if found.positions < longest:
        raise UsageError(
            f"--model {name} has positions for {found.positions} tokens, the longest row of "
            f"{corpus.folder} has {longest}; build it with a smaller --max-seq-length"
        )
    return found
