"""Sweep files are read as plain values with lines, and nothing in them is executed or expanded."""

from __future__ import annotations

import math
import re
import time
from pathlib import Path
from typing import Any

import pytest

from orchestration.errors import UserError
from orchestration.spec.yaml_file import YamlFile, parse_value, read_yaml

BOMB = "a: &a [x, x]\n" + "".join(f"{n}: &{n} [*{p}, *{p}]\n" for p, n in zip("abcd", "bcde"))  # noqa: B905


def read(tmp_path: Path, content: str | bytes) -> YamlFile:
    path = tmp_path / "file.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_yaml(path)


def test_values_and_their_lines(tmp_path: Path) -> None:
    file = read(tmp_path, "name: a\nbase:\n  epochs: 3\n  list:\n    - 1\n    - x\n")
    assert file.content == {"name": "a", "base": {"epochs": 3, "list": [1, "x"]}}
    assert file.line(("base", "epochs")) == 3
    assert file.line(("base", "list", 1)) == 6
    # What is not there has the line of what encloses it.
    assert file.line(("base", "nothing", "here")) == 2
    assert file.line(("nothing",)) == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("-1E5", -1e5),
        ("1.5e+3", 1.5e3),
        ("1.0e-8", 1e-8),
        ("3", 3),
        ("e3", "e3"),
        ("1e", "1e"),
        ("null", None),
        ("'1e-3'", "1e-3"),
        ("true", True),
        ("[1e-3, 1]", [1e-3, 1]),
        ("", None),
        ("~", None),
        ("0x1F", 31),
        ("0o17", 15),
        ("-0", 0),
        ("0.5", 0.5),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("-.inf", -math.inf),
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("off", "off"),
        ("'010'", "010"),
        ("2024-01-31", "2024-01-31"),
        ("1.2.3", "1.2.3"),
        ("0b11", "0b11"),
        ("12ab", "12ab"),
        ("1:", {"1": None}),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_numbers_are_what_everybody_means(text: str, value: Any) -> None:
    parsed = parse_value(text, "k")
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("010", "10"),
        ("08", "8"),
        ("-007", "-7"),
        ("00.5", "0.5"),
        ("01e-3", "1e-3"),
        ("1_000", "1000"),
        ("1_000.5e3", "1000.5e3"),
        ("1:4", "[1, 4] for a list, 64 for a time in seconds"),
        ("1:30.5", "[1, 30.5] for a list, 90.5 for a time in seconds"),
        ("1:02:03", "[1, 2, 3] for a list, 3723 for a time in seconds"),
        ("-1:1", "[-1, 1] for a list"),
        ("0,001", "0.001 with a point"),
        ("1,5e-3", "1.5e-3 with a point"),
        ("1,000", "1000, 1.000 with a point"),
        ("12,000,000", "12000000, 12.000000 with a point"),
    ],
)
def test_what_looks_like_a_number_is_refused_with_what_is_meant(
    tmp_path: Path, text: str, meant: str
) -> None:
    expected = f"{text} is not a number here; write {meant}, or put text in quotes"
    with pytest.raises(UserError) as raised:
        parse_value(text, "k")
    assert str(raised.value) == f"--set k: {expected}"
    with pytest.raises(UserError) as raised:
        read(tmp_path, f"a: 1\nb:\n  c:\n    - {text}\n")
    assert str(raised.value) == f"{tmp_path / 'file.yaml'}:4: b.c[0]: {expected}"
    quoted = read(tmp_path, f"'{text}': '{text}'\nb: [\"{text}\"]\n")
    assert quoted.content == {text: text, "b": [text]}


def test_a_decimal_comma_in_a_list_is_two_items_one_of_which_begins_with_a_zero() -> None:
    for text, meant in (
        ("[0,001]", "1, 0.001 with a point"),
        ("[1,05]", "5, 1.05 with a point"),
        ("[-2, 12,000]", "0, 12000, 12.000 with a point"),
        ("{low: 0,001, high: 1}", "1, 0.001 with a point"),
        ("[0, 001]", "1"),
        ("[1.5,001]", "1"),
        ("[a,001]", "1"),
    ):
        with pytest.raises(UserError, match=f"write {re.escape(meant)}, or put"):
            parse_value(text, "k")


