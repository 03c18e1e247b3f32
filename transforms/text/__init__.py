"""Operations on UTF-8 text: normalisation, sentences, Chinese words, letters, sentence openings.

For code that finds places in text, given as an array of bytes. Tokens come later.

May import: arrays, kernels, schemas.
"""
