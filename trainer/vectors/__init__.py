"""Vectors of words: trained on finished builds of words, written as other programs read them.

    train.py          from options to a run: opens the build, picks the model, goes through epochs
    models.py         which model learns what a recipe predicts; the protocol is in model.py
    contexts.py       CBOW, skip-gram and fastText: compiled loops of kernels.py, several threads
    torch_contexts.py the same on a GPU, many words at once
    glove.py          GloVe, on counts of pairs: pair_shards.py hands them out
    laws.py           which words are kept, which are drawn as negatives
    subwords.py       the character n-grams of words
    run_folder.py     what lies in RUN; write_files.py and read_files.py: the vectors in it

May import: rows, loader, transforms, schemas.
Nothing of transforms that imports Beam, and torch only in torch_contexts.
"""
