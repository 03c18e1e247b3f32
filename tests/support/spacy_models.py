"""A small statistical spaCy pipeline, trained on a few labelled sentences."""

from pathlib import Path

from tests.support.made_once import made_once

SENTENCES = [
    ("{0} went to {1} .", ("PERSON", "PLACE")),
    ("{0} lives in {1} .", ("PERSON", "PLACE")),
    ("yesterday {0} came back from {1} .", ("PERSON", "PLACE")),
    ("the train to {0} was late .", ("PLACE",)),
    ("we saw {0} again .", ("PERSON",)),
]
NAMES = {
    "PERSON": ["Anna Karl", "Peter Lund", "Maria Sand", "Otto Berg", "Ida Holm"],
    "PLACE": ["Paris", "New York", "Oslo", "Port Louis", "Rome"],
}


def trained_model() -> str:
    """Returns the folder of a pipeline that finds persons, places and parts of speech."""
    return str(made_once("spacy-model", _train))


def _train(folder: Path) -> None:
    import spacy
    from spacy.training import Example
    from spacy.util import fix_random_seed

    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger")
    nlp.add_pipe("ner")
    examples = []
    for number in range(5):
        for text, labels in SENTENCES:
            chosen = [NAMES[label][(number + at) % 5] for at, label in enumerate(labels)]
            whole = text.format(*chosen)
            entities = [
                (whole.index(name), whole.index(name) + len(name), label)
                for name, label in zip(chosen, labels, strict=True)
            ]
            doc = nlp.make_doc(whole)
            inside = [any(b <= w.idx < e for b, e, _ in entities) for w in doc]
            tags = [
                "NN" if known or w.text == "train" else "XX"
                for w, known in zip(doc, inside, strict=True)
            ]
            examples.append(Example.from_dict(doc, {"entities": entities, "tags": tags}))
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    nlp.to_disk(folder)
