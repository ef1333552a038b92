"""Is a text in the language it should be in, and does a response slip into a script that its prompt does not use.

Two tests, each only where it is reliable. *Script*: the share of letters in foreign scripts, at any length. It
cannot tell French from English, but finds mixing at 1 % without false alarms. *Classifier* (py3langid): from 100
letters on and only at a confidence of 0.9; below either it names wrong languages for short or formal texts.

Letters are counted after NFKC, so that mathematical alphabets are Latin. LaTeX commands are left out, and so are
runs of one or two letters in the scripts between Greek and Arabic: α, πr, ℵ and Ш are symbols. Latin letters are
at home in every language (names, units, variables), but cannot be nearly all of a text in another script.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any

from schemas.errors import RecipeError

MAX_FOREIGN = 0.01
"""Largest share of letters in foreign scripts."""

MIN_OWN = 0.2
"""Smallest share of letters in the script of a language that is not written in Latin letters."""

MIN_LETTERS = 100
"""Letters from which the classifier is asked."""

MIN_CONFIDENCE = 0.9
"""Confidence from which its answer counts: no wrong one reached it on 25,000 real English problems, code and plans."""

SCRIPTS = {
    "LATIN": "crh ku sr uz", "CYRILLIC": "ba be bg crh kk ky mk mn ru sr tg tt uk uz", "GREEK": "el grc",
    "HEBREW": "hbo he", "ARABIC": "ar ary arz fa ku ps sdh ug ur", "DEVANAGARI": "gom hi mr ne sa", "BENGALI": "as bn",
    "GURMUKHI": "pa", "GUJARATI": "gu", "ORIYA": "or", "TAMIL": "ta", "TELUGU": "te", "KANNADA": "kn",
    "MALAYALAM": "ml", "SINHALA": "si", "THAI": "th", "LAO": "lo", "MYANMAR": "my", "KHMER": "km", "TIBETAN": "dz",
    "GEORGIAN": "ka", "ARMENIAN": "hy", "ETHIOPIC": "am", "HANGUL": "ko", "CJK": "ja ko wuu yue zh",
    "HIRAGANA": "ja", "KATAKANA": "ja", "KATAKANA-HIRAGANA": "ja",
}  # fmt: skip
"""Script, by the first word of its letters' Unicode names, and the languages written in it; the rest is in Latin."""

RELATED = ({"da", "nn", "no"}, {"bs", "hr", "sr"}, {"id", "ms"}, {"wuu", "yue", "zh"})
"""Languages that the classifier does not tell apart."""

_LATEX_COMMAND = re.compile(r"\\[A-Za-z]+")
_SYMBOL = re.compile(r"(?<![\u0370-\u06ff])[\u0370-\u06ff]{1,2}(?![\u0370-\u06ff])")


def other_language(text: str, language: str) -> str | None:
    """What tells that a text is not in `language`: "8% foreign letters (cyrillic)", "fr"; None where nothing does.

    `language` is an ISO 639-1 code; one that is not known is a RecipeError.
    """
    if language not in _classifier().labels:
        known = ", ".join(sorted(_classifier().labels))
        raise RecipeError(f"screen.language: unknown language {language!r}; there are {known}")
    counts = letters(text)
    own = [script for script, languages in SCRIPTS.items() if language in languages.split()]
    if found := _foreign(counts, own):
        return found
    if own and sum(counts[script] for script in own) < MIN_OWN * counts.total():
        return f"{counts['LATIN'] / counts.total():.0%} latin letters"
    if counts.total() < MIN_LETTERS:
        return None
    found, confidence = _classifier().classify(text)
    related = next((group for group in RELATED if language in group), {language})
    return found if found not in related | {"zxx"} and confidence >= MIN_CONFIDENCE else None


def mixed_in(response: str, prompt: str) -> str | None:
    """What tells that a response slips into a script that its prompt does not use; None where nothing does."""
    return _foreign(letters(response), letters(prompt))


def letters(text: str) -> Counter[str]:
    """Letters in each script, named by the first word of their Unicode names.

    >>> letters("Найди x, если \\\\sin α = 1")
    Counter({'CYRILLIC': 9, 'LATIN': 1})
    """
    plain = _SYMBOL.sub("", _LATEX_COMMAND.sub("", unicodedata.normalize("NFKC", text)))
    counts: Counter[str] = Counter()
    for character, n in Counter(plain).items():
        if character.isalpha():
            counts["LATIN" if character.isascii() else _script(character)] += n
    return counts


def _foreign(counts: Counter[str], own: Iterable[str]) -> str | None:
    """How much is neither in Latin letters nor in one's own scripts; None where it is too little to matter."""
    foreign = Counter({script: n for script, n in counts.items() if script not in {"LATIN", *own}})
    share = foreign.total() / max(1, counts.total())
    return f"{share:.0%} foreign letters ({foreign.most_common(1)[0][0].lower()})" if share > MAX_FOREIGN else None


@cache
def _script(character: str) -> str:
    return unicodedata.name(character, "UNKNOWN").split()[0]


@cache
def _classifier() -> Any:
    """The identifier with the model that its wheel carries; loading takes a second."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
