"""Segments: their names, headers and locks."""

from __future__ import annotations

import fcntl
import os
from dataclasses import asdict
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubhe_sdk.process.lock import is_held
from dubhe_sdk.spool import segment
from dubhe_sdk.spool.create import create_segment
from dubhe_sdk.spool.segment import BadSegment, Description
from tests.dubhe_sdk.spool.helpers import child, description, is_growing, spoil_description

TEXT = st.text(max_size=40)
DESCRIPTIONS = st.builds(
    Description,
    stream=TEXT,
    instance_id=TEXT,
    topic_status=TEXT,
    topic_result=TEXT,
    service=TEXT,
    boot_id=TEXT,
    wall_ns=st.integers(0, 2**63),
    pid=st.integers(1, 2**22),
)


def read(data: bytes) -> tuple[Description, int]:
    fd = os.memfd_create("segment")
    try:
        os.write(fd, data)
        return segment.read_description(fd)
    finally:
        os.close(fd)


@given(DESCRIPTIONS, st.binary(max_size=100))
def test_description_comes_back(described, frames):
    header = described.encode()
    assert read(header + frames) == (described, len(header))


def test_text_that_is_not_unicode_comes_back():
    odd = description(topic_status="status-\udcff")
    assert read(odd.encode())[0] == odd


@given(st.data())
def test_any_cut_of_the_header_is_reported(data):
    header = description().encode()
    with pytest.raises(BadSegment):
        read(header[: data.draw(st.integers(0, len(header) - 1))])


HEADER = description().encode()
VERSION_AT = len(segment.MAGIC) - 1
FRAMES = b"\xd8\xbe\x01" + bytes(range(256))


def damaged(*bits: int) -> bytes:
    header = bytearray(HEADER + FRAMES)
    for bit in bits:
        header[bit // 8] ^= 1 << bit % 8
    return bytes(header)


@pytest.mark.parametrize("offset", range(len(HEADER)))
def test_a_wrong_bit_of_the_header_is_reported(offset):
    in_dropped = segment.DROPPED_OFFSET <= offset < segment.DROPPED_OFFSET + 8
    for bit in range(8 * offset, 8 * offset + 8):
        if in_dropped:  # a field with a checksum of its own
            assert read(damaged(bit)) == (description(), len(HEADER))
        else:
            expected = "another version" if offset <= VERSION_AT else "checksum"
            with pytest.raises(BadSegment, match=expected):
                read(damaged(bit))


@given(st.sets(st.integers(0, 8 * len(HEADER) - 1), min_size=2, max_size=3))
def test_more_damage_of_the_header_is_never_taken_for_another_text(bits):
    in_dropped = [bit for bit in bits if 64 <= bit < 128]
    try:
        found = read(damaged(*bits))
    except BadSegment:
        assert len(bits) > len(in_dropped)
    else:
        assert found == (description(), len(HEADER))


def test_a_segment_under_another_streams_name_is_reported(tmp_path):
    fd, _ = create_segment(tmp_path, description("a"), 1)
    assert segment.read_description(fd, "a")[0].stream == "a"
    with pytest.raises(BadSegment, match="stream a, copied or renamed"):
        segment.read_description(fd, "b")
    os.close(fd)


def test_the_count_of_dropped_records_is_not_part_of_the_checksum(tmp_path):
    fd, first = create_segment(tmp_path, description(), 1)
    assert segment.read_dropped(fd) == 0
    for count in (1, 12345, segment.MAX_DROPPED):
        os.pwrite(fd, segment.encode_dropped(count), segment.DROPPED_OFFSET)
        assert segment.read_dropped(fd) == count
    assert segment.read_description(fd) == (description(), first)
    os.close(fd)


@given(st.integers(0, segment.MAX_DROPPED), st.integers(0, 63))
def test_a_wrong_bit_in_the_count_of_dropped_records_is_reported(count, bit):
    field = int.from_bytes(segment.encode_dropped(count), "little") ^ 1 << bit
    fd = os.memfd_create("segment")
    os.pwrite(fd, field.to_bytes(8, "little"), segment.DROPPED_OFFSET)
    assert segment.read_dropped(fd) is None
    os.close(fd)


def test_a_description_of_another_making_is_reported():
    text = description().encode()[segment.PREFIX.size :].replace(b'"pid"', b'"dip"')
    with pytest.raises(BadSegment, match="not understood"):
        read(segment.PREFIX.pack(segment.MAGIC, bytes(8), len(text), crc32(text)) + text)


@given(st.from_regex(r"[0-9a-z-]{1,64}", fullmatch=True), st.integers(1, 99_999_999))
def test_names_come_back(stream, number):
    assert segment.parse_name(segment.file_name(stream, number)) == (stream, number)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "cursor.json",
        "wake.sock",
        "a.1.seg",
        "a.00000001.seg~",
        ".a.00000001.seg.new",
        "A.00000001.seg",
        "a.00000001.seg\n",
        "../a.00000001.seg",
        f"{'a' * 65}.00000001.seg",
    ],
)
def test_other_names_are_no_segments(name):
    assert segment.parse_name(name) is None