def test_all_that_is_refused_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        read(tmp_path, "a: 010\nb:\n  c: 1\n  c: 1_0\n")
    begin = tmp_path / "file.yaml"
    assert [line.partition(";")[0] for line in raised.value.lines] == [
        f"{begin}:1: a: 010 is not a number here",
        f"{begin}:4: b: the key 'c' is there twice",
        f"{begin}:4: b.c: 1_0 is not a number here",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: 1\nb: !!python/object/apply:os.system ['echo']\n", ":2: the tag"),
        ("a: !!binary aGk=\n", ":1: the tag"),
        ("a: 1\nb: &x 2\n", ":2: anchors"),
        (BOMB, ":1: anchors"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", ":4: b: the key 'c' is there twice"),
        ("a: 1\n1: 2\n'1': 3\n", ":3: the key '1' is there twice"),
        ("a: 1\n? [x, y]\n: 2\n", ":2: a key must be a word"),
        ("a: 1\nb: [1\nc: 2\n", "is not valid YAML"),
        ("a: 1\n---\nb: 2\n", "is not valid YAML"),
        ("a: " + "9" * 5_000, ":1: a: is too long a number"),
        ("a: \x00\n", "is not valid YAML"),
        (b"a: \xff\xfe\n", "is not UTF-8"),
        ("a: " + "[" * 2_000 + "]" * 2_000, "nested too deeply"),
        ("#" * 1_000_001, "too much"),
    ],
)
def test_what_is_refused(tmp_path: Path, content: str | bytes, expected: str) -> None:
    with pytest.raises(UserError) as raised:
        read(tmp_path, content)
    assert expected in str(raised.value)
    assert str(tmp_path / "file.yaml") in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("name: x\nbase:\n\tbeta: 1\n", ":3:1: .*; use spaces there, not tabs"),
        ("name: @x\n", ":1: .*; put the text in quotes"),
        ("name: x\nbase:\n  beta: 1\n   epochs: 2\n", ":4: .*; is the line indented"),
        ("name:x\nseeds: [1]\n", ":2: .*is there a space behind each colon"),
        ("base:\n    beta: 1\n  epochs: 2\n", ":3: .*; is the line indented"),
        ("name: x\nbase\n  beta: 1\n", ":3: .*; a colon is missing on the line before"),
        ("base: {beta: 1 epochs: 2}\n", ":1: .*; a comma is missing"),
        ("seeds: [0, 1\n", ":2: .*; a comma is missing, or a bracket is not closed"),
        ("name: 'x\nseeds: [0]\n", ":3: .*; a quote is not closed"),
        ("name: x\n---\nname: y\n", ":2: .*; a file describes one sweep"),
    ],
)
def test_what_is_no_yaml_comes_with_a_hint(tmp_path: Path, content: str, expected: str) -> None:
    with pytest.raises(UserError, match=f"file.yaml{expected}"):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("line", "column", "said"),
    [
        ("\u00a0epochs: 2", 3, "U+00A0 (no-break space); write a plain space or nothing instead"),
        ("epochs:\u00a02", 10, "U+00A0 (no-break space)"),
        ("epochs: 2\u00a0# two", 12, "U+00A0 (no-break space)"),
        ("epochs: [1,\u20032]", 14, "U+2003 (em space)"),
        ("epochs:\u2003[1, 2]", 10, "U+2003 (em space)"),
        ("epochs: 2\u200b", 12, "U+200B (zero width space)"),
        ("model: “vae”", 10, "“ (left double quotation mark); write ' or \" instead"),
        ("model: [vae, ‘vae’]", 16, "‘ (left single quotation mark)"),
        ("epochs： 2", 9, "： (fullwidth colon); write : instead, or put text in quotes"),
        ("epochs: [1，2]", 13, "， (fullwidth comma); write , instead"),
        ("beta: −1", 9, "− (minus sign); write - instead"),
        ("beta: 1e−3", 11, "− (minus sign)"),
        ("– vae", 3, "– (en dash); write - instead"),
    ],
)
def test_what_only_looks_like_yaml_is_named_with_line_and_column(
    tmp_path: Path, line: str, column: int, said: str
) -> None:
    with pytest.raises(UserError) as raised:
        read(tmp_path, f"name: 'a “b”' # “c”\u00a0\nbase:\n  {line}\ngrid: {{}}\n")
    first = raised.value.lines[0].replace("is not valid YAML: ", "")
    assert first.startswith(f"{tmp_path / 'file.yaml'}:3:{column}: here stands {said}")


def test_what_looks_like_yaml_may_stand_in_text(tmp_path: Path) -> None:
    values = ["it’s", "a–b", "'“a”：\u00a0−1'", '"«a»\u00a0"', "2020–2024", "Größe", "x → y"]
    file = read(tmp_path, "".join(f"k{i}: {value}\n" for i, value in enumerate(values)))
    assert list(file.content.values()) == [value.strip("'\"") for value in values]
    assert parse_value("|\n  “a”：\u00a0b", "k") == "“a”：\u00a0b"


@pytest.mark.parametrize("text", ["\u00a02", "[1，2", "a:\u00a0[b"])
def test_what_only_looks_like_yaml_in_an_override(text: str) -> None:
    with pytest.raises(UserError, match=r"^--set k: .*here stands "):
        parse_value(text, "k")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        read_yaml(tmp_path / "missing.yaml")
    with pytest.raises(UserError, match="cannot be read"):
        read_yaml(tmp_path)


@pytest.mark.parametrize("text", ["[1", "&a 1", "!!python/name:os.system", "[" * 2_000])
def test_values_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UserError, match="--set k: "):
        parse_value(text, "k")


def test_values_that_are_refused_say_so() -> None:
    with pytest.raises(UserError, match="--set k: anchors"):
        parse_value("&a 1", "k")


def test_deep_nesting_is_refused_at_once(tmp_path: Path) -> None:
    """PyYAML needs half a minute for the brackets of 40 kB, and hours for a megabyte."""
    began = time.process_time()
    with pytest.raises(UserError, match="nested too deeply"):
        read(tmp_path, "a: " + "[" * 6_000)
    assert time.process_time() - began < 1


def test_an_empty_file_has_no_content(tmp_path: Path) -> None:
    assert read(tmp_path, "# nothing\n").content is None
