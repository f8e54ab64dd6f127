"""The fuzz target of `make fuzz`, for a moment with every test run."""

from hypothesis import settings

from tests.smpp.fuzz import CORPUS, FOUND, check, read, same


def test_any_stream_cut_anyhow_says_the_same_or_raises_the_one_error() -> None:
    """Issue 4: any bytes cut anyhow decode the same or raise the one protocol error, never hang."""
    settings(max_examples=300, deadline=None)(check)()


def test_the_corpus_is_read_in_single_octets() -> None:
    stream = b"".join(CORPUS)
    assert read(stream, [1] * len(stream), 1024) == read(stream, [], 1024)
    assert len(read(stream, [], 1024)) == len(CORPUS)


def test_every_stream_that_coverage_led_to_is_read_well() -> None:
    """Issue 4: a fuzz target for the decoder with its corpus: tests/smpp/corpus, found by `make fuzz`."""
    assert len(FOUND) > 50
    for stream, sizes in FOUND:
        same(stream, sizes)
        same(stream, [1] * len(stream))
