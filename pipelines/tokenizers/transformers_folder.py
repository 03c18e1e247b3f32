"""A folder whose tokenizer_config.json names a class that transformers converts itself."""

from typing import Any

from pipelines.tokenizers.converted import Converted, Original, role_names
from pipelines.tokenizers.given import CONFIG, Given
from pipelines.tokenizers.libraries import library, versioned

_PLAIN = frozenset(
    {
        "BertTokenizer",
        "DistilBertTokenizer",
        "ElectraTokenizer",
        "GPT2Tokenizer",
        "RobertaTokenizer",
        "PreTrainedTokenizer",
    }
)
"""Classes that read vocab.txt, or vocab.json and merges.txt, as the modules here do."""
_ROLES = ("cls", "sep", "mask", "pad", "unk")


def find_class(given: Given) -> str | None:
    """Returns the class of a folder's tokenizer, if it is not one that is read here."""
    name = given.config.get("tokenizer_class") if given.is_folder else None
    if not isinstance(name, str) or name.removesuffix("Fast") in _PLAIN:
        return None
    return name


def convert_folder(given: Given, name: str) -> Converted:
    """Lets transformers load a folder, and takes the tokenizer that it made.

    Such a class may number the pieces of a SentencePiece model anew (XLMRobertaTokenizer), append
    some (T5Tokenizer) or normalise text before (AlbertTokenizer).

    Raises:
      UsageError: if transformers is missing, cannot load it, or gives no such tokenizer.
    """
    if given.folder is None:
        raise given.problem(
            f"{CONFIG} names {name}, which transformers reads, from local folders alone; copy it"
        )
    transformers = library(given, "transformers", f"a folder of {name}", "trainer")
    try:
        loaded: Any = transformers.AutoTokenizer.from_pretrained(
            given.folder, local_files_only=True, trust_remote_code=False
        )
        made: str = loaded.backend_tokenizer.to_str()
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise given.problem(
            f"transformers cannot load the {name} that {CONFIG} names: {reason}"
        ) from error

    def encode(text: str) -> list[int]:
        found: list[int] = loaded(text, add_special_tokens=False, split_special_tokens=True)[
            "input_ids"
        ]
        return found

    tokens = loaded.get_vocab()
    return Converted(
        tokenizer_json=made,
        what=f"{name} of {given.name} ({len(tokens):,} tokens)",
        original=Original(versioned("transformers"), encode),
        names=role_names({role: getattr(loaded, f"{role}_token") for role in _ROLES}, tokens),
    )
