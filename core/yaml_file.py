"""What does a YAML file of ours say, and on which line? PyYAML's events, read strictly.

Stock PyYAML reads 10:00 as 600 and 17:30 as 1050 (calls at night), `no` as false, 0901234567 as octal.
Here only YAML 1.2 core scalars have a meaning (null, true, false, whole numbers, decimals), all else is text;
keys are always text. Refused: duplicate keys, aliases, anchors, tags, merge keys, more than one document, a
bare number with a leading zero, control characters. Text is NFC: Vietnamese typed on a Mac comes decomposed.
"""

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

Path = tuple[str | int, ...]

_MOST_LEVELS = 40
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,30}\Z")
_ZERO_LED = re.compile(r"[-+]?0[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,9})?\Z")
_NOT_FINITE = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z")
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff]")
#: Keys whose value no message may show.
SECRET = re.compile(r"password|token|secret", re.IGNORECASE)

#: PyYAML's words -> ours: what is wrong, what would be right. The first that is found counts.
_SYNTAX = (
    ("mapping values are not allowed", 'has a second ":" on the line', 'put the text in quotes: key: "a: b"'),
    ("cannot start any token", "has a tab or a reserved sign here", "indent by spaces, quote the text"),
    ("could not find expected ':'", 'is a line without ":"', "write it as `key: value`"),
    ("found unexpected end of stream", "ends inside quotes", "close the quotes"),
    ("scanning an alias", 'begins with "*"', 'put it in quotes: "*"'),
    ("scanning an anchor", 'begins with "&"', "put it in quotes"),
    (
        "escape",
        "has an unknown sign after a backslash",
        "write the text in single quotes, or double the backslash",
    ),
    (
        "expected <block end>",
        "is not indented like the lines around it",
        "give lines of one block the same indent",
    ),
    ("expected ',' or", "has a bracket that is not closed", 'close it: [a, b] or {a: "b"}'),
    ("expected the node content", "has a sign where a value should be", "put the text in quotes"),
)

#: For these the line where it began is where the person looks, not the one where the parser gave up.
_BEGUN_BEFORE = ("could not find expected ':'", "found unexpected end of stream", "expected ',' or")


@dataclass(frozen=True)
class Problem:
    """One error in a file, as the person who wrote it reads it."""

    file: str
    line: int  #: from 1
    key: str
    wrong: str
    right: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key}: {self.wrong}, {self.right}"


class BadYaml(ValueError):
    """A file that is not strict YAML; `problems` has every one found."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True)
class Mark:
    """Where a value stands (of an entry: its key), from 1, and how a bare scalar was written."""

    line: int
    column: int
    raw: str | None = None


def key_of(path: Path) -> str:
    """`("script", 0, "menu")` -> `script[0].menu`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "file"


