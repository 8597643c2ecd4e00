"""The bytes that bare servers answer. They parse a large request, and do not look at others."""

from __future__ import annotations

import struct

LENGTH = struct.Struct(">I")
RESULT = b'[{"img_path":"a.jpg","info":[]}]'
HTTP = b'{"flag":1,"message":"model inference success","data":' + RESULT + b"}"
TCP = HTTP[:-1] + b',"request_number":7}'
ONLINE = b'{"flag":1,"message":"service online"}'
LARGE_BYTES = 1 << 20
