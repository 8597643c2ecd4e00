"""Requests and inferences that are malformed, impatient, too many, or fail."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import struct
import threading
import time
from typing import Any

from tests.hostile.case import BOTH, HTTP, TCP, Case, algorithm, training
from tests.hostile.observation import Observation
from tests.hostile.play import Play, six_inferences
from tests.support.waiting import wait_for

_ECHO = 'return ["result of " + ctx.get("image_names")[0]]'
_FAILS_ODD = """
name = ctx.get("image_names")[0]
if name in ("1.png", "3.png", "5.png"):
    {fail}
return ["result of " + name]
"""
_DIES = """
name = ctx.get("image_names")[0]
if name == "1.png":
    os.kill(os.getpid(), signal.SIGKILL)
return ["result of " + name]
"""


def _inference(name: str, body: str, check: Any, play: Any = six_inferences, **more: Any) -> Case:
    given = {"protocols": BOTH, **more}
    return Case(
        name,
        algorithm(body, kind="inference"),
        kind="inference",
        play=play,
        messages="READY",
        check=check,
        **given,
    )


def _own_replies(seen: Observation) -> None:
    for number, reply in enumerate(seen.replies):
        assert (reply["flag"], reply.get("data")) == (1, [f"result of {number}.png"]), reply


def _odd_failed(seen: Observation) -> None:
    for number, reply in enumerate(seen.replies):
        if number % 2:
            assert reply["flag"] == 2
            assert reply["message"].startswith("exception occurs: "), reply
        else:
            assert reply["data"] == [f"result of {number}.png"]


def _dies_and_comes_back(play: Play) -> None:
    play.ready()
    play.infer("0.png")
    play.infer("1.png")
    wait_for(lambda: play.app.infer(image_names=["2.png"])["flag"] == 1, "the next model process")
    play.infer("2.png")


def _one_died(seen: Observation) -> None:
    flags = [reply["flag"] for reply in seen.replies]
    assert flags == [1, 2, 1], seen.replies
    assert seen.replies[2]["data"] == ["result of 2.png"]


def _many_at_once(play: Play) -> None:
    play.ready()
    replies: dict[int, dict[str, Any]] = {}

    def ask(number: int) -> None:
        replies[number] = play.app.infer(image_names=[f"{number}.png"])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    play.replies += [replies[number] for number in range(40)]


def _hangs_up(play: Play) -> None:
    """Clients that go away in the midst of a request or a reply."""
    play.ready()
    body = json.dumps({"req_type": 3, "instance_id": play.app.instance_id, "image_names": ["x"]})
    for cut in (2, 4, 20, None):
        with socket.create_connection(("127.0.0.1", play.app.port)) as sock:
            sock.sendall((struct.pack(">I", len(body)) + body.encode())[:cut])
    for cut in (10, 60, None):
        with socket.create_connection(("127.0.0.1", play.app.port)) as sock:
            head = (
                f"POST /predict/multiple HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            sock.sendall((head + body).encode()[:cut])
    for number in range(6):
        play.infer(f"{number}.png")


def _malformed(play: Play) -> None:
    play.ready()
    client = play.app.client()
    for body in (
        b"",
        b"[]",
        b"5",
        b"{",
        b"\xff\xfe",
        b'"text"',
        b"null",
        b'{"req_type": 3',
        b"[" * 10_000,
    ):
        client = play.app.client()
        play.replies.append(client.send_bytes(body, "/predict/multiple"))
    play.replies.append(play.app.send(3, image_names="1.png"))
    play.replies.append(play.app.send(1))


def _all_refused(seen: Observation) -> None:
    for reply in seen.replies:
        assert reply["flag"] == 2, reply
        assert reply["message"].isprintable() and len(reply["message"]) > 8, reply


def _two_in_a_segment(play: Play) -> None:
    play.ready()
    frames = b""
    for number in range(6):
        request = {
            "req_type": 3,
            "instance_id": play.app.instance_id,
            "image_names": [f"{number}.png"],
            "request_number": number,
        }
        body = json.dumps(request).encode()
        frames += struct.pack(">I", len(body)) + body
    with socket.create_connection(("127.0.0.1", play.app.port), timeout=20) as sock:
        sock.sendall(frames)
        file = sock.makefile("rb")
        for _ in range(6):
            (length,) = struct.unpack(">I", file.read(4))
            play.replies.append(json.loads(file.read(length)))


def _ask_and_leave(play: Play, name: str) -> socket.socket:
    """Send a request; return the connection, on which the reply will come."""
    request = {"req_type": 3, "instance_id": play.app.instance_id, "image_names": [name]}
    body = json.dumps(request).encode()
    sock = socket.create_connection(("127.0.0.1", play.app.port), timeout=20)
    if play.app.protocol == "tcp":
        sock.sendall(struct.pack(">I", len(body)) + body)
    else:
        head = f"POST /predict/multiple HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
        sock.sendall(head.encode() + body)
    return sock


def _clients_have_gone(play: Play) -> None:
    play.ready()
    first = _ask_and_leave(play, "first.png")
    play.wait_note("inferring")
    gone = [_ask_and_leave(play, f"gone {number}.png") for number in range(8)]
    last = _ask_and_leave(play, "last.png")
    time.sleep(0.3)  # they have arrived and wait
    for sock in gone:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    time.sleep(0.3)
    (play.app.folder / "go").touch()
    assert first.recv(1)
    assert last.recv(1)
    first.close()
    last.close()


def _nothing_for_the_gone(seen: Observation) -> None:
    assert [entry["name"] for entry in seen.noted("inferring")] == ["first.png", "last.png"]


def _come_one_after_another(play: Play) -> None:
    play.ready()
    socks = [_ask_and_leave(play, "0.png")]
    play.wait_note("inferring")
    for number in range(1, 9):
        socks.append(_ask_and_leave(play, f"{number}.png"))
        time.sleep(0.05)
    (play.app.folder / "go").touch()
    for sock in socks:
        assert sock.recv(1)
        sock.close()


def _in_their_order(seen: Observation) -> None:
    names = [entry["name"] for entry in seen.noted("inferring")]
    assert names == [f"{number}.png" for number in range(9)]


def _other_encodings(play: Play) -> None:
    play.ready()
    request = {"req_type": 3, "instance_id": play.app.instance_id, "image_names": ["图像.png"]}
    text = json.dumps(request, ensure_ascii=False)
    for body in (text.encode("gbk"), gzip.compress(text.encode())):
        play.replies.append(play.app.client().send_bytes(body, "/predict/multiple"))


def _named(seen: Observation) -> None:
    _all_refused(seen)
    assert "GBK" in seen.replies[0]["message"]
    assert "compressed" in seen.replies[1]["message"]


def _http_to_the_tcp_port(play: Play) -> None:
    play.ready()
    connection = http.client.HTTPConnection("127.0.0.1", play.app.port, timeout=20)
    connection.request("POST", "/heart", "{}")
    reply = connection.getresponse()
    assert reply.status == 400
    assert b"protocol" in reply.read()
    connection.close()


def _numbers_in_order(seen: Observation) -> None:
    _own_replies(seen)
    assert [reply["request_number"] for reply in seen.replies] == list(range(6))


def _same_start_again(play: Play) -> None:
    play.ready()
    first = play.start(algorithm_id="task 1")
    assert first["flag"] == 1
    assert play.start(algorithm_id="task 1")["flag"] == 1
    assert play.start(algorithm_id="task 2")["flag"] == 2
    play.wait_end()


def _string_in_json(play: Play) -> None:
    play.ready()
    for number in range(3):
        request = {
            "req_type": 3,
            "instance_id": play.app.instance_id,
            "image_names": [f"{number}.png"],
        }
        connection = http.client.HTTPConnection("127.0.0.1", play.app.port, timeout=20)
        connection.request("POST", "/predict/multiple", json.dumps(json.dumps(request)))
        play.replies.append(json.loads(connection.getresponse().read()))
        connection.close()


# Infers the first image when it is told to.
_WAITS = """
name = ctx.get("image_names")[0]
note("inferring", name=name)
while not Path("go").exists(): time.sleep(0.01)
return [name]
"""

CASES = [
    _inference("none, inference", _ECHO, _own_replies),
    _inference(
        "every second inference raises",
        _FAILS_ODD.format(fail="raise OSError('no image')"),
        _odd_failed,
    ),
    _inference("every second inference exits", _FAILS_ODD.format(fail="sys.exit(0)"), _odd_failed),
    _inference(
        "every second inference is interrupted",
        _FAILS_ODD.format(fail="raise KeyboardInterrupt"),
        _odd_failed,
    ),
    _inference(
        "every second inference fails, in threads",
        _FAILS_ODD.format(fail="raise OSError('no image')"),
        _odd_failed,
        protocols=TCP,
        env={"DUBHE_INFERENCE_CONCURRENCY": "3"},
    ),
    _inference("the model process dies in an inference", _DIES, _one_died, _dies_and_comes_back),
    _inference("forty clients at once", _ECHO, _own_replies, _many_at_once),
    _inference(
        "forty clients at once, two processes with threads",
        _ECHO,
        _own_replies,
        _many_at_once,
        protocols=TCP,
        env={"DUBHE_INFERENCE_WORKERS": "2", "DUBHE_INFERENCE_CONCURRENCY": "2"},
    ),
    _inference("clients hang up in the midst", _ECHO, _own_replies, _hangs_up),
    _inference(
        "clients have gone while they wait", _WAITS, _nothing_for_the_gone, _clients_have_gone
    ),
    _inference("requests come one after another", _WAITS, _in_their_order, _come_one_after_another),
    _inference("requests in other encodings", _ECHO, _named, _other_encodings),
    _inference("HTTP to the port of TCP", _ECHO, None, _http_to_the_tcp_port, protocols=TCP),
    _inference("requests that are none", _ECHO, _all_refused, _malformed),
    _inference(
        "six frames in one segment", _ECHO, _numbers_in_order, _two_in_a_segment, protocols=TCP
    ),
    _inference(
        "a JSON string that contains the request",
        _ECHO,
        _own_replies,
        _string_in_json,
        protocols=HTTP,
    ),
    _inference(
        "an inference reports",
        f"ctx.logResult([1]); ctx.logResultDetails('a', 'b', 'c', 1); {_ECHO}",
        _own_replies,
        protocols=TCP,
    ),
    _inference(
        "an inference holds the interpreter lock",
        f"ctypes.PyDLL(None).usleep(200_000); {_ECHO}",
        _own_replies,
    ),
    Case(
        "the same start comes twice, and another one",
        training(steps=40),
        protocols=BOTH,
        play=_same_start_again,
    ),
]
