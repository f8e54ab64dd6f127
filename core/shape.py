"""Does a file have the shape that its model asks for, and if not, what would be right, in plain words?

pydantic says where an error is and of which type; here it becomes a line and a sentence. What is wrong is
then taken out and the rest is tried again: the checks of meaning see the rest, and all errors come at once.
"""

import json
import types
from collections.abc import Iterable
from copy import deepcopy
from datetime import date, timedelta
from enum import Enum
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import AwareDatetime, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from core.script import KINDS
from core.sources import SOURCES, SourceKind
from core.written import Window, Written, WrittenError, duration, nearest
from core.yaml_file import SECRET, Document, Path

M = TypeVar("M", bound=Written)

_MOST_ROUNDS = 20
#: Lists of steps: a wrong one is replaced by a harmless one, so that the places of the rest hold.
_STEP_LISTS = {"script", "then", "no_key"}
_BOOL_WORDS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_NAMES: dict[Any, str] = {
    str: "text in quotes",
    SecretStr: "text in quotes, or ${NAME} for a variable of the environment",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    date: "a date like 2026-11-30",
    AwareDatetime: 'a moment with its offset, like "2026-11-30T09:00:00+07:00"',
    timedelta: 'a duration like "15m"',
    Window: 'a window like "08:00-17:00" or "mon-sat 08:00-17:00"',
}
#: A pattern of the models, by a part of it that no other has -> what would be right.
_PATTERNS = (
    ("^0[0-9]{0,9}$", 'write how the national number begins, in quotes, like "090"; "0" is every number'),
    ("[0-9]{1,5}$", 'write host and port, like "127.0.0.1:5060"'),
    ("[a-z0-9][a-z0-9_-]", "write small letters, digits, - and _, at most 40"),
    ("[A-Za-z0-9 ._-]", "write digits, or a brandname of at most 11 Latin letters, digits, - _ . and spaces"),
    ("https?", 'write an address like "http://127.0.0.1:8088"'),
    ("[0-9]{4,5}-", 'write first and last port, like "10000-19999"'),
    ("[0-9*#]", "write one of the keys 0 to 9, * or #"),
    ("[a-z0-9-]{1,40}", "write the name of a dialplan context: small letters, digits and -"),
    ("{1,249}", "write the topic's name: letters, digits, . _ and -"),
    ("{1,10}$", 'write how the marker ends, like ".done"'),
    ("[A-Z0-9_-]{1,16}", "write the code in capital letters and digits, at most 16"),
    ("[0-9]{3,6}", 'write a short code in quotes, like "999"'),
    ("[0-9]{2,6}", 'write 2 to 6 digits in quotes, like "201"'),
)


def fit(document: Document, model: type[M], filled: Any = None) -> M | None:
    """The document as a `model`, problems added to the document; None when nothing usable is left.

    `filled`: the value to take instead, of the same shape, with secrets that no message may show.
    With problems the result lacks what was wrong (`document.bad`): it is fit for finding more problems only.
    """
    if not isinstance(document.value, dict):
        if not document.problems:
            document.refuse((), 1, "does not consist of keys", f"write {_takes(model)}")
        return None
    value = deepcopy(filled if filled is not None else document.value)
    _empty(document, model)
    for _ in range(_MOST_ROUNDS):
        try:
            return model.model_validate_json(json.dumps(value))
        except ValidationError as errors:
            known = frozenset(document.bad)  # of the rounds before: what was taken out is missed now
            taken_out = [
                _one(document, model, value, error, known) for error in errors.errors(include_url=False)
            ]
            if not all(taken_out):
                return None
    return None


def covered(document: Document, path: Path) -> bool:
    """Whether something at or above `path` was refused already: nothing more is to be said of it."""
    return any(path[:length] in document.bad for length in range(1, len(path) + 1))


def touched(document: Document, path: Path) -> bool:
    """Whether something below `path` was refused: that it is not there proves nothing."""
    return any(bad[: len(path)] == path for bad in document.bad)


