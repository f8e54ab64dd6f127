# ruff: noqa: E501 - one case a line, with the exact sentence
"""Does `mai check` say what is wrong with `sources`, on which line, and what would be right?"""

import pytest

from core.config import Config
from core.loading import parse_config
from core.sources import FolderSource, KafkaSource

_BEFORE = """\
asterisk: {nodes: [{password: x}]}
trunks: [{name: t, address: "127.0.0.1:5070", caller_id: "9090"}]
granted: [{name: "9090", reference: a}]
sources:
"""
_FOLDER = "  - {name: f, kind: folder, path: in"
_KAFKA = "  - {name: k, kind: kafka, servers: [k1:9092], topic: topups"


def _read(sources: str) -> Config | list[str]:
    found = parse_config(_BEFORE + sources, "c.yaml", {"PASSWORD": "s3cret"})
    return found if isinstance(found, Config) else [str(each).removeprefix("c.yaml:") for each in found]


def test_a_folder_and_a_topic_are_read() -> None:
    """O1."""
    found = _read(
        _FOLDER
        + ", header: false, fields: {number: 2, id: [1, 4]}}\n"
        + _KAFKA
        + ", trigger: low_balance, tls: true, sasl: {user: mai, password: '${PASSWORD}'}}"
    )
    assert isinstance(found, Config)
    folder, kafka = found.sources
    assert isinstance(folder, FolderSource)
    assert (folder.fields.number, folder.fields.id, folder.trigger) == ("2", ("1", "4"), "topup")
    assert isinstance(kafka, KafkaSource)
    assert kafka.sasl is not None
    assert (kafka.trigger, kafka.sasl.mechanism) == ("low_balance", "SCRAM-SHA-512")
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ("  - name: a\n    kind: foldr\n    path: in", '6: sources[0].kind: "foldr" is not known here, did you mean "folder"?'),
        ("  - name: a\n    path: in", "5: sources[0].kind: is missing, write `kind: …`, one of folder, kafka"),
        ("  - name: a\n    kind: folder", "5: sources[0].path: is missing, write `path: …`, text in quotes"),
        (f"{_KAFKA},\n     topik: x}}", '6: sources[0].topik: is not a key here, did you mean "topic"?'),
        (f"{_KAFKA},\n     trigger: topups}}", '6: sources[0].trigger: "topups" is no kind of event, did you mean "topup"?'),
        (f"{_KAFKA}, trigger: list}}", '5: sources[0].trigger: "list" is no kind of event, write one of topup, renewal, bill_due, low_balance'),
        (f"{_KAFKA}, time: unix}}", '5: sources[0].time: "unix" is not known here, write one of iso, vietnam, seconds, milliseconds'),
        (f"{_FOLDER}, still: 5}}", '5: sources[0].still: 5 is not a duration, write a number and a unit: "5s", "15m", "24h" or "7d"'),
        (f"{_FOLDER}, marker: done}}", '5: sources[0].marker: "done" is not right, write how the marker ends, like ".done"'),
        (f"{_FOLDER}, fields: {{id: []}}}}", "5: sources[0].fields.id: is no list of fields, write 1 to 8 of them: [msisdn, time]"),
        (f"{_FOLDER}, fields: {{nummer: x}}}}", '5: sources[0].fields.nummer: is not a key here, did you mean "number"?'),
        (f"{_FOLDER}, pattern: a/*.csv}}", '5: sources[0].pattern: "a/*.csv" names a folder, put that into path; the pattern is like "*.csv"'),
        (f"{_FOLDER}, header: false}}", "5: sources[0].fields.number: is missing, write its column, from 1: without a header"),
        (f"{_FOLDER}, header: false, fields: {{number: 1, at: LUC}}}}", '5: sources[0].fields.at: "LUC" is no place, write its place, from 1: without a header columns have no names'),
        (f"{_FOLDER}, delimiter: tab}}", '5: sources[0].delimiter: "tab" is not known here, write one of ",", ";", "|", "\\t"'),
        (f"{_FOLDER}}}\n  - {{name: g, kind: folder, path: ./in}}", '6: sources[1].path: "./in" is watched already, give each its own'),
        (f"{_FOLDER}}}\n  - {{name: g, kind: folder, path: in/done}}", '6: sources[1].path: "in/done" is where another source puts its files, give each a folder of its own'),
        (f"{_FOLDER}}}\n  - {{name: g, kind: folder, path: in/}}", '6: sources[1].path: "in/" is watched already, give each its own'),
        (f"{_FOLDER}}}\n  - {{name: f, kind: folder, path: out}}", '6: sources[1].name: "f" is used twice, give each its own'),
        ("  - {name: k, kind: kafka, servers: [k1], topic: t}", '5: sources[0].servers[0]: "k1" is not right, write host and port, like "127.0.0.1:5060"'),
        ("  - {name: k, kind: kafka, servers: [k1:70000], topic: t}", "5: sources[0].servers[0]: 70000 is no port, write 1 to 65535"),
        (f"{_KAFKA}, ca: ca.pem}}", "5: sources[0].ca: is of no use without TLS, write tls: true, or leave it out"),
        (f"{_KAFKA},\n     sasl: {{mechanism: PLAIN, user: u, password: p}}}}", "6: sources[0].sasl.mechanism: sends the password in the clear, write tls: true, or mechanism: SCRAM-SHA-512"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_what_would_be_right(sources: str, said: str) -> None:
    """O18."""
    assert _read(sources) == [said]