@dataclass
class Document:
    """A file as it was read. `value` is what could be made of it: look at `problems` first."""

    file: str
    value: Any = None
    marks: dict[Path, Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    bad: set[Path] = field(default_factory=set)  #: what stands there was refused: its shape says nothing more

    def line(self, path: Path) -> int:
        """The line of a path; of one that is not there, the line of what would hold it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.marks:
                return self.marks[path[:length]].line
        return 1

    def refuse(self, path: Path, line: int, wrong: str, right: str) -> None:
        self.bad.add(path)
        self.problems.append(Problem(self.file, line, key_of(path), wrong, right))


class _NotRead(Exception):
    """The rest of the file cannot be read: its shape is refused."""

    def __init__(self, line: int, wrong: str, right: str) -> None:
        super().__init__(wrong)
        self.line, self.wrong, self.right = line, wrong, right


def read(text: str | bytes, file: str) -> Document:
    """Read one file. Never raises for what is in it: `problems` says all that is wrong, several at once."""
    document = Document(file)
    if isinstance(text, bytes):
        try:
            decoded = text.decode("utf-8")
        except UnicodeDecodeError as error:
            document.refuse(
                (), text[: error.start].count(b"\n") + 1, "is not UTF-8", "save the file as UTF-8"
            )
            return document
    else:
        decoded = text
    decoded = decoded.removeprefix("\ufeff")
    try:
        _document(document, yaml.parse(decoded, Loader=yaml.SafeLoader))
    except yaml.reader.ReaderError as error:
        line = decoded[: error.position].count("\n") + 1
        document.refuse((), line, "has a control character", "delete what stands there and type it again")
    except yaml.MarkedYAMLError as error:
        _syntax(document, error)
    except _NotRead as stop:
        document.problems.append(Problem(file, stop.line, "yaml", stop.wrong, stop.right))
    return document


def load(text: str | bytes, file: str) -> tuple[Any, dict[Path, Mark]]:
    """The value of a file and the mark of every path in it. Raises BadYaml with every problem found."""
    document = read(text, file)
    if document.problems:
        raise BadYaml(tuple(document.problems))
    return document.value, document.marks


def _syntax(document: Document, error: yaml.MarkedYAMLError) -> None:
    said = f"{error.context or ''} {error.problem or ''}"
    begun = any(words in said for words in _BEGUN_BEFORE)
    marks = (error.context_mark, error.problem_mark) if begun else (error.problem_mark, error.context_mark)
    line = next((mark.line + 1 for mark in marks if mark), 1)
    unknown = f"is not YAML here ({(error.problem or 'syntax').strip()})", "compare with the lines around it"
    wrong, right = next((ours for words, *ours in _SYNTAX if words in said), unknown)
    document.problems.append(Problem(document.file, line, "yaml", wrong, right))


def _at(event: yaml.Event) -> Mark:
    mark = event.start_mark
    return Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)


def _document(document: Document, events: Iterator[yaml.Event]) -> None:
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            if document.marks:
                document.refuse((), _at(event).line, "has a second document", 'delete the line "---"')
                return
            document.value = _node(document, (), next(events), events)
    if not document.marks:
        document.refuse((), 1, "is empty", "write its keys")


def _node(document: Document, path: Path, event: yaml.Event, events: Iterator[yaml.Event]) -> Any:
    at = _at(event)
    at = document.marks.setdefault(path, at)
    if len(path) > _MOST_LEVELS:
        raise _NotRead(at.line, "is nested too deeply", "take some levels away")
    if isinstance(event, yaml.AliasEvent):
        document.refuse(
            path, at.line, f"*{event.anchor} is an alias", 'write the value itself, or quote it: "*"'
        )
        return None
    if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
        document.refuse(path, at.line, f"&{event.anchor} is an anchor", "write the value without it")
    if isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)) and event.tag is not None:
        document.refuse(path, at.line, f"{event.tag} is a tag", "write the value without it")
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(document, path, event)
    if isinstance(event, yaml.SequenceStartEvent):
        return _sequence(document, path, events)
    return _mapping(document, path, events)


def _sequence(document: Document, path: Path, events: Iterator[yaml.Event]) -> list[Any]:
    items: list[Any] = []
    while not isinstance(event := next(events), yaml.SequenceEndEvent):
        items.append(_node(document, (*path, len(items)), event, events))
    return items


def _mapping(document: Document, path: Path, events: Iterator[yaml.Event]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        at = _at(event)
        if not isinstance(event, yaml.ScalarEvent):
            raise _NotRead(at.line, "has a key that is not a word", "write a word as the key, or quote it")
        key = unicodedata.normalize("NFC", event.value)
        entry = (*path, key)
        if key in entries:
            first = document.marks[entry].line
            document.refuse(entry, at.line, f"is written twice (first on line {first})", "keep one of them")
            _node(Document(document.file), entry, next(events), events)
            continue
        document.marks[entry] = at
        if event.tag is not None or event.anchor is not None or key == "<<" or _FORBIDDEN.search(key):
            document.refuse(
                entry, at.line, "is not a plain key", "write a word, without tag, anchor or merge"
            )
        entries[key] = _node(document, entry, next(events), events)
    return entries


def _scalar(document: Document, path: Path, event: yaml.ScalarEvent) -> Any:
    text = unicodedata.normalize("NFC", event.value)
    line = _at(event).line
    if _FORBIDDEN.search(text):
        document.refuse(path, line, "has a control character", "delete it")
    if event.style is not None:
        return text
    document.marks[path] = replace(document.marks[path], raw=text)
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _ZERO_LED.match(text):
        shown = "…" if path and SECRET.search(str(path[-1])) else text
        document.refuse(path, line, f"{shown} is a number with a leading zero", f'write it quoted: "{shown}"')
        return text
    if _INT.match(text):
        return int(text)
    if _FLOAT.match(text) and math.isfinite(number := float(text)):
        return number
    if _FLOAT.match(text) or _NOT_FINITE.match(text):
        document.refuse(path, line, "is not a finite number", "write a number, or quote the text")
    return text
