"""What cannot be decompressed is named."""

from __future__ import annotations

import gzip

import pytest
from kafka import codec
from kafka.errors import CorruptRecordError

from dubhe_sidecar.sinks.kafka.recovery.codecs import CodecMissing, decompress

CODECS = [
    (1, codec.gzip_encode),
    (2, codec.snappy_encode),
    (3, codec.lz4_encode),
    (4, codec.zstd_encode),
]
DATA = b"0123456789" * 300_000  # beyond what a codec may decompress by default


def test_no_codec() -> None:
    assert decompress(0, b"as it is") == b"as it is"


@pytest.mark.parametrize(("number", "encode"), CODECS)
def test_round_trip(number: int, encode: object) -> None:
    assert callable(encode)
    assert decompress(number, bytes(encode(DATA))) == DATA


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_garbage_is_named(number: int) -> None:
    with pytest.raises(CorruptRecordError, match="does not decompress"):
        decompress(number, b"\xff" * 40)


def test_an_unknown_codec() -> None:
    with pytest.raises(CodecMissing, match="codec 6"):
        decompress(6, gzip.compress(b"x"))