def _empty(document: Document, model: type[Written]) -> None:
    """A key without its value where the key may be absent: whoever wrote it meant a limit, not "no limit"."""
    for path, mark in list(document.marks.items()):
        if mark.raw != "":
            continue
        tagged = _with_kind(document.value, path)
        holder = _annotation(model, tagged[:-1])
        if not (isinstance(holder, type) and issubclass(holder, Written)):
            continue
        field = {field.alias or name: field for name, field in holder.model_fields.items()}.get(str(path[-1]))
        if field and type(None) in get_args(field.annotation) and not covered(document, path):
            right = f"write {_takes(_bare(field.annotation))}, or delete the line"
            document.refuse(path, mark.line, "is empty", right)


def _one(
    document: Document, model: type[Written], value: Any, error: ErrorDetails, known: frozenset[Path]
) -> bool:
    """Say one error and take it out of `value`; False when it cannot be taken out."""
    tagged = tuple(part for part in error["loc"] if part != "[key]")
    loc = _without_kind(tagged)
    if error["type"].startswith("union_tag"):  # which kind it is was not understood: said of its `kind`
        tagged = loc = (*loc, "kind")
        error["type"] = "missing" if error["type"] == "union_tag_not_found" else "literal_error"
    at = _written(document.value, loc)
    annotation = _annotation(model, tagged)
    if error["type"] == "too_short" and (_written(value, at) != at or _at(value, at)):
        return True  # pydantic counts the entries that are right; the wrong ones are said
    missing = error["type"] == "missing"
    place = loc if missing else at
    if not covered(document, place) and not any(bad[: len(place)] == place for bad in known):
        if missing:
            wrong, right = "is missing", f"write `{loc[-1]}: …`, {_takes(annotation)}"
        else:
            wrong, right = _words(document, model, at, annotation, error, tagged)
        document.refuse(place, document.line(at), wrong, right)
    document.bad.add(place)
    if missing:
        return _fill(value, loc, annotation)
    return _take_out(value, at, error["type"], annotation)


def _without_kind(loc: Path) -> Path:
    """pydantic's path without the kind of a source, which it puts behind the source's place in the list."""
    if len(loc) > 2 and loc[0] == "sources" and loc[2] in SOURCES:
        return (*loc[:2], *loc[3:])
    return loc


def _with_kind(value: Any, path: Path) -> Path:
    """The other way: pydantic's path for one that stands in the file."""
    if len(path) > 2 and path[0] == "sources" and isinstance(source := _at(value, path[:2]), dict):
        return (*path[:2], str(source.get("kind")), *path[2:])
    return path


def _written(value: Any, loc: Path) -> Path:
    """The part of pydantic's path that stands in the file (`- register: x` has no `offer`)."""
    at: list[str | int] = []
    for part in loc:
        held = isinstance(value, list) if isinstance(part, int) else isinstance(value, dict) and part in value
        if not held:
            break
        value = value[part]
        at.append(part)
    return tuple(at)


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _fill(value: Any, loc: Path, annotation: Any) -> bool:
    """A missing text is filled in so that the rest can be looked at; anything else takes its holder along."""
    written = _written(value, loc[:-1])
    holder = _at(value, written)
    if annotation is str and isinstance(holder, dict) and len(written) == len(loc) - 1:
        holder[loc[-1]] = "?"
        return True
    return _take_out(value, written, "missing", None)


def _take_out(value: Any, at: Path, kind: str, annotation: Any) -> bool:
    if not at:
        return False
    holder: Any = value
    for part in at[:-1]:
        if isinstance(holder, dict) and part not in holder:
            return True  # its holder was taken out already
        holder = holder[part]
    last: Any = at[-1]
    if isinstance(holder, list):
        if len(at) > 1 and at[-2] in _STEP_LISTS:
            holder[last] = {"say": "?"}
            return True
        return _take_out(value, at[:-1], kind, None)
    if not isinstance(holder, dict) or last not in holder:
        return True
    if kind == "string_type" and isinstance(holder[last], int | float):
        holder[last] = str(holder[last])
    elif kind == "literal_error" and (choices := _choices(annotation)):
        holder[last] = choices[0]
    else:
        del holder[last]
    return True


