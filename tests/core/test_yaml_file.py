# ruff: noqa: E501 - one case a line, with the exact sentence
"""Strict YAML: what a scalar means, what is refused, and on which line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.yaml_file import BadYaml, key_of, load, read


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("10:00", "10:00"),
        ("17:30", "17:30"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("2026-11-30", "2026-11-30"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("90000", 90000),
        ("-5", -5),
        ("0", 0),
        ("0.05", 0.05),
        ("90.000", 90.0),
        ("1e3", 1000.0),
        ('"90000"', "90000"),
        ("'yes'", "yes"),
        ('"090"', "090"),
        ("8a", "8a"),
    ],
)
def test_a_scalar_means_what_yaml_1_2_core_says(written: str, value: object) -> None:
    """R8: 10:00 stays text, it is not 600."""
    got, _ = load(f"key: {written}\n", "f.yaml")
    assert got == {"key": value}
    assert type(got["key"]) is type(value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3: a: is written twice (first on line 1), keep one of them"),
        ("a: 090\n", 'f.yaml:1: a: 090 is a number with a leading zero, write it quoted: "090"'),
        ("a:\n- 1\n- +0901234567\n", 'f.yaml:3: a[1]: +0901234567 is a number with a leading zero, write it quoted: "+0901234567"'),
        ("web:\n  token: 0123\n", 'f.yaml:2: web.token: … is a number with a leading zero, write it quoted: "…"'),
        ("a: .inf\n", "f.yaml:1: a: is not a finite number, write a number, or quote the text"),
        ("a: 1e999\n", "f.yaml:1: a: is not a finite number, write a number, or quote the text"),
        ("a: *b\n", 'f.yaml:1: a: *b is an alias, write the value itself, or quote it: "*"'),
        ("a: &b 1\n", "f.yaml:1: a: &b is an anchor, write the value without it"),
        ("a: !!str 1\n", "f.yaml:1: a: tag:yaml.org,2002:str is a tag, write the value without it"),
        ("a: !!python/object:os.system x\n", "f.yaml:1: a: tag:yaml.org,2002:python/object:os.system is a tag, write the value without it"),
        ("<<: {a: 1}\n", "f.yaml:1: <<: is not a plain key, write a word, without tag, anchor or merge"),
        ("a: 1\n---\nb: 2\n", 'f.yaml:2: file: has a second document, delete the line "---"'),
        ("", "f.yaml:1: file: is empty, write its keys"),
        ("# only a comment\n", "f.yaml:1: file: is empty, write its keys"),
        ("a: b: c\n", 'f.yaml:1: yaml: has a second ":" on the line, put the text in quotes: key: "a: b"'),
        ("a:\n\tb: 1\n", "f.yaml:2: yaml: has a tab or a reserved sign here, indent by spaces, quote the text"),
        ("a: 'x\nb: 1\n", "f.yaml:1: yaml: ends inside quotes, close the quotes"),
        ("a: 1\nfoo\n", 'f.yaml:2: yaml: is a line without ":", write it as `key: value`'),
        ("a:\n  - b\n c: d\n", "f.yaml:3: yaml: is not indented like the lines around it, give lines of one block the same indent"),
        ("a: [1, 2\nb: 3\n", 'f.yaml:1: yaml: has a bracket that is not closed, close it: [a, b] or {a: "b"}'),
        ("keys:\n  *: x\n", 'f.yaml:2: yaml: begins with "*", put it in quotes: "*"'),
        ("? [a]\n: b\n", "f.yaml:1: yaml: has a key that is not a word, write a word as the key, or quote it"),
        ("[" * 200, "f.yaml:1: yaml: is nested too deeply, take some levels away"),
        ('a: 1\nb: "\\0"\n', "f.yaml:2: b: has a control character, delete it"),
        ("a: 1\nb: \x01\n", "f.yaml:2: file: has a control character, delete what stands there and type it again"),
    ],
)  # fmt: skip
def test_what_is_not_strict_is_refused_with_its_line(text: str, said: str) -> None:
    assert [str(problem) for problem in read(text, "f.yaml").problems] == [said]
    with pytest.raises(BadYaml) as refused:
        load(text, "f.yaml")
    assert str(refused.value) == said


def test_several_problems_are_said_at_once() -> None:
    problems = read("a: 01\nb: *x\na: 2\nc: {d: 02}\n", "f.yaml").problems
    assert [(problem.line, problem.key) for problem in problems] == [(1, "a"), (2, "b"), (3, "a"), (4, "c.d")]


def test_bytes_that_are_not_utf_8_are_refused_with_their_line() -> None:
    problems = read("a: 1\nb: C\xe0 Mau\n".encode("windows-1258"), "f.yaml").problems
    assert [str(problem) for problem in problems] == ["f.yaml:2: file: is not UTF-8, save the file as UTF-8"]


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert load(b"\xef\xbb\xbfa: 1\n", "f.yaml")[0] == {"a": 1}


def test_keys_are_text_however_they_look() -> None:
    assert load("1: a\n090: b\nyes: c\n~: d\n", "f.yaml")[0] == {"1": "a", "090": "b", "yes": "c", "~": "d"}


def test_decomposed_vietnamese_is_composed() -> None:
    assert load("a: ti\u00ea\u0301ng Vi\u00ea\u0323t\n", "f.yaml")[0] == {"a": "tiếng Việt"}


def test_every_path_has_the_line_of_its_key() -> None:
    text = (
        "a: 1\nscript:\n  - say: >-\n      two\n      lines\n  - menu:\n      keys:\n        '9': {say: x}\n"
    )
    _, marks = load(text, "f.yaml")
    lines = {key_of(path): mark.line for path, mark in marks.items()}
    assert lines["script[0].say"] == 3
    assert lines["script[1].menu"] == 6
    assert lines["script[1].menu.keys.9.say"] == 8


@given(st.text(max_size=200) | st.text(alphabet="ab:-[]{}'\"&*!|> \n\t#0189.?,%@", max_size=60))
def test_no_text_whatever_makes_the_reader_fail(text: str) -> None:
    document = read(text, "f.yaml")
    assert document.problems or document.marks
    assert all(problem.line >= 1 and str(problem).startswith("f.yaml:") for problem in document.problems)


@given(st.binary(max_size=100))
def test_no_bytes_whatever_make_the_reader_fail(raw: bytes) -> None:
    document = read(raw, "f.yaml")
    assert document.problems or document.marks
