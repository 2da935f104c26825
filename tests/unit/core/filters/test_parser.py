"""Text to tree: all that the wire contract has for searches, what is beyond it, and limits."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.core.errors import InvalidArgument
from millrace.core.filters.ast import (
    TRUE,
    Aggregate,
    And,
    Comparison,
    Entity,
    Field,
    Not,
    Op,
    Or,
    fields_of,
    resolve,
)
from millrace.core.filters.fields import (
    EVALUATION_DATASETS,
    EXPERIMENTS,
    LOGGED_MODELS,
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    RUNS,
    TABLES,
)
from millrace.core.filters.parser import (
    MAX_DEPTH,
    MAX_LIST,
    MAX_PATTERN,
    MAX_TERMS,
    MAX_WILDCARDS,
    parse,
)
from tests.strategies.filters import filters, render, spellings, unplaced

LOSS = Field(Entity.METRIC, "loss")


def tree(text, table=RUNS):
    return unplaced(parse(text, table))


def field(text, table=RUNS):
    """The field of a filter that compares it with NULL."""
    return tree(f"{text} IS NULL", table).field


def value(text, table=RUNS):
    return parse(text, table).value


def refusal(text, table=RUNS):
    with pytest.raises(InvalidArgument) as caught:
        parse(text, table)
    return str(caught.value)


def outcome(text, table=RUNS):
    """The tree, or why there is none."""
    try:
        return parse(text, table)
    except InvalidArgument as error:
        return error


# --- fields --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "entity", "key"),
    [
        ("metric.a", Entity.METRIC, "a"),
        ("metrics.a", Entity.METRIC, "a"),
        ("param.a", Entity.PARAM, "a"),
        ("params.a", Entity.PARAM, "a"),
        ("parameter.a", Entity.PARAM, "a"),
        ("parameters.a", Entity.PARAM, "a"),
        ("tag.a", Entity.TAG, "a"),
        ("tags.a", Entity.TAG, "a"),
        ("tags.mlflow.runName", Entity.TAG, "mlflow.runName"),
        ("tags.`a b`", Entity.TAG, "a b"),
        ('tags."a b"', Entity.TAG, "a b"),
        ("tags.'a b'", Entity.TAG, "a b"),
        ("tags.`a.b/c-d`", Entity.TAG, "a.b/c-d"),
        ("tags.`a``b`", Entity.TAG, "a``b"),
        ("`metrics`.a", Entity.METRIC, "a"),
        ("dataset.name", Entity.DATASET, "name"),
        ("datasets.digest", Entity.DATASET, "digest"),
        ("dataset.context", Entity.DATASET, "context"),
        ("run_id", Entity.ATTRIBUTE, "run_id"),
        ("attribute.run_id", Entity.ATTRIBUTE, "run_id"),
        ("attributes.run_id", Entity.ATTRIBUTE, "run_id"),
        ("attr.run_id", Entity.ATTRIBUTE, "run_id"),
        ("run.run_id", Entity.ATTRIBUTE, "run_id"),
        ("`run name`", Entity.ATTRIBUTE, "run_name"),
        ('"Run name"', Entity.ATTRIBUTE, "run_name"),
        ("attributes.`Run Name`", Entity.ATTRIBUTE, "run_name"),
        ("created", Entity.ATTRIBUTE, "start_time"),
        ("Created", Entity.ATTRIBUTE, "start_time"),
        ("`start_time`", Entity.ATTRIBUTE, "start_time"),
        ("end_time", Entity.ATTRIBUTE, "end_time"),
        ("user_id", Entity.ATTRIBUTE, "user_id"),
        ("artifact_uri", Entity.ATTRIBUTE, "artifact_uri"),
        ("experiment_id", Entity.ATTRIBUTE, "experiment_id"),
        ("lifecycle_stage", Entity.ATTRIBUTE, "lifecycle_stage"),
    ],
)
def test_fields_of_runs(text, entity, key):
    assert field(text) == Field(entity, key)


@pytest.mark.parametrize(
    ("table", "text", "key"),
    [
        (EXPERIMENTS, "name", "name"),
        (EXPERIMENTS, "attribute.experiment_id", "experiment_id"),
        (EXPERIMENTS, "creation_time", "creation_time"),
        (EXPERIMENTS, "last_update_time", "last_update_time"),
        (REGISTERED_MODELS, "attribute.name", "name"),
        (MODEL_VERSIONS, "version_number", "version_number"),
        (MODEL_VERSIONS, "run_id", "run_id"),
        (MODEL_VERSIONS, "source_path", "source_path"),
        (LOGGED_MODELS, "name", "name"),
        (LOGGED_MODELS, "model_id", "model_id"),
        (LOGGED_MODELS, "model_type", "model_type"),
        (LOGGED_MODELS, "source_run_id", "source_run_id"),
        (LOGGED_MODELS, "creation_time", "creation_timestamp"),
        (LOGGED_MODELS, "creation_timestamp", "creation_timestamp"),
        (LOGGED_MODELS, "last_updated_time", "last_updated_timestamp"),
        (LOGGED_MODELS, "last_updated_timestamp", "last_updated_timestamp"),
        (EVALUATION_DATASETS, "name", "name"),
        (EVALUATION_DATASETS, "created_by", "created_by"),
        (EVALUATION_DATASETS, "last_updated_by", "last_updated_by"),
        (EVALUATION_DATASETS, "created_time", "created_time"),
        (EVALUATION_DATASETS, "last_update_time", "last_update_time"),
    ],
)
def test_attributes_of_other_records(table, text, key):
    assert field(text, table) == Field(Entity.ATTRIBUTE, key)


@pytest.mark.parametrize(
    "text",
    [
        "METRICS.a",
        "Metrics.a",
        "trace.a",
        '"metrics".a',
        "foo",
        "metrics",
        "run_uuid",
        "dataset.foo",
        *["attributes.foo", '"metrics.a"', "`metrics.a`", "Run_id", "metrics.``", 'params.""'],
    ],
)
def test_unknown_fields_are_refused(text):
    message = refusal(f"{text} IS NULL")

    assert "column 1: " in message


def test_refusal_of_an_unknown_field_lists_the_known_ones():
    assert "experiments have no field 'foo'. They have name, experiment_id," in refusal(
        "foo = 'x'", EXPERIMENTS
    )
    assert "'metrics' is nothing that experiments have" in refusal("metrics.a > 1", EXPERIMENTS)


@pytest.mark.parametrize("text", ["'name' = 'x'", "'x' = tags.a", "1 < metrics.a", "(1) < 2"])
def test_field_goes_first(text):
    assert "expected a" in refusal(text)


# --- aggregates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("aggregate", Aggregate)
def test_unquoted_aggregate_may_be_a_key(aggregate):
    assert field(f"metrics.loss.{aggregate}") == Field(
        Entity.METRIC, f"loss.{aggregate}", alternative=Field(Entity.METRIC, "loss", aggregate)
    )


def test_quoting_settles_what_is_the_key():
    assert field('metrics."loss".min') == Field(Entity.METRIC, "loss", Aggregate.MIN)
    assert field('metrics."loss.min"') == Field(Entity.METRIC, "loss.min")
    assert field("metrics.`loss.min`.max") == Field(Entity.METRIC, "loss.min", Aggregate.MAX)


def test_aggregate_follows_the_last_dot():
    inner = Field(Entity.METRIC, "val.loss", Aggregate.MEAN)

    assert field("metrics.val.loss.mean") == Field(
        Entity.METRIC, "val.loss.mean", alternative=inner
    )


def test_best_step_is_the_step_of_the_minimum():
    assert field("metrics.`loss`.best_step").aggregate is Aggregate.MIN_STEP


@pytest.mark.parametrize("text", ["metrics.min", "params.loss.min", "tags.loss.min"])
def test_no_aggregate_without_a_metric_before_it(text):
    assert field(text).alternative is None


def test_logged_models_have_no_aggregates():
    assert field("metrics.loss.min", LOGGED_MODELS) == Field(Entity.METRIC, "loss.min")
    assert "no aggregate 'min'. It has none." in refusal('metrics."loss".min > 1', LOGGED_MODELS)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('metrics."loss".median > 1', "metrics.KEY has no aggregate 'median'. It has min, max,"),
        ('metrics."a"."b" > 1', "quoted in part"),
        ('metrics.a."b" > 1', "quoted in part"),
        ('metrics."a".b.min > 1', "quoted in part"),
        ("tags.\"a\".min = 'x'", "quoted in part"),
    ],
)
def test_half_quoted_keys_are_refused(text, complaint):
    assert complaint in refusal(text)


def test_resolve_takes_the_key_where_one_exists():
    ambiguous = tree("metrics.loss.min < 1 and not (metrics.loss.max > 2 or metrics.a = 1)")

    as_keys = resolve(ambiguous, {"loss.min", "loss.max"}.__contains__)
    as_aggregates = resolve(ambiguous, lambda _: False)

    assert as_keys == tree(
        "metrics.`loss.min` < 1 and not (metrics.`loss.max` > 2 or metrics.a = 1)"
    )
    assert as_aggregates == tree(
        "metrics.`loss`.min < 1 and not (metrics.`loss`.max > 2 or metrics.a = 1)"
    )


def test_resolve_asks_about_ambiguous_names_only():
    asked = []

    resolve(tree("metrics.a > 1 and metrics.b.min > 1"), lambda key: bool(asked.append(key)))

    assert asked == ["b.min"]


def test_fields_of_reads_from_left_to_right():
    parsed = tree("tags.a = 'x' or not (params.b = 'y' and metrics.c > 1) or tags.a = 'z'")

    assert [found.key for found in fields_of(parsed)] == ["a", "b", "c", "a"]


# --- operators and values ------------------------------------------------------------------------


@pytest.mark.parametrize("sign", ["=", "!=", ">", ">=", "<", "<="])
def test_scalar_operators(sign):
    assert tree(f"metrics.loss {sign} 0.5") == Comparison(LOSS, Op(sign), 0.5)


@pytest.mark.parametrize(
    ("text", "op", "expected"),
    [
        ("tags.a LIKE 'x%'", Op.LIKE, "x%"),
        ("tags.a not like 'x%'", Op.NOT_LIKE, "x%"),
        ("tags.a iLike 'x%'", Op.ILIKE, "x%"),
        ("tags.a NOT ILIKE 'x%'", Op.NOT_ILIKE, "x%"),
        ("tags.a RLIKE '^x'", Op.RLIKE, "^x"),
        ("tags.a NOT RLIKE '^x'", Op.NOT_RLIKE, "^x"),
        ("tags.a IN ('x', \"y\",)", Op.IN, ("x", "y")),
        ("tags.a NOT\nIN ('x')", Op.NOT_IN, ("x",)),
        ("tags.a BETWEEN 'a' AND 'b'", Op.BETWEEN, ("a", "b")),
        ("tags.a NOT BETWEEN 'a' and 'b'", Op.NOT_BETWEEN, ("a", "b")),
        ("tags.a IS NULL", Op.IS_NULL, None),
        ("tags.a is  not  null", Op.IS_NOT_NULL, None),
        ("metrics.a IN (1, .5)", Op.IN, (1.0, 0.5)),
        ("metrics.a BETWEEN -1 AND 1e3", Op.BETWEEN, (-1.0, 1000.0)),
        ("params.a IN ('1')", Op.IN, ("1",)),
        ("params.a IN (1)", Op.IN, (1.0,)),
        ("params.a > '1'", Op.GT, "1"),
        ("params.a > 1", Op.GT, 1.0),
        ("status IN ('FINISHED')", Op.IN, ("FINISHED",)),
        ("status = 'bogus'", Op.EQ, "bogus"),
        ("run_id = ''", Op.EQ, ""),
    ],
)
def test_operators(text, op, expected):
    parsed = parse(text, RUNS)

    assert (parsed.op, parsed.value) == (op, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("start_time > 1000", 1000),
        ("start_time > 1e3", 1000),
        ("start_time > 1000.0", 1000),
        ("start_time > 1000.5", 1000.5),
        ("start_time > 9223372036854775807", 2**63 - 1),
        ("start_time > -9223372036854775808", -(2**63)),
        ("start_time > 9223372036854775808", 2.0**63),
        ("start_time > 1e999", 1.7976931348623157e308),
        ("metrics.a > 1000", 1000.0),
        ("metrics.a > 1e400", 1.7976931348623157e308),
        ("metrics.a > -1e400", -1.7976931348623157e308),
        (f"metrics.a < {'9' * 5000}", 1.7976931348623157e308),
        ("metrics.a > -0.0", 0.0),
        ("params.a > 007", 7.0),
    ],
)
def test_number_literals(text, expected):
    read = value(text)

    assert (read, type(read)) == (expected, type(expected))
    assert str(read) == str(expected)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("metrics.a > 'x'", "column 13: expected a number after '>', found \"'x'\". A number goes"),
        ("metrics.a > abc", "column 13: expected a number after '>', found 'abc'."),
        ("metrics.a > metrics.b", "expected a number after '>', found 'metrics.b'."),
        ("metrics.a > NaN", "expected a number"),
        ("metrics.a > ('x')", "expected a number"),
        ("metrics.a >", "column 12: expected a number after '>', found the end."),
        ("start_time > '1'", "expected a number"),
        ("tags.a = 5", "column 10: expected text in quotes after '=', found '5'."),
        ("tags.a = x", "expected text in quotes"),
        ("tags.a = `x`", "expected text in quotes"),
        ("tags.a IN (5)", "column 12: expected text in quotes after '(', found '5'."),
        ("params.a = x", "expected text in quotes or a number"),
        ("params.a IN (1, 'x')", "column 13: text and numbers are mixed"),
        ("params.a BETWEEN 1 AND 'x'", "column 18: text and numbers are mixed"),
        ("metrics.a BETWEEN 1 OR 2", "expected AND and the upper bound, found 'OR'"),
        ("metrics.a BETWEEN 1", "expected AND and the upper bound, found the end"),
        ("tags.a IN ()", "expected text in quotes after '(', found ')'"),
        ("tags.a IN (,)", "expected text in quotes after '(', found ','"),
        ("tags.a IN ('x',,'y')", "expected text in quotes after ',', found ','"),
        ("tags.a IN ('x' 'y')", "expected ',' or ')' in the list, found \"'y'\""),
        ("tags.a IN ('x'", "expected ',' or ')' in the list, found the end"),
        ("tags.a IN 'x'", "expected '(' and a list after IN"),
        ("tags.a LIKE 5", "expected a pattern in quotes after LIKE, found '5'"),
        ("params.a NOT LIKE 5", "expected a pattern in quotes after LIKE"),
        ("tags.a RLIKE '(a'", "no regular expression of RE2: missing ): (a."),
        (r"tags.a RLIKE '(a)\1'", "no regular expression of RE2: invalid escape sequence"),
        ("tags.a RLIKE '(?=a)'", "no regular expression of RE2"),
        ("tags.a IS", "expected NULL or NOT NULL, found the end"),
        ("tags.a IS NOT 5", "expected NULL, found '5'"),
        ("tags.a NOT 5", "expected one of LIKE, ILIKE, RLIKE, IN, BETWEEN, found '5'"),
        ("tags.a NOT NULL", "expected one of LIKE"),
        ("tags.a", "column 7: expected =, !=, >, >=, <, <=, LIKE,"),
        ("tags.a 'x'", "expected =, !=,"),
        ("start_time LIKE '1'", "column 12: 'start_time' cannot be compared by LIKE; it takes =,"),
        ("metrics.a RLIKE '1'", "cannot be compared by RLIKE"),
        ("experiment_id > '1'", "cannot be compared by >; it takes =, !=, LIKE, NOT LIKE,"),
    ],
)
def test_values_that_do_not_suit_are_refused(text, complaint):
    assert complaint in refusal(text)


def test_version_number_may_be_quoted():
    assert value("version_number > '3'", MODEL_VERSIONS) == 3
    assert value('version_number IN (1, "2")', MODEL_VERSIONS) == (1, 2)
    assert "expected a number" in refusal("version_number = 'x'", MODEL_VERSIONS)


def test_status_of_logged_models_is_a_closed_set():
    for status in ("READY", "PENDING", "UPLOAD_FAILED"):
        assert value(f"status = '{status}'", LOGGED_MODELS) == status
    assert value("status LIKE 'R%'", LOGGED_MODELS) == "R%"

    assert "status is never 'LOGGED_MODEL_READY', only READY, PENDING, UPLOAD_FAILED" in refusal(
        "status = 'LOGGED_MODEL_READY'", LOGGED_MODELS
    )
    assert "column 21: status is never 'x'" in refusal("status IN ('READY', 'x')", LOGGED_MODELS)


@pytest.mark.parametrize("table", [REGISTERED_MODELS, MODEL_VERSIONS])
def test_not_a_prompt_means_also_those_without_the_tag(table):
    """The stock client appends this to every registry search."""
    same = Comparison(Field(Entity.TAG, "mlflow.prompt.is_prompt"), Op.EQ, "true")

    assert tree("tags.`mlflow.prompt.is_prompt` != 'true'", table) == Not(same)
    assert tree("tags.other != 'true'", table) == Comparison(
        Field(Entity.TAG, "other"), Op.NE, "true"
    )
    assert isinstance(tree("tags.`mlflow.prompt.is_prompt` != 'true'", RUNS), Comparison)


# --- logic ---------------------------------------------------------------------------------------


def abc(text):
    """Parse a sentence over a, b, c, d, each standing for one comparison."""
    for name in "abcd":
        text = text.replace(name, f"tags.{name} IS NULL")
    return tree(text)


A, B, C, D = (Comparison(Field(Entity.TAG, name), Op.IS_NULL) for name in "abcd")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", A),
        ("((a))", A),
        ("a AND b", And((A, B))),
        ("a AND b AND c", And((A, B, C))),
        ("a AND (b AND c)", And((A, B, C))),
        ("a OR b AND c", Or((A, And((B, C))))),
        ("a AND b OR c AND d", Or((And((A, B)), And((C, D))))),
        ("(a OR b) AND c", And((Or((A, B)), C))),
        ("(a OR b) OR c", Or((A, B, C))),
        ("NOT a AND b", And((Not(A), B))),
        ("NOT (a AND b)", Not(And((A, B)))),
        ("NOT NOT a", Not(Not(A))),
        ("a AND NOT b OR c", Or((And((A, Not(B))), C))),
    ],
)
def test_not_binds_closer_than_and_than_or(text, expected):
    assert abc(text) == expected


def test_between_takes_the_next_and():
    assert tree("metrics.loss BETWEEN 1 AND 2 AND metrics.loss > 1.5") == And(
        (Comparison(LOSS, Op.BETWEEN, (1.0, 2.0)), Comparison(LOSS, Op.GT, 1.5))
    )


@pytest.mark.parametrize("word", ["and", "AND", "And", "aNd"])
def test_operator_words_in_any_case(word):
    assert tree(f"tags.a IS NULL {word} tags.b is null") == And((A, B))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("metrics.a > 1 metrics.b > 2", "column 15: expected AND, OR or the end of the filter"),
        ("metrics.a > 1 AND", "column 18: expected a comparison"),
        ("AND metrics.a > 1", "column 1: expected a comparison"),
        ("metrics.a > 1 AND AND metrics.b > 1", "column 19: expected a comparison"),
        ("metrics.a > 1 OR", "expected a comparison"),
        ("NOT", "expected a comparison"),
        ("()", "expected a comparison"),
        ("(metrics.a > 1", "expected AND, OR or the ')' that closes column 1, found the end"),
        ("metrics.a > 1)", "expected AND, OR or the end of the filter, found ')'"),
        ("metrics.a > 1, metrics.b > 1", "expected AND, OR or the end of the filter, found ','"),
        ("metrics.a > 1;", "';' has no meaning here"),
        ("tags.a = 'x' 'y'", "expected AND, OR or the end of the filter"),
        (" ", "the filter is blank"),
        ("\n\t", "the filter is blank"),
    ],
)
def test_broken_sentences_are_invalid_clauses(text, complaint):
    message = refusal(text)

    assert complaint in message
    assert message.startswith("Invalid clause(s) in filter string, column ")


def test_empty_filter_is_true():
    assert parse("", RUNS) is TRUE


def test_nodes_know_their_place():
    parsed = parse("tags.a = 'x' AND (metrics.loss.min > 1)", RUNS)

    second = parsed.terms[1]
    assert (second.at, second.field.at, second.field.alternative.at) == (18, 18, 18)


def test_error_carries_its_column():
    with pytest.raises(InvalidArgument) as caught:
        parse("metrics.a > x", RUNS)

    assert caught.value.detail == {"field": "filter", "column": 13}


# --- limits --------------------------------------------------------------------------------------


def test_depth():
    leaf = "tags.a IS NULL"
    deep = MAX_DEPTH // 2

    assert tree("(" * MAX_DEPTH + leaf + ")" * MAX_DEPTH) == A
    assert f"nested deeper than {MAX_DEPTH}" in refusal("(" * (MAX_DEPTH + 1) + leaf)
    assert "nested deeper" in refusal("NOT " * (MAX_DEPTH + 1) + leaf)
    assert "nested deeper" in refusal("NOT (" * deep + "(" + leaf)


def test_terms():
    leaf = "tags.a IS NULL"

    assert len(tree(" OR ".join([leaf] * MAX_TERMS)).terms) == MAX_TERMS
    assert f"more than {MAX_TERMS} comparisons" in refusal(" OR ".join([leaf] * (MAX_TERMS + 1)))


def test_list_length():
    def listed(count):
        return f"tags.a IN ({','.join(['1'.join(chr(39) * 2)] * count)})"

    assert len(value(listed(MAX_LIST))) == MAX_LIST
    assert f"more than {MAX_LIST:,} values" in refusal(listed(MAX_LIST + 1))


def test_wildcards():
    assert value(f"tags.a LIKE '{'%_' * (MAX_WILDCARDS // 2)}'")
    assert value(f"tags.a = '{'%' * 5000}'")
    assert f"more than {MAX_WILDCARDS} wildcards" in refusal(f"tags.a LIKE '{'%' * 65}'")
    assert f"more than {MAX_WILDCARDS} wildcards" in refusal(f"tags.a ILIKE '{'_' * 65}'")


@pytest.mark.parametrize("op", ["LIKE", "NOT ILIKE", "RLIKE"])
def test_pattern_length(op):
    assert value(f"tags.a {op} '{'a' * MAX_PATTERN}'")
    assert "more than 1,000 characters" in refusal(f"tags.a {op} '{'a' * (MAX_PATTERN + 1)}'")


def test_size_of_regular_expressions():
    assert "pattern too large" in refusal(r"tags.a RLIKE '\pN{1,900}\pN{1,900}\pN{1,900}'")


HOSTILE = {
    "20,000 parentheses": "(" * 20_000,
    "20,000 balanced parentheses": "(" * 20_000 + "tags.a IS NULL" + ")" * 20_000,
    "5,000 terms": " AND ".join(["metrics.a > 1"] * 5_000),
    "4,000 NOTs": "NOT " * 4_000 + "tags.a IS NULL",
    "5,000 wildcards": f"tags.a LIKE '{'%a' * 5_000}'",
    "1 MB literal": f"tags.a = '{'x' * 1_000_000}'",
    "64 KiB literal": f"tags.a = '{'x' * 65_000}'",
    "64 KiB of quotes": "'" * 65_536,
    "64 KiB of quotes after backslashes": "tags.a = '" + "\\'" * 32_000,
    "64 KiB of backticks": "tags." + "`" * 65_000,
    "64 KiB of digits": "metrics.a > " + "1" * 65_000,
    "64 KiB of dots": "tags" + ".a" * 32_000 + " IS NULL",
    "64 KiB of blanks": " " * 65_000 + "tags.a IS NULL",
    "a long list": f"tags.a IN ({','.join(repr('x') for _ in range(16_000))})",
    "an exponential regular expression": "tags.a RLIKE '(a*)*(a*)*(a*)*b'",
    "SQL": "tags.a = 'x'; DROP TABLE runs --",
    "a union": "tags.a = 'x' UNION SELECT password FROM users",
    "a comment": "tags.a = 'x'/**/OR/**/1=1",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_answered_at_once(text):
    """Security requirement S52: refused or answered in under two seconds."""
    start = time.perf_counter()

    answer = outcome(text)

    assert time.perf_counter() - start < 2
    assert not isinstance(answer, InvalidArgument) or len(str(answer)) < 1_000


# --- properties ----------------------------------------------------------------------------------


@given(st.data())
def test_parse_undoes_render(data):
    """Every tree has a text, and the text means that tree, whatever spelling is chosen."""
    table = data.draw(st.sampled_from(TABLES))
    written = data.draw(filters(table))

    assert tree(render(written), table) == written
    assert tree(data.draw(spellings(written)), table) == written


WORDS = ["AND", "or", "NOT", "(", ")", ",", "=", "!=", "<", ">=", "IS", "NULL", "IN", "BETWEEN"]
WORDS += ["LIKE", "rlike", "metrics.a", "metrics.loss.min", "params.`x`", "tags.'y'", "status", "."]
WORDS += ["'text'", '"', "'", "`", "\\", "1", "-.5e3", "1e", "start_time", "dataset.name", ";", "é"]


@given(st.one_of(st.text(), st.lists(st.sampled_from(WORDS)).map(" ".join)))
def test_any_text_is_read_or_refused(text):
    """Nothing but `InvalidArgument` comes out, and it names a column inside the text."""
    for table in TABLES:
        answer = outcome(text, table)
        if isinstance(answer, InvalidArgument):
            column = answer.detail["column"]
            assert 1 <= column <= len(text) + 1
            assert f"column {column}: " in str(answer)