def test_lists_and_sums_segments_alone(tmp_path):
    for name, size in {"b.00000002.seg": 10, "b.00000001.seg": 5, "a.00000007.seg": 1}.items():
        (tmp_path / name).write_bytes(b"x" * size)
    (tmp_path / "cursor.json").write_bytes(b"x" * 1000)
    (tmp_path / "folder").mkdir()
    assert segment.list_segments(tmp_path) == {"a": [7], "b": [1, 2]}
    assert segment.total_bytes(tmp_path) == 16


def test_appears_locked_and_whole(tmp_path):
    fd, first = create_segment(tmp_path, description(), 3)
    (path,) = tmp_path.iterdir()
    assert path.name == "writer-1.00000003.seg"
    assert is_growing(path)
    assert path.stat().st_size == first
    os.close(fd)
    assert not is_growing(path)


def test_asking_for_the_lock_does_not_take_it(tmp_path):
    fd, _ = create_segment(tmp_path, description(), 1)
    (path,) = tmp_path.iterdir()
    assert all(is_growing(path) for _ in range(3))
    os.close(fd)
    with path.open("rb") as one, path.open("rb") as other:
        assert not is_held(one.fileno())
        assert not is_held(other.fileno())


def test_what_a_failed_attempt_left_behind_is_no_obstacle(tmp_path):
    fd, _ = create_segment(tmp_path, description(), 1)
    (path,) = tmp_path.iterdir()
    os.close(fd)
    with pytest.raises(TypeError):
        create_segment(tmp_path, description(pid=object()), 2)
    assert list(tmp_path.iterdir()) == [path]
    os.close(create_segment(tmp_path, description(), 2)[0])


def test_death_of_the_writer_frees_the_lock(tmp_path):
    with child("hold", tmp_path, 1) as writer:
        writer.line()
        (path,) = tmp_path.glob("*.seg")
        assert is_growing(path)
        writer.kill()
        assert not is_growing(path)


def test_header_shows_what_it_describes(tmp_path):
    fd, _ = create_segment(tmp_path, description(), 1)
    assert asdict(segment.read_description(fd)[0]) == asdict(description())
    os.close(fd)
    (path,) = tmp_path.iterdir()
    spoil_description(path)
    with path.open("rb") as file, pytest.raises(BadSegment, match="checksum"):
        segment.read_description(file.fileno())


def test_what_a_killed_writer_left_half_made_is_removed(tmp_path: Path) -> None:
    old, young, locked = (tmp_path / f".writer-{n}.00000001.seg.new" for n in (1, 2, 3))
    for path in (old, young, locked):
        path.write_bytes(b"")
    for path in (old, locked):
        os.utime(path, (1, 1))
    kept = tmp_path / "writer-4.00000001.seg"
    kept.write_bytes(b"")
    os.utime(kept, (1, 1))
    with locked.open("rb") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        segment.remove_abandoned(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([young, locked, kept])
