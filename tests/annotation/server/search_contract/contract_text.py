"""The query language: words, phrases, operators, fields and alphabets."""

import models
import pytest

TEXTS = {
    "fox": "The quick brown fox jumps over the lazy dog.",
    "snail": "The slow brown snail does not jump",
    "number": "It costs 3.14 or 1,000 euros; x=5, don't ask: foo.bar",
    "upper": "ÜBER den Wolken, Straße",
    "chinese": "我们喜欢漢字 and tea",
    "hiragana": "ひらがな カタカナ",
    "hindi": "हिन्दी भाषा",
    "none": "",
}


@pytest.fixture(scope="module")
def corpus(engine):
    found = models.dataset()
    engine.create_index(found)
    records = {name: models.record(found, text) for name, text in TEXTS.items()}
    engine.index_records(found, list(records.values()))
    names = {record.id: name for name, record in records.items()}
    yield lambda query, **asked: sorted(names[id] for id in engine.found(found, query, **asked))
    engine.delete_index(found)


EVERYTHING = sorted(TEXTS)
FOUND = {
    "brown": ["fox", "snail"],
    "BROWN Fox": ["fox"],
    "brown + fox": ["fox"],
    "fox snail": [],
    "fox | snail": ["fox", "snail"],
    "fox | snail slow": ["snail"],
    "slow snail | fox": ["fox", "snail"],
    "slow (snail | fox)": ["snail"],
    "brown -fox": ["snail"],
    "-brown": sorted(set(TEXTS) - {"fox", "snail"}),
    "--brown": ["fox", "snail"],
    "- brown": ["fox", "snail"],
    "fox | -brown": sorted(set(TEXTS) - {"snail"}),
    "-(fox | snail)": sorted(set(TEXTS) - {"fox", "snail"}),
    "-fox -snail brown": [],
    '"quick brown"': ["fox"],
    '"brown quick"': [],
    '"brown jumps"': [],
    '"brown jumps"~1': ["fox"],
    '"quick jumps"~1': [],
    'brown -"slow brown"': ["fox"],
    "jump": ["snail"],
    "jump*": ["fox", "snail"],
    "bro* -qui*": ["snail"],
    "j*": ["fox", "snail"],
    "quikc~": ["fox"],
    "quik~1": ["fox"],
    "qui~1": [],
    "snial~1": [],
    "snial~2": ["snail"],
    "brawn~0": [],
    "brown~x": ["fox", "snail"],
    "3.14": ["number"],
    "1,000": ["number"],
    "3": [],
    "14": [],
    "x=5": ["number"],
    "don't": ["number"],
    "don": [],
    "foo.bar": ["number"],
    "foo": [],
    "bar": [],
    "foo.b*": ["number"],
    "über": ["upper"],
    "uber": [],
    "straße": ["upper"],
    "漢字": ["chinese"],
    "字漢": ["chinese"],
    '"字漢"': [],
    "漢": ["chinese"],
    "がな": ["hiragana"],
    "カタカナ": ["hiragana"],
    "カタ": [],
    "हिन्दी": ["hindi"],
    "हि": [],
    "*": EVERYTHING,
    " * ": EVERYTHING,
    "": [],
    "   ": [],
    "!?": [],
    "fox !?": ["fox"],
    "fox | !? snail": ["fox", "snail"],
    "()": [],
    "fox () snail": [],
    '""': [],
    "(fox": ["fox"],
    "fox)": ["fox"],
    '"fox': ["fox"],
    "| fox": ["fox"],
    "fox |": ["fox"],
    "fox -": ["fox"],
    "slow-brown": ["snail"],
    r"\-fox": ["fox"],
    r"fox\|snail": [],
    "**": [],
}


@pytest.mark.parametrize(("query", "expected"), FOUND.items())
def test_a_query_finds(corpus, query, expected):
    assert corpus(query) == expected


def test_words_may_stand_in_different_fields_but_not_those_of_a_phrase(engine, dataset):
    record = models.record(dataset, {"prompt": "red", "plan": "fox"})
    engine.index_records(dataset, [record])
    assert engine.found(dataset, "red fox") == [record.id]
    assert engine.found(dataset, '"red fox"') == []
    assert engine.found(dataset, "red-fox") == []


def test_one_field_is_searched_alone(engine, dataset):
    record = models.record(dataset, {"prompt": "red", "plan": "fox trot"})
    engine.index_records(dataset, [record])
    assert engine.found(dataset, "fox-trot", field="plan") == [record.id]
    assert engine.found(dataset, "fox", field="prompt") == []
    assert engine.found(dataset, "fo*", field="prompt") == []
    assert engine.found(dataset, '"fox trot"', field="prompt") == []
    assert engine.found(dataset, "-fox", field="prompt") == [record.id]
    assert engine.found(dataset, "fxo~2", field="prompt") == []


def test_a_field_that_is_not_there_is_an_error(engine, dataset):
    with pytest.raises(Exception, match="missing"):
        engine.found(dataset, "fox", field="missing")


def test_chats_are_searched_by_content_and_role(engine, dataset):
    talk = [{"role": "user", "content": "where is"}, {"role": "assistant", "content": "the red fox"}]
    record = models.record(dataset, {"prompt": "x", "talk": talk})
    engine.index_records(dataset, [record])
    assert engine.found(dataset, '"red fox"', field="talk") == [record.id]
    assert engine.found(dataset, "assistant") == [record.id]
    assert engine.found(dataset, '"is the"') == []


def test_the_best_match_comes_first(engine, dataset):
    once = models.record(dataset, "the fox and many other animals that live in the forest")
    often = models.record(dataset, "fox fox fox")
    engine.index_records(dataset, [once, often, *(models.record(dataset, f"filler {i}") for i in range(8))])
    answer = engine.search(dataset, query="fox")
    assert [item.record_id for item in answer.items] == [often.id, once.id]
    assert answer.items[0].score > answer.items[1].score > 0


def test_pages_follow_each_other(engine, dataset):
    engine.index_records(dataset, [models.record(dataset, f"fox {'hen ' * i}") for i in range(7)])
    pages = [engine.search(dataset, query="fox", offset=i, limit=3) for i in (0, 3, 6, 9)]
    assert [page.total for page in pages] == [7] * 4
    assert [len(page.items) for page in pages] == [3, 3, 1, 0]
    assert len({item.record_id for page in pages for item in page.items}) == 7
