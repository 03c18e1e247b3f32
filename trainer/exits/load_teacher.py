"""Makes the model that `shardmill distil` trains, and checks it against the data."""

from collections.abc import Sequence

from schemas.errors import UsageError
from schemas.label_kinds import CLASS
from trainer.exits.distilled import Distilled
from trainer.exits.fine_tuned import open_fine_tuned
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
    exits = exits_of(name, teacher.hf.config, width)
    check_tokenizer(name, "", [corpus])
    found = Distilled(teacher.hf, exits, longest)
    if found.positions < longest:
        raise UsageError(
            f"--model {name} has positions for {found.positions} tokens, the longest row of "
            f"{corpus.folder} has {longest}; build it with a smaller --max-seq-length"
        )
    if recipe.segments > teacher.hf.config.type_vocab_size:
        raise UsageError(
            f"--model {name} has no second segment, which the rows of {corpus.folder} have; build "
            "it of one text"
        )
    return found
