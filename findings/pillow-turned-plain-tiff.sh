#!/usr/bin/env bash
# Pillow 13.0.0, Linux x86_64, CPython 3.11.
#
# A TIFF whose orientation exchanges width and height (5 to 8) is turned when it is read. One without
# compression is scrambled instead: its rows are read with the length of the turned image's rows, and
# it keeps the stored size. No error is raised. With compression the same pixels are read well.
#
# Expected output:
#   tiff_lzw: (2, 3) [4, 1, 5, 2, 6, 3]
#   raw: (3, 2) [5, 3, 1, 6, 4, 2]
#
# Exit status: 0 the behaviour is as described, 1 it has changed, 2 it could not be tried.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install -q --disable-pip-version-check pillow==13.0.0 || exit 2

cat >"$folder/probe.py" <<'PY'
from PIL import Image

stored = Image.frombytes("L", (3, 2), bytes([1, 2, 3, 4, 5, 6]))
exif = Image.Exif()
exif[0x0112] = 6  # to be turned clockwise by a quarter
for compression in ("tiff_lzw", "raw"):
    stored.save("a.tif", exif=exif, compression=compression)
    with Image.open("a.tif") as image:
        image.load()
        print(f"{compression}: {image.size} {list(image.tobytes())}")
PY
cd "$folder"
found=$("$folder/venv/bin/python" probe.py)
echo "$found"
[ "$found" = "tiff_lzw: (2, 3) [4, 1, 5, 2, 6, 3]
raw: (3, 2) [5, 3, 1, 6, 4, 2]" ]
