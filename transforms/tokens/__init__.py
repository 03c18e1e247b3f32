"""From text to token ids, exactly as the tokenizer gives them; and the training of tokenizers.

Imports: annotate, text, arrays, schemas.
"""