def _bare(annotation: Any) -> Any:
    """The type without Annotated and without `| None`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        if len(kinds) == 1:
            return _bare(kinds[0])
    return annotation


def _annotation(model: Any, loc: Path) -> Any:
    """The type that a model asks for at a path; None where it knows none."""
    annotation = model
    for part in loc:
        annotation = _bare(annotation)
        if isinstance(annotation, type) and issubclass(annotation, Written):
            fields = {field.alias or name: field for name, field in annotation.model_fields.items()}
            annotation = fields[str(part)].annotation if part in fields else None
        elif get_origin(annotation) in (Union, types.UnionType):
            annotation = SourceKind if part == "kind" else KINDS.get(str(part)) or SOURCES.get(str(part))
        elif get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        elif get_origin(annotation) is tuple:
            annotation = get_args(annotation)[0]
        else:
            return None
    return _bare(annotation)


def _keys(model: type[Written]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items() if not field.exclude]


def _choices(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(choice.value) for choice in annotation]
    if get_origin(annotation) is dict:
        return _choices(get_args(annotation)[0])
    return []


def _one_of(choices: Iterable[str]) -> str:
    """Signs in quotes: a tab or a comma is not seen among others."""
    return "one of " + ", ".join(
        each if each.isascii() and each[:1].isalnum() else json.dumps(each, ensure_ascii=False)
        for each in choices
    )


def _takes(annotation: Any) -> str:
    if annotation in _NAMES:
        return _NAMES[annotation]
    if choices := _choices(annotation):
        return _one_of(choices)
    if get_origin(annotation) is tuple:
        return f"a list: [{_entry(_bare(get_args(annotation)[0]))}, …]"
    if isinstance(annotation, type) and issubclass(annotation, Written):
        return "its keys: " + ", ".join(_keys(annotation))
    if get_origin(annotation) in (Union, types.UnionType):
        of_sources = set(get_args(annotation)) <= set(SOURCES.values())
        return f"{{name: …, kind: {' or '.join(SOURCES)}, …}}" if of_sources else "steps"
    return "its entries below it"


def _entry(annotation: Any) -> str:
    """One entry of a list, as it would be written there."""
    if not (isinstance(annotation, type) and issubclass(annotation, Written)):
        return _takes(annotation)
    fields = [(field.alias or name, field) for name, field in annotation.model_fields.items()]
    keys = [name for name, field in fields if field.is_required()] or _keys(annotation)
    return "{" + ", ".join(f"{key}: …" for key in keys) + "}"


def _is(value: Any, shown: str) -> str:
    if value is None:
        return "is empty"
    if isinstance(value, bool):
        return f"is {shown}"
    if isinstance(value, int | float):
        return f"is the number {shown}"
    if isinstance(value, str):
        return f'is the text "{shown}"'
    return "is a list" if isinstance(value, list) else "has keys of its own"


def _dong(text: str) -> str | None:
    """`90.000`, `90,000đ` -> `90000`: what a price meant to say."""
    digits = text.rstrip("đ d").replace(" ", "")
    groups = digits.replace(",", ".").split(".")
    fits = len(groups) > 1 and all(len(group) == 3 for group in groups[1:]) and 1 <= len(groups[0]) <= 3
    return "".join(groups) if fits and "".join(groups).isascii() and "".join(groups).isdigit() else None


def _near(word: str, known: Iterable[str], otherwise: str) -> str:
    return nearest(word, known) or otherwise


def _words(
    document: Document, model: type[Written], at: Path, annotation: Any, error: ErrorDetails, loc: Path
) -> tuple[str, str]:
    kind, context = error["type"], error.get("ctx") or {}
    value = _at(document.value, at)
    mark = document.marks.get(at)
    raw = mark.raw if mark and mark.raw is not None else str(value)
    hidden = annotation is SecretStr or any(SECRET.search(str(part)) for part in at)
    shown = "…" if hidden else raw if len(raw) <= 60 else raw[:60] + "…"
    if kind == "value_error" and isinstance(context.get("error"), WrittenError):
        return context["error"].wrong, context["error"].right
    if kind == "extra_forbidden":
        keys = _holder_keys(model, loc)
        return "is not a key here", _near(str(at[-1]), keys, f"the keys are {', '.join(keys)}")
    if "[key]" in error["loc"]:
        choices = _choices(_annotation(model, loc[:-1]))
        known = f"write {_one_of(choices)}" if choices else "write another key"
        return f'"{at[-1]}" is not known here', _pattern(context) or _near(str(at[-1]), choices, known)
    if kind in ("literal_error", "enum") and isinstance(value, str):
        choices = _choices(annotation)
        return f'"{shown}" is not known here', _near(raw, choices, f"write {_one_of(choices)}")
    if kind == "string_pattern_mismatch":
        return f'"{shown}" is not right', _pattern(context) or f"write it like {context['pattern']}"
    for name, words in _BOUNDS:
        if name in context:
            limit = context[name]
            return f"is {shown}", words.format(f"{limit:g}" if isinstance(limit, float) else limit)
    if kind == "string_too_short":
        return "is empty", "write a text"
    if kind == "string_too_long":
        return "is too long", f"write at most {context['max_length']} signs"
    if kind == "too_short":
        return "is an empty list", "write at least one entry"
    return _is(value, shown), _in_seconds(at, value, annotation) or _instead(value, raw, shown, annotation)


_BOUNDS = (
    ("ge", "write at least {}"),
    ("gt", "write more than {}"),
    ("le", "write at most {}"),
    ("lt", "write less than {}"),
)


def _in_seconds(at: Path, value: Any, annotation: Any) -> str:
    """`slow_start_s: 5m` -> what to write instead; empty for anything else."""
    if annotation not in (int, float) or not str(at[-1]).endswith("_s"):
        return ""
    try:
        return f"write its seconds: {duration(value).total_seconds():g}"
    except WrittenError:
        return ""


def _instead(value: Any, raw: str, shown: str, annotation: Any) -> str:
    """What would be right where a value has the wrong type."""
    if annotation in (str, SecretStr) and isinstance(value, bool | int | float):
        return f'write it in quotes: "{shown}"'
    if annotation is int and (amount := _dong(raw)):
        return f"write {amount}"
    if annotation is bool and raw.lower() in _BOOL_WORDS:
        return f"write {_BOOL_WORDS[raw.lower()]}"
    if isinstance(annotation, type) and issubclass(annotation, Written) and len(_keys(annotation)) == 1:
        on = _BOOL_WORDS.get(raw.lower(), raw)  # `answering_machine: on`
        return f"write {{{_keys(annotation)[0]}: {on if on in ('true', 'false') else '…'}}}"
    if get_origin(annotation) is tuple and isinstance(value, str) and raw:
        return f'write a list: ["{shown}"]' if _of_words(annotation, raw) else f"write {_takes(annotation)}"
    return f"write {_takes(annotation)}"


def _of_words(annotation: Any, word: str) -> bool:
    """Whether this word could be an entry of the list: not where entries have keys of their own."""
    entry = _bare(get_args(annotation)[0])
    if get_origin(entry) in (Union, types.UnionType):
        return word in KINDS and not any(field.is_required() for field in KINDS[word].model_fields.values())
    return not (isinstance(entry, type) and issubclass(entry, Written))


def _holder_keys(model: type[Written], loc: Path) -> list[str]:
    holder = _annotation(model, loc[:-1])
    return _keys(holder) if isinstance(holder, type) and issubclass(holder, Written) else []


def _pattern(context: dict[str, Any]) -> str:
    pattern = str(context.get("pattern", ""))
    return next((right for part, right in _PATTERNS if pattern and part in pattern), "")
