"""Whatever is written in the search box or in a name: no error, and nothing found by accident."""

import random

import models
import pytest
from argilla_server.search_engine import (
    MetadataFilterScope,
    RangeFilter,
    ResponseFilterScope,
    SuggestionFilterScope,
    TermsFilter,
)

NO_MATCH = [
    *[
        "'",
        "''",
        '"',
        '"""',
        "\\",
        "\\\\",
        "(",
        ")",
        "((((",
        "))))",
        "|",
        "||",
        "+",
        "-",
        "--",
        "~",
        "~2",
        "+|-",
        "( | )",
    ],
    *["\x00", "\x00\x00fox\x00x", "\ue000", "\ue001", "\ue002", "\ue000*", "{}", "^", ":", "%", "_", "?", "[a]"],
    *["'; DROP TABLE documents; --", "1 OR 1=1", '" OR "1"="1', "fox'; DELETE FROM documents; --"],
    *[
        "NEAR(fox hen, 100)",
        "fox AND nothing",
        "fox OR nothing",
        "fox NOT nothing",
        "every_record : fox",
        "text_0 : fox",
    ],
    *['{text_0} : "fox"', "-every_record nothing", "^nothing", "fox NEAR/2 hen", "$fox ?1 ?2", "f*x", "fox/*"],
    *["**", "*~1", "~*", "a*~", "*a*", "nothing~99999999999999999999", '"fox hen"~99999999999999999999'],
    *[
        "x" * 100_000,
        "(" * 100_000,
        ")" * 100_000,
        '"' * 99_999,
        "-" * 100_000 + "nothing",
        "\\" * 99_999,
        "| " * 50_000,
    ],
    *["nothing " * 5_000, "a | b c " * 5_000, "(" * 5_000 + "fox" + ")" * 5_000, "-(" * 500 + "fox" + ")" * 500],
]
MATCH = [
    "fox'",
    "fox;",
    "fox\t\n",
    "fox\x00",
    "\x00fox",
    "'fox'",
    "fox--",
    "fox -",
    "(fox",
    "fox AND",
    "fox:",
    "FOX?",
    "*fox",
    '"fox" "',
]


@pytest.fixture(scope="module")
def dataset(engine):
    found = models.dataset()
    engine.create_index(found)
    engine.index_records(found, [models.record(found, "the fox and"), models.record(found, "other or not near")])
    yield found
    engine.delete_index(found)


def named(query):
    return repr(query[:40])


@pytest.mark.embedded
@pytest.mark.parametrize("query", NO_MATCH, ids=named)
def test_nothing_matches(engine, dataset, query):
    assert engine.found(dataset, query) == []
    assert engine.found(dataset, query, field="prompt") == []


@pytest.mark.parametrize("query", MATCH, ids=named)
def test_signs_around_a_word_are_passed_over(engine, dataset, query):
    assert len(engine.found(dataset, query)) == 1


@pytest.mark.embedded
def test_no_text_of_signs_and_words_is_an_error(engine, dataset):
    draw = random.Random(7)
    pieces = [*"\"()|+-~*\\{}:^\x00'; ", "fox", "and", "AND", "NEAR", "not", "漢", "́", "3.", "~2", "--", '"~']
    for _ in range(2000):
        query = "".join(draw.choice(pieces) for _ in range(draw.randint(1, 25)))
        assert len(engine.found(dataset, query)) <= 2, query


@pytest.mark.embedded
def test_a_thousand_words_are_searched_and_two_thousand_match_nothing(engine, dataset):
    assert len(engine.found(dataset, "fox | " * 1000 + "fox")) == 1
    assert engine.found(dataset, "fox | " * 2000 + "fox") == []


@pytest.mark.embedded
def test_forty_changes_of_the_operator_are_searched(engine, dataset):
    assert len(engine.found(dataset, "fox " + "| hen fox " * 20)) == 1


VALUES = ["' OR 1=1 --", '"', "\x00", "\ud800", "%", "9" * 400, "-inf", "NULL", "", "x" * 100_000]


@pytest.mark.embedded
@pytest.mark.parametrize("value", VALUES, ids=named)
def test_no_value_of_a_filter_is_an_error(engine, dataset, value):
    scopes = [MetadataFilterScope("source"), SuggestionFilterScope("quality", "value"), ResponseFilterScope("verdict")]
    for scope in scopes:
        assert engine.found(dataset, filter=TermsFilter(scope, [value])) == []
        assert engine.found(dataset, filter=RangeFilter(scope, ge=value, le=value)) == []
    assert engine.found(dataset, filter=TermsFilter(ResponseFilterScope(property="status"), [value])) == []


NAMES = ["'", '"', "a b", "a.value", "); DROP TABLE documents; --", "select", "rank", "rowid", "text_0", "漢字", "%_"]


@pytest.mark.embedded
@pytest.mark.parametrize("name", NAMES, ids=named)
def test_no_name_is_an_error(engine, name):
    found = models.dataset({name: "text", "plan": "text"}, {name: "label_selection"}, {name: "terms"})
    engine.create_index(found)
    record = models.record(found, {name: "red fox", "plan": "hen"}, metadata={name: "web"})
    models.suggestion(record, name, "keep")
    models.response(record, models.user(), **{name: "fix"})
    engine.index_records(found, [record, models.record(found, {name: "other", "plan": "fox"})])
    assert engine.found(found, "fox", field=name) == [record.id]
    for scope, value in [
        (MetadataFilterScope(name), "web"),
        (SuggestionFilterScope(name, "value"), "keep"),
        (ResponseFilterScope(question=name), "fix"),
    ]:
        assert engine.found(found, filter=TermsFilter(scope, [value])) == [record.id]
    assert [each.term for each in engine.compute_metrics_for(found.metadata_properties[0]).values] == ["web"]
    engine.delete_record_suggestion(record.suggestions[0])
    engine.delete_index(found)


@pytest.mark.embedded
def test_a_question_named_like_anothers_property_is_not_mistaken_for_it(engine):
    found = models.dataset(questions={"a": "label_selection", "a.value": "label_selection"})
    engine.create_index(found)
    record = models.record(found, "x")
    models.suggestion(record, "a.value", "keep")
    engine.index_records(found, [record])
    assert engine.found(found, filter=TermsFilter(SuggestionFilterScope("a", "value"), ["keep"])) == []
    engine.delete_index(found)


@pytest.mark.embedded
def test_odd_values_of_records_are_indexed(engine, dataset):
    own = models.dataset()
    engine.create_index(own)
    odd = {"length": 10**40, "weight": float("inf"), "source": ["a", None, {"b": 1}, True]}
    fields = {
        "prompt": "\x00fox\x00",
        "plan": 7,
        "talk": [None, {"role": None, "content": ["fox"]}, "text"],
        "extra": [],
    }
    engine.index_records(own, [models.record(own, fields, metadata=odd)])
    assert len(engine.found(own, "fox", field="prompt")) == 1
    assert len(engine.found(own, filter=TermsFilter(MetadataFilterScope("source"), ["true"]))) == 1
    engine.delete_index(own)
