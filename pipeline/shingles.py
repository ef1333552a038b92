"""Texts as sets of word shingles: what near-duplicates and traces are compared by.

Template. Prompts of one source often share a template that would make all of them near-duplicates. Within a
group, shingles fall into three classes: *frame*, in more than half of its distinct texts; *stock*, in more than
`max_document_share` of them; and a text's *own*. Only own shingles are compared. Where they are fewer than the
stock ones, a text differs from its neighbours in how it combines common pieces (a Blocksworld problem: which of
a dozen sentences it has), of which a set of shingles says nothing: it is left without any.

Numbers are words like others and are never masked: "make 24 from 3 8 5" and "make 24 from 3 8 6" differ.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

Shingles = frozenset[int]
"""64-bit hashes of the shingles of a text."""

FRAME_SHARE = 0.5
"""A shingle in more than this share of a group's texts is its frame: it tells no two of them apart."""

MIN_TEMPLATE_TEXTS = 10
"""A shingle in fewer texts of its group than this is never template: a handful of copies is not one."""

_SUPERSCRIPTS = re.compile(r"[\u00b2\u00b3\u00b9\u2070-\u207f]+")
_SUBSCRIPTS = re.compile(r"[\u2080-\u208e]+")
_WORDS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+")


def normalised(text: str) -> str:
    """The text that is compared: NFKC, case folded, white space collapsed; raised digits do not join their base.

    >>> normalised("What is  10² mod７?")
    'what is 10^2 mod7?'
    """
    marked = _SUBSCRIPTS.sub(r"_\g<0>", _SUPERSCRIPTS.sub(r"^\g<0>", text))
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", marked).casefold())
    return " ".join(folded.split())


def shingles(text: str, ngram: int) -> Shingles:
    """The runs of `ngram` words in a normalised text; a text of fewer words is one shingle.

    A word is what white space separates; in Chinese and Japanese each character is one.
    """
    words = text.split() if text.isascii() else _WORDS.findall(text)
    runs = {" ".join(words[start : start + ngram]) for start in range(max(1, len(words) - ngram + 1))}
    return frozenset(int.from_bytes(blake2b(run.encode(), digest_size=8).digest()) for run in runs)


def jaccard(a: Shingles, b: Shingles) -> float:
    """Shared over all shingles, in [0, 1]; 0 where nothing is shared, empty sets included.

    >>> jaccard(frozenset({1, 2, 3}), frozenset({2, 3, 4}))
    0.5
    """
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared) if shared else 0.0


def own_shingles(texts: Sequence[Shingles], groups: Sequence[str | None], max_share: float) -> list[Shingles]:
    """What of each text its group's template does not explain; empty where too little of it is left to compare.

    `texts` are of distinct normalised texts. With `max_share` 1 nothing is template.
    """
    size = Counter(groups)
    found = Counter((group, shingle) for text, group in zip(texts, groups, strict=True) for shingle in text)
    own = []
    for text, group in zip(texts, groups, strict=True):
        common = max(max_share * size[group], MIN_TEMPLATE_TEXTS - 1)
        frame = max(FRAME_SHARE * size[group], common)
        kept = frozenset(shingle for shingle in text if found[group, shingle] <= common)
        n_stock = sum(common < found[group, shingle] <= frame for shingle in text)
        own.append(kept if len(kept) >= n_stock else frozenset())
    return own
