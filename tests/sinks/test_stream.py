import os
import threading

import pytest

from hel.errors import ClosedOutputError, SinkError
from hel.sinks.stream import StreamSink
from tests.journeys.workshop import until_full


def test_lines_come_out_as_they_were_put() -> None:
    reader, writer = os.pipe()
    sink = StreamSink(writer, "pipe")
    sink.put(b"one\n")
    sink.put(b"two\n")
    sink.flush()
    assert os.read(reader, 100) == b"one\ntwo\n"


def test_more_than_a_pipe_holds_waits_for_the_reader() -> None:
    reader, writer = os.pipe()
    sink = StreamSink(writer, "pipe")
    lines = b"x" * 300_000 + b"\n"
    sink.put(lines)
    read = bytearray()

    def drain() -> None:
        while len(read) < len(lines):
            read.extend(os.read(reader, 65_536))

    thread = threading.Thread(target=drain)
    thread.start()
    sink.flush()
    thread.join()
    assert bytes(read) == lines


def test_an_abandoned_flush_ends_although_nobody_reads_and_keeps_the_rest() -> None:
    reader, writer = os.pipe()
    sink = StreamSink(writer, "pipe")
    sink.put(b"x" * 1_000_000)

    def abandon() -> None:
        until_full(reader)
        sink.abandon()

    threading.Thread(target=abandon).start()
    with pytest.raises(SinkError, match="not read in time"):
        sink.flush()
    assert 0 < len(os.read(reader, 1_000_000)) < 1_000_000


def test_a_closed_pipe_is_told_apart_from_trouble_that_may_pass() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    sink = StreamSink(writer, "stdout")
    sink.put(b"one\n")
    with pytest.raises(ClosedOutputError, match="stdout was closed by its reader"):
        sink.flush()


def test_a_full_device_is_an_error_that_may_be_tried_again() -> None:
    sink = StreamSink(os.open("/dev/full", os.O_WRONLY), "/dev/full")
    sink.put(b"one\n")
    for _ in range(2):
        with pytest.raises(SinkError, match="No space left"):
            sink.flush()
