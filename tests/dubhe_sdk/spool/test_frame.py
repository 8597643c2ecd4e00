"""The format of frames."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubhe_sdk.spool import frame
from dubhe_sdk.spool.frame import Corrupt, Frame, Incomplete, Kind

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
FIELDS = st.fixed_dictionaries(
    {
        "kind": st.integers(0, 255),
        "seq": U64,
        "time_ns": U64,
        "date_ms": U64,
        "value": st.binary(max_size=300),
        "batch": U32,
        "batches": U32,
    }
)
ONE = frame.encode(Kind.RESULT, 7, 123_456_789, 1_700_000_000_000, b'{"data":1}', 3, 29)


@given(FIELDS, st.binary(max_size=50), st.binary(max_size=50), st.integers(0, 2**40))
def test_comes_back_as_it_was(fields, before, after, base):
    data = frame.encode(**fields)
    read = frame.decode(before + data + after, len(before), base)
    assert read == Frame(**fields, end=base + len(before) + len(data))
    assert len(data) == frame.OVERHEAD + len(fields["value"])


def test_lies_on_disk_as_documented():
    head = struct.pack("<BBBBIQQQII", 0xD8, 0xBE, 1, 5, 10, 7, 123456789, 1700000000000, 3, 29)
    assert ONE[:40] == head
    assert ONE[44:] == b'{"data":1}'


@given(FIELDS, st.data())
def test_any_cut_is_incomplete(fields, data):
    whole = frame.encode(**fields)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(Incomplete) as caught:
        frame.decode(whole[:cut], 0, 0)
    assert caught.value.size == (frame.OVERHEAD if cut < frame.OVERHEAD else len(whole))


@pytest.mark.parametrize("bit", range(len(ONE) * 8))
def test_any_flipped_bit_is_noticed(bit):
    """Also if more bytes follow, so that a length that became larger is not just incomplete."""
    damaged = bytearray(ONE + ONE * 20)
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises((Corrupt, Incomplete)):
        frame.decode(bytes(damaged), 0, 0)


@given(st.binary(max_size=200))
def test_other_bytes_are_no_frame(data):
    with pytest.raises((Corrupt, Incomplete)):
        frame.decode(data, 0, 0)


@given(st.integers(1, 500))
def test_zeros_are_corrupt_however_few(count):
    with pytest.raises(Corrupt):
        frame.decode(b"\0" * count, 0, 0)


def test_an_absurd_length_is_corrupt_and_not_waited_for():
    head = struct.pack("<2sBBIQQQII", b"\xd8\xbe", 1, 5, frame.MAX_PAYLOAD + 1, 1, 1, 1, 0, 0)
    with pytest.raises(Corrupt):
        frame.decode(head + b"\0" * 4, 0, 0)


def test_another_version_is_not_guessed_at():
    with pytest.raises(Corrupt):
        frame.decode(ONE[:2] + b"\x02" + ONE[3:], 0, 0)
