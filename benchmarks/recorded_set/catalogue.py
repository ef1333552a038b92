"""The prompts of the recorded set and, letter by letter, what their recorded samples are.

Samples: c correct, d a near-duplicate of the correct sample before it, w wrong, t truncated, h hedged (two different
answers), n without an answer, e failed. The first eight are one round of its recipe; where these leave the
region undecided, a second round takes the next eight.
"""

# ruff: noqa: E501  (phrases and problems, one a line, are read more easily uncut)

from dataclasses import dataclass

from recorded_set.caretaker import House
from recorded_set.coins import Coins
from recorded_set.combine import Combine
from recorded_set.counter import Counter
from recorded_set.errands import Errands
from recorded_set.story import Story
from recorded_set.trace import Puzzle


@dataclass(frozen=True)
class Item:
    """A prompt: its key, puzzle, unit of splitting and samples; `answer` is a planted wrong one."""

    key: str
    family: str
    group: str
    puzzle: Puzzle
    samples: str
    answer: str | None = None
    question: str = ""


EASY = "c" * 16
HARD = "w" * 16
DUPLICATE = "cwcwcw"
"""A duplicate has a few samples too: without screening it would be measured twice."""

_BAKERY = ("A village bakery", "tray", "bun")
_ORCHARD = ("An orchard near the river", "crate", "apple")
_FARM = ("A family farm on the hill", "basket", "egg")
_NURSERY = ("The plant nursery at the station", "table", "seedling")
_POTTERY = ("A pottery workshop in the old mill", "kiln load", "cup")
_LONG = " To be complete, here is the shop's notice board." + " Opening hours may change on public holidays." * 60

BOOKS = Story("A second-hand bookshop", "carton", "book", 12, 18, 7, 5, 9)
TULIPS = Story(*_NURSERY, 14, 23, 9, 8, 11)

COUNTERS = [
    ("counter-3-5-46", Counter(3, 5, 46), "cwwcwcwc"),
    ("counter-2-3-41", Counter(2, 3, 41, 1), "wcwtcwcw"),
    ("counter-4-7-81", Counter(4, 7, 81, 2), "cwcdcwwc"),
    ("counter-1-6-52", Counter(1, 6, 52), "wwcwecwcw"),
    ("counter-5-3-61", Counter(5, 3, 61, 1), "cchcwcwc"),
    ("counter-1-4-9", Counter(1, 4, 9, 2), EASY),
    ("counter-7-11-168", Counter(7, 11, 168), HARD),
    ("counter-3-8-150", Counter(3, 8, 150, 1), "wwwwcwwwwwwtwwww"),
]
COINS = [
    ("coins-7-10-43", Coins(7, 10, 43), "wcwcwwch"),
    ("coins-9-14-58", Coins(9, 14, 58, 1), "cwccwtcw"),
    ("coins-6-11-39", Coins(6, 11, 39, 2), "wcdwcwnc"),
    ("coins-8-13-51", Coins(8, 13, 51), "cwwwcwcw"),
    ("coins-5-12-44", Coins(5, 12, 44, 1), "ccwcwccd"),
    ("coins-5-10-30", Coins(5, 10, 30, 2), EASY),
    ("coins-11-19-93", Coins(11, 19, 93), HARD),
    ("coins-9-16-75", Coins(9, 16, 75, 1), "cccccctcccccwccc"),
]
COMBINED = [
    ("combine-4-7-9-60", Combine((4, 7, 9), 60), "cwwcwcec"),
    ("combine-3-8-5-50", Combine((3, 8, 5), 50, 1), "wwcwcwwc"),
    ("combine-6-7-11-100", Combine((6, 7, 11), 100), "ccwdccww"),
    ("combine-5-9-12-70", Combine((5, 9, 12), 70, 1), "wchwcwcw"),
    ("combine-8-6-13-90", Combine((8, 6, 13), 90), "wcwcctwc"),
    ("combine-7-12-15-130", Combine((7, 12, 15), 130, 1), HARD),
]
STORIES = [
    ("story-bakery", Story(*_BAKERY, 6, 24, 5, 4, 3), EASY),
    ("story-orchard", Story(*_ORCHARD, 9, 35, 12, 6, 5), EASY),
    ("story-farm", Story(*_FARM, 15, 22, 17, 12, 4), "ccwcecwc"),
    ("story-pottery", Story(*_POTTERY, 7, 48, 19, 6, 14), "cwccwccn"),
    ("story-books", BOOKS, "cwcwccwd"),
    ("story-tulips", TULIPS, "wcwccwcc"),
    ("story-pottery-large", Story(*_POTTERY, 31, 64, 83, 9, 23), "tttett"),
    ("story-farm-notice", Story(*_FARM, 8, 26, 11, 6, 2, _LONG), DUPLICATE),
]


