"""BERT with whole-word masking, for Latin script and Chinese in one text."""

import dataclasses

from transforms.corruption.select import BudgetedUnits
from transforms.corruption.units import WordUnits
from transforms.objectives.bert import BERT
from transforms.objectives.corruption import Corruption
from transforms.objectives.recipe import Recipe
from transforms.windows.pack_windows import FullSentences

WHOLE_WORDS = Corruption(select=BudgetedUnits(units=WordUnits()))

BERT_WWM = dataclasses.replace(
    BERT,
    name="bert-wwm",
    summary="BERT, masking whole words: jieba's for Chinese, the tokenizer's elsewhere.",
    source="Cui et al. 2019; google-research/bert do_whole_word_mask; Chinese-BERT-wwm #13, #17",
    corrupt=(WHOLE_WORDS,),
    parity=(*BERT.parity, ("layout.join_split_word", True)),
)

ROBERTA_WWM_EXT = Recipe(
    name="roberta-wwm-ext",
    summary="Whole words in full sentences of up to 512 tokens, without pairs.",
    source="Cui et al. 2019, RoBERTa-wwm-ext; Chinese-BERT-wwm README",
    segment=FullSentences(),
    corrupt=(WHOLE_WORDS,),
)
