"""The tokens of a model and what each is made of.

A text is a bag of words, of its words' character n-grams, and of pairs of neighbouring words. Since all n-grams lie
inside words, a linear model over this bag is one over words alone, each word's row being the sum of its own weight and
its n-grams' weights: serving looks up a dozen rows and sees subwords all the same (compare Bojanowski et al., 2017,
doi:10.1162/tacl_a_00051). A word never seen is cut into known pieces (WordPiece, longest match first); a piece's row is
the sum of the n-grams inside it. Signs of scripts without spaces (Chinese, Japanese kana, Thai, ...) are words of one
sign, which pairs of neighbours make up for.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
import scipy.sparse as sp
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from services.classify.serving.bags import Bags, Pairs, bags, pieces

SHORTEST, LONGEST = 3, 5
"""Lengths of character n-grams, a word's edges counted."""
WORD_WEIGHT = 2.0
"""What a whole word or pair weighs, an n-gram weighing 1: a word has a dozen n-grams and should not drown in them."""
FEWEST_TEXTS = 2
"""N-grams and pairs of fewer texts are left out."""
MOST_WEIGHTS = 6_000_000
"""Features times categories, at most: memory while learning and the size of the model follow it."""
UNKNOWN = "[UNK]"
LONGEST_WORD = 60

_Key = TypeVar("_Key", str, tuple[str, str])

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORDS = rf"[{_UNSPACED}]|[[\p{{L}}\p{{N}}]&&[^{_UNSPACED}]]+"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """A tokenizer, the pairs it goes with, and `made_of`: one row for each token and pair, one column for each feature.

    A row holds inverse document frequencies; `sizes` is each row's squared length, by which texts are normed.
    """

    tokenizer: Tokenizer
    pairs: Pairs
    made_of: sp.csr_matrix
    sizes: np.ndarray

    def weigh(self, texts: Sequence[str]) -> sp.csr_matrix:
        """Give texts as rows of length about 1 over tokens and pairs, as serving does."""
        found = self._bags(texts)
        weights = sp.csr_matrix(
            (found.weights, (found.rows, found.ids)), shape=(len(texts), self.made_of.shape[0]), dtype=np.float32
        )
        lengths = np.sqrt(weights.multiply(weights) @ self.sizes)
        return (sp.diags_array(1 / np.maximum(lengths, 1e-6), dtype=np.float32) @ weights).tocsr()

    def unknown(self, texts: Sequence[str]) -> np.ndarray:
        """Give the share of each text's tokens that are not known, or in pieces alone."""
        return self._bags(texts).share(pieces(self.tokenizer))

    def _bags(self, texts: Sequence[str]) -> Bags:
        return bags([each.ids for each in self.tokenizer.encode_batch(texts, add_special_tokens=False)], self.pairs)