def arithmetic() -> list[Item]:
    """The prompts of the arithmetic family, the planted ones last."""
    items = [Item(key, "counter", f"counter-{p.add}", p, samples, question=p.question) for key, p, samples in COUNTERS]
    items += [
        Item(key, "coins", f"coins-{p.middle}-{p.large}", p, samples, question=p.question) for key, p, samples in COINS
    ]
    items += [Item(key, "combine", key, p, samples, question=p.question) for key, p, samples in COMBINED]
    items += [Item(key, "story", f"story-{p.thing}", p, samples, question=p.question) for key, p, samples in STORIES]
    books, tulips = BOOKS.question, TULIPS.question
    return [
        *items,
        Item("story-books-copy", "story", "story-book", BOOKS, DUPLICATE, question=books.replace(". ", ".  ")),
        Item("story-books-edited", "story", "story-book", BOOKS, DUPLICATE, question=books.replace("A second-hand", "The second-hand")),
        Item("story-tulips-edited", "story", "story-seedling", TULIPS, DUPLICATE, question=tulips.replace("brings", "bring")
             .replace("How many euros", "What sum in euros")),
        Item("coins-bad-gold", "coins", "coins-4-9", Coins(4, 9, 30), DUPLICATE, answer="6",
             question=Coins(4, 9, 30).question),
    ]  # fmt: skip


_OPEN = (("hall", "kitchen"), ("hall", "study"))
_LONG_HOUSE = (("hall", "kitchen"), ("kitchen", "cellar"), ("hall", "study"))
_RING = (("attic", "hall"), ("hall", "kitchen"), ("kitchen", "garden"), ("attic", "garden"))
_STUDY_LOCKED = (("hall", "study", "brass-key"),)
_CELLAR_LOCKED = (("kitchen", "cellar", "iron-key"),)

HOUSES = [
    ("caretaker-01", House("hall", _OPEN, (("lamp", "kitchen"),), (("lamp", "study"),)), EASY),
    ("caretaker-02", House("kitchen", _OPEN, (("vase", "hall"), ("book", "study")), (("vase", "study"),)), EASY),
    ("caretaker-03", House("study", _LONG_HOUSE, (("box", "cellar"), ("book", "study")), (("box", "study"), ("book", "kitchen"))),
     "cwcwccww"),
    ("caretaker-04", House("hall", _RING, (("ladder", "garden"), ("rope", "attic")), (("ladder", "hall"), ("rope", "kitchen"))),
     "wcwcdcwc"),
    ("caretaker-05", House("hall", (("hall", "kitchen"),), (("lamp", "hall"), ("brass-key", "kitchen")), (("lamp", "study"),),
                           _STUDY_LOCKED), "cwwcwcwh"),
    ("caretaker-06", House("kitchen", (("hall", "kitchen"),), (("book", "kitchen"), ("brass-key", "hall"), ("vase", "study")),
                           (("book", "study"), ("vase", "hall")), _STUDY_LOCKED), "wwcwctwc"),
    ("caretaker-07", House("hall", _OPEN, (("wine", "cellar"), ("iron-key", "study")), (("wine", "hall"),), _CELLAR_LOCKED),
     "cwcnwcwc"),
    ("caretaker-08", House("study", _OPEN, (("box", "kitchen"), ("iron-key", "hall"), ("lamp", "cellar")),
                           (("box", "cellar"), ("lamp", "kitchen")), _CELLAR_LOCKED), "wcewcwwc"),
    ("caretaker-09", House("garden", _RING, (("rope", "hall"), ("chair", "attic"), ("ladder", "kitchen")),
                           (("rope", "garden"), ("chair", "kitchen"), ("ladder", "attic"))), "ccwccdwc"),
    ("caretaker-10", House("hall", (("hall", "kitchen"),), (("brass-key", "kitchen"), ("iron-key", "study"), ("wine", "cellar")),
                           (("wine", "study"),), _STUDY_LOCKED + _CELLAR_LOCKED), HARD),
    ("caretaker-11", House("kitchen", (("hall", "kitchen"),), (("iron-key", "hall"), ("brass-key", "cellar"), ("chair", "study"),
                                                              ("box", "hall")),
                           (("chair", "cellar"), ("box", "study")), _STUDY_LOCKED + _CELLAR_LOCKED), HARD),
    ("caretaker-12", House("cellar", _LONG_HOUSE, (("vase", "hall"), ("lamp", "study"), ("chair", "cellar")),
                           (("vase", "cellar"), ("lamp", "kitchen"), ("chair", "hall"))), "wwwwwcwwwewwwwww"),
    ("caretaker-13", House("attic", _RING, (("rope", "kitchen"), ("book", "garden")), (("rope", "attic"), ("book", "hall"))),
     "cccwccccccctcccc"),
    ("caretaker-14", House("hall", _OPEN, (("wine", "cellar"), ("iron-key", "study")), (("wine", "hall"),), _CELLAR_LOCKED),
     DUPLICATE),
]  # fmt: skip


def errands() -> list[Item]:
    """The prompts of the caretaker domain; the last one repeats the seventh under another name."""
    return [Item(key, "caretaker", key, Errands(house), samples) for key, house, samples in HOUSES]
