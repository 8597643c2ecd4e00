#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93, Pillow 13.0.0 (writes the files), Linux x86_64, CPython 3.11.
#
# `cv2.IMREAD_UNCHANGED` and `cv2.IMREAD_IGNORE_ORIENTATION` are documented to leave the orientation
# of the EXIF data alone, and do so for PNG. Of a TIFF the image is mirrored or turned by half in
# spite of both (orientations 2 to 4); one that would exchange width and height (5 to 8) cannot be
# read with any flag: `imread` logs "Internal imread issue" and returns None. So boxes that were found
# in what OpenCV reads are in another frame for TIFF than for PNG.
#
# Expected output: for each kind of file and orientation the first row of pixels with each flag;
# stored are the rows 10 20 30 and 40 50 60.
#
# Exit status: 0 the behaviour is as described, 1 it has changed, 2 it could not be tried.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install -q --disable-pip-version-check pillow==13.0.0 \
  opencv-python-headless==5.0.0.93 || exit 2

cat >"$folder/probe.py" <<'PY'
import cv2
from PIL import Image

stored = Image.frombytes("L", (3, 2), bytes([10, 20, 30, 40, 50, 60]))
flags = (cv2.IMREAD_UNCHANGED, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
for kind, options in (("png", {}), ("tif", {"compression": "tiff_lzw"})):
    for orientation in (1, 2, 3, 4, 6):
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored.save(f"a.{kind}", exif=exif, **options)
        read = [cv2.imread(f"a.{kind}", flag) for flag in flags]
        rows = [None if image is None else image[0].tolist() for image in read]
        print(kind, orientation, *rows)
PY
cd "$folder"
found=$(OPENCV_LOG_LEVEL=OFF "$folder/venv/bin/python" probe.py)
echo "$found"
[ "$found" = "png 1 [10, 20, 30] [10, 20, 30]
png 2 [10, 20, 30] [10, 20, 30]
png 3 [10, 20, 30] [10, 20, 30]
png 4 [10, 20, 30] [10, 20, 30]
png 6 [10, 20, 30] [10, 20, 30]
tif 1 [10, 20, 30] [10, 20, 30]
tif 2 [30, 20, 10] [30, 20, 10]
tif 3 [60, 50, 40] [60, 50, 40]
tif 4 [40, 50, 60] [40, 50, 60]
tif 6 None None" ]