def build(texts: Sequence[str], categories: int, max_tokens: int) -> Vocabulary:
    """Make the vocabulary of `texts` for a model of so many categories; the same texts give the same."""
    tokenizer = _empty()
    documents = [
        [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text))]
        for text in texts
    ]
    room = max(MOST_WEIGHTS // categories, 3_000)
    counts = _Counts.of(documents)
    words = _commonest(counts.words, room * 2 // 5, fewest=1)
    grams = _commonest(counts.grams, room * 2 // 5)
    known = set(words)
    pairs = _commonest(
        Counter({pair: count for pair, count in counts.pairs.items() if known.issuperset(pair)}), room // 5
    )
    tokens = _tokens(words, grams)
    ids = {token: number for number, token in enumerate(tokens)}
    tokenizer.model = models.WordPiece(ids, unk_token=UNKNOWN, max_input_chars_per_word=LONGEST_WORD)
    tokenizer.enable_truncation(max_tokens)
    keys = sorted((ids[first] * len(tokens) + ids[second], (first, second)) for first, second in pairs)
    made_of = _made_of(tokens, [pair for _, pair in keys], words, grams, counts)
    return Vocabulary(
        tokenizer=tokenizer,
        pairs=Pairs(tokens=len(tokens), keys=np.array([key for key, _ in keys], dtype=np.int64)),
        made_of=made_of,
        sizes=np.asarray(made_of.multiply(made_of).sum(axis=1), dtype=np.float32).ravel(),
    )


@dataclass(frozen=True, slots=True)
class _Counts:
    """In how many texts each word, n-gram and pair of words occurs."""

    texts: int
    words: Counter[str]
    grams: Counter[str]
    pairs: Counter[tuple[str, str]]

    @classmethod
    def of(cls, documents: Sequence[Sequence[str]]) -> "_Counts":
        counts = cls(len(documents), Counter(), Counter(), Counter())
        inside: dict[str, frozenset[str]] = {}
        for document in documents:
            words = set(document)
            counts.words.update(words)
            counts.pairs.update(set(pairwise(document)))
            for word in words - inside.keys():
                inside[word] = frozenset(_grams(f"<{word}>"))
            counts.grams.update(set().union(*(inside[word] for word in words)))
        return counts


def _empty() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece({UNKNOWN: 0}, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_WORDS), "removed", invert=True)
    return tokenizer


def _grams(text: str) -> list[str]:
    return [
        text[start : start + length]
        for length in range(SHORTEST, LONGEST + 1)
        for start in range(len(text) - length + 1)
    ]


def _commonest(counts: Counter[_Key], most: int, fewest: int = FEWEST_TEXTS) -> list[_Key]:
    enough = [each for each, count in counts.items() if count >= fewest]
    return sorted(sorted(enough, key=lambda each: (-counts[each], each))[:most])


def _tokens(words: Iterable[str], grams: Iterable[str]) -> list[str]:
    """Words, the pieces that n-grams are, and every sign on its own, so that any known sign can be passed over."""
    signs = {sign for word in words for sign in word}
    starts = {gram[1:].rstrip(">") for gram in grams if gram.startswith("<")}
    inner = {gram.rstrip(">") for gram in grams if not gram.startswith("<")}
    whole = {token for token in {*words, *starts, *signs} if len(token) <= LONGEST_WORD}
    return [UNKNOWN, *sorted(whole), *sorted(f"##{piece}" for piece in inner | signs)]


def _made_of(
    tokens: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    words: Sequence[str],
    grams: Sequence[str],
    counts: _Counts,
) -> sp.csr_matrix:
    of_word = {word: column for column, word in enumerate(words)}
    of_gram = {gram: len(words) + column for column, gram in enumerate(grams)}
    rows, columns, values = [], [], []
    for row, token in enumerate(tokens):
        if token in of_word:
            rows.append(row)
            columns.append(of_word[token])
            values.append(WORD_WEIGHT * _rarity(counts.words[token], counts.texts))
        for gram in _grams(_edged(token, whole=token in of_word)):
            if gram in of_gram:
                rows.append(row)
                columns.append(of_gram[gram])
                values.append(_rarity(counts.grams[gram], counts.texts))
    first_pair = len(words) + len(grams)
    for number, pair in enumerate(pairs):
        rows.append(len(tokens) + number)
        columns.append(first_pair + number)
        values.append(WORD_WEIGHT * _rarity(counts.pairs[pair], counts.texts))
    shape = (len(tokens) + len(pairs), first_pair + len(pairs))
    return sp.csr_matrix((values, (rows, columns)), shape=shape, dtype=np.float32)


def _edged(token: str, *, whole: bool) -> str:
    if token == UNKNOWN:
        return ""
    if token.startswith("##"):
        return token[2:]
    return f"<{token}>" if whole else f"<{token}"


def _rarity(count: int, texts: int) -> float:
    """Give the inverse document frequency, smoothed."""
    return math.log((1 + texts) / (1 + count)) + 1.0
