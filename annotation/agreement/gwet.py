"""Gwet's AC1: agreement on labels that does not collapse where one label dominates.

Where nearly all answers are one label, chance agreement as alpha and kappa have it is nearly complete, and a few unlike
answers give a coefficient near 0. AC1 takes chance agreement as that of annotators who guess on some items only, which
is small there. Source: Gwet 2008, section 4; missing answers as in Gwet 2014, section 2.4.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence


def gwet_ac1(items: Sequence[Hashable], labels: Sequence[Hashable]) -> float | None:
    """AC1 = (p_a - p_e) / (1 - p_e) of answers, one an entry: the item and its label.

    p_a is the mean, over items with two answers or more, of the share of pairs that are equal; with p(c) the mean over
    all items of the share of answers that are c, p_e = sum_c p(c) (1 - p(c)) / (k - 1) over the k labels in use.
    None where no item has two answers, or there is one label only.

    >>> round(gwet_ac1([*"aabbccdd"], ["yes"] * 7 + ["no"]), 3)
    0.68
    """
    said: dict[Hashable, Counter[Hashable]] = defaultdict(Counter)
    for item, label in zip(items, labels, strict=True):
        said[item][label] += 1
    paired = [counts for counts in said.values() if counts.total() > 1]
    distinct = set(labels)
    if not paired or len(distinct) < 2:
        return None
    equal = sum(_share_equal(counts) for counts in paired) / len(paired)
    shares = [sum(counts[label] / counts.total() for counts in said.values()) / len(said) for label in distinct]
    chance = sum(sorted(share * (1 - share) for share in shares)) / (len(distinct) - 1)
    return (equal - chance) / (1 - chance)


def _share_equal(counts: Counter[Hashable]) -> float:
    n = counts.total()
    return sum(count * (count - 1) for count in counts.values()) / (n * (n - 1))
