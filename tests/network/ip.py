"""As much of IPv4 and TCP as a firewall knows: addresses, and the reset that answers a packet."""

from __future__ import annotations

import socket
import struct

_TCP = 6
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16


def packed(address: str) -> bytes:
    """Return the four bytes of ``a.b.c.d``."""
    return socket.inet_aton(address)


def is_ipv4(packet: bytes) -> bool:
    """Return whether it is a whole IPv4 packet."""
    return len(packet) >= 20 and packet[0] >> 4 == 4


def addresses(packet: bytes) -> tuple[bytes, bytes]:
    """Return source and destination."""
    return packet[12:16], packet[16:20]


def reset_for(packet: bytes) -> bytes | None:
    """Return the packet that resets the connection for its sender; None if it needs none.

    Sequence numbers as RFC 9293, section 3.10.7.1, has them for a connection that does not exist.
    """
    header = (packet[0] & 15) * 4
    if packet[9] != _TCP or len(packet) < header + 20:
        return None
    from_port, to_port, seq, ack, offset, flags = struct.unpack_from(">HHIIBB", packet, header)
    if flags & _RST:
        return None
    source, target = addresses(packet)
    if flags & _ACK:
        seq, ack, flags = ack, 0, _RST
    else:
        length = len(packet) - header - (offset >> 4) * 4 + bool(flags & _SYN) + bool(flags & _FIN)
        seq, ack, flags = 0, (seq + length) & 0xFFFFFFFF, _RST | _ACK
    answer = struct.pack(">HHIIBBHHH", to_port, from_port, seq, ack, 5 << 4, flags, 0, 0, 0)
    pseudo = target + source + struct.pack(">BBH", 0, _TCP, len(answer))
    answer = answer[:16] + struct.pack(">H", _checksum(pseudo + answer)) + answer[18:]
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, _TCP, 0, target, source)
    return head[:10] + struct.pack(">H", _checksum(head)) + head[12:] + answer


def _checksum(data: bytes) -> int:
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
