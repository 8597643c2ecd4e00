"""What may stand in a body or a frame, from a random source. Nearly all of it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from dubhe_sdk.contract.requests import FIELDS, RequestType
from tests.dubhe_sdk.service.harness import INFERENCE_ID

# The service's longest request in these runs, in bytes.
LIMIT = 64 * 1024

_NUMBERS = (
    *(b"1" * 5000, b"-1", b"1e999", b"-1e999", b"1E-999", b"0." + b"0" * 3000 + b"1", b"-0"),
    *(b"9223372036854775808", b"18446744073709551616", b"1e400000000", b"00", b"1.", b".5", b"0x1"),
    *(b"NaN", b"Infinity", b"-Infinity", b"1_000", b"+1", "\u0661".encode()),
)
_TEXTS = (
    *(b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3", b"\0", b"\x7f", b"\n"),
    *(rb"\ud800", rb"\udc00\ud800", rb"\ud83d\ude00", rb"\u0000", rb"\x41", b"\\", rb"\u12"),
    *("\ufeff".encode(), "\u2028".encode(), "\U0001f600".encode(), b"x" * 9000),
)
_JSON_BYTES = b'{}[]",:\\0123456789eE+-.truefalsn \t\r\n\x00\xff\xc3\xa9'


def payload(random: Random) -> bytes:
    """Return one payload, of at most `LIMIT` bytes."""
    return random.choices(_KINDS, _WEIGHTS)[0](random)[:LIMIT]


def request(random: Random) -> dict[str, Any]:
    """Return a request that is valid for an inference instance, or nearly."""
    type_ = random.choice(list(RequestType))
    value: dict[str, Any] = {"req_type": int(type_), "instance_id": INFERENCE_ID}
    if type_ is not RequestType.HEARTBEAT:
        value |= {"image_names": ["a.jpg"] * random.randrange(4), "data_paths": []}
        value["request_number"] = random.choice([7, "7", 2**70, 1.5, "\u4e2d"])
    return value


def _sound(random: Random) -> bytes:
    return json.dumps(request(random), ensure_ascii=random.random() < 0.5).encode()


def _in_a_string(random: Random) -> bytes:
    return json.dumps(_sound(random).decode()).encode()


def _mutated(random: Random) -> bytes:
    data = bytearray(_sound(random))
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data) + 1)
        action = random.randrange(4)
        if action == 0:
            data[at : at + 1] = bytes([random.randrange(256)])
        elif action == 1:
            data[at:at] = bytes([random.choice(_JSON_BYTES)])
        elif action == 2:
            del data[at : at + random.randint(1, 9)]
        else:
            data[at:at] = data[: random.randrange(20)]
    return bytes(data)


def _of_other_types(random: Random) -> bytes:
    value = request(random)
    for name in random.sample(_NAMES, random.randint(1, 4)):
        value[name] = random.choice(_VALUES)
    return json.dumps(value).encode()


def _with_raw_value(random: Random) -> bytes:
    raw = random.choice(_NUMBERS)
    if random.random() < 0.5:
        raw = b'"' + random.choice(_TEXTS) + b'"'
    name = random.choice(_NAMES).encode()
    twice = b',"' + name + b'":' + raw if random.random() < 0.3 else b""
    return _sound(random)[:-1] + b',"' + name + b'":' + raw + twice + b"}"


def _deep(random: Random) -> bytes:
    depth = random.choice((3, 100, 1000, 5000))
    opening, closing = random.choice(((b"[", b"]"), (b'{"a":', b"}")))
    nested = opening * depth + b"1" + closing * (depth if random.random() < 0.7 else depth // 2)
    return nested if random.random() < 0.5 else _sound(random)[:-1] + b',"x":' + nested + b"}"


def _random_bytes(random: Random) -> bytes:
    return random.randbytes(random.choice((0, 1, 2, 8, 60, 300)))


def _json_like(random: Random) -> bytes:
    return bytes(random.choices(_JSON_BYTES, k=random.randint(1, 60)))


def _other_encoding(random: Random) -> bytes:
    codec = random.choice(("utf-16", "utf-32", "utf-8-sig", "utf-16-le", "utf-7", "cp037"))
    return _sound(random).decode().encode(codec, "replace")


def _long(random: Random) -> bytes:
    data = _sound(random)
    return data + b" " * (random.choice((LIMIT, 20_000, 17_000)) - len(data))


_NAMES = [*FIELDS, "req_type", "instance_id", "special_params", "", "\0", "__class__", "x" * 300]
_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2, 3, 4, 1.0, 0.5, 1e300, 2**63, 2**200, "", "1", "\0", "\ud800"),
    *([], {}, [[]], [None], {"": {}}, {"CUDA_VISIBLE_DEVICES": []}, "x" * 2000, [1] * 500),
)
_KINDS: tuple[Callable[[Random], bytes], ...]
_KINDS, _WEIGHTS = zip(
    *(
        (_sound, 20),
        (_in_a_string, 4),
        (_mutated, 25),
        (_of_other_types, 15),
        (_with_raw_value, 15),
        (_deep, 3),
        (_random_bytes, 8),
        (_json_like, 8),
        (_other_encoding, 2),
        (_long, 0.5),
    ),
    strict=True,
)
