"""Tokenization: from text to token ids, exactly as the tokenizer has them; training of tokenizers.

For code that calls the `tokenizers` library, or relates its tokens to words and spans of text.

May import: annotate, text, arrays, kernels, schemas.
"""
