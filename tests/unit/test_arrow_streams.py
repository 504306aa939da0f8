"""How large packed Arrow becomes is told before it is unpacked."""

from contextlib import suppress

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.sense.arrow_streams import batches, unpacked


def stream(batch: pa.RecordBatch, compression: str | None) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def zeros(rows: int) -> pa.RecordBatch:
    return pa.record_batch(
        {"n": pa.array([0] * rows, pa.int64()), "word": pa.array(["x" * 1000] * 10 + ["y"] * (rows - 10)).dictionary_encode()}
    )


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_it_is_as_large_as_its_columns(compression: str | None) -> None:
    batch = zeros(100_000)
    body = stream(batch, compression)
    assert batch.nbytes <= unpacked(body) <= batch.nbytes + 4096
    assert unpacked(body + stream(batch, "lz4")) >= 2 * batch.nbytes
    assert list(batches(body + body)) == [batch, batch]
    assert compression is None or len(body) < batch.nbytes / 50


def test_an_empty_body_and_a_batch_without_rows_are_nothing() -> None:
    assert unpacked(b"") == 0
    assert unpacked(stream(zeros(10).slice(0, 0), "lz4")) < 20_000


@settings(deadline=None)
@given(st.binary(max_size=400), st.integers(0, 2000))
def test_damaged_streams_are_told(noise: bytes, place: int) -> None:
    body = stream(zeros(50), "lz4")
    for broken in (noise, body[:place], body[:place] + noise + body[place + len(noise) :]):
        with suppress(pa.ArrowInvalid, OSError):
            assert unpacked(broken) >= 0
