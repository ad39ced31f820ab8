#!/usr/bin/env python3
"""Cuts the embedded data sets out of the official files, and writes them beside this script.

    python3 cut.py FOLDER

FOLDER holds `fashion-mnist/` (the four official IDX .gz files of Zalando Research) and
`digits/digits.csv.gz` (the file that scikit-learn carries: 64 values 0..16 and a label per line).

fashion-mnist-small: the first 500 images per class of the training set and the first 100 per class
of the test set, in official order.
digits: all 1,797 images in the order of the file, values 0..16 as stored.

The output is the same to the byte on every run with the same zlib: no name and no time in the gzip
header. The reader checks the content after decompression, so another zlib does no harm.
"""

import gzip
import io
import pathlib
import struct
import sys


def read_idx(path):
    data = gzip.decompress(path.read_bytes())
    rank = data[3]
    assert data[:3] == b"\0\0\x08", f"{path}: not an IDX file of bytes"
    dims = struct.unpack(f">{rank}I", data[4 : 4 + 4 * rank])
    return dims, data[4 + 4 * rank :]


def write_idx(path, dims, content):
    header = b"\0\0\x08" + bytes([len(dims)]) + struct.pack(f">{len(dims)}I", *dims)
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(header + content)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
    print(f"{path.name}: {dims}, {len(buffer.getvalue())} bytes")


def cut_fashion(source, target):
    for part, per_class in (("train", 500), ("t10k", 100)):
        (count, height, width), pixels = read_idx(source / f"{part}-images-idx3-ubyte.gz")
        _, labels = read_idx(source / f"{part}-labels-idx1-ubyte.gz")
        size, kept, seen = height * width, [], [0] * 10
        for index in range(count):
            if seen[labels[index]] < per_class:
                seen[labels[index]] += 1
                kept.append(index)
        assert seen == [per_class] * 10
        images = b"".join(pixels[i * size : (i + 1) * size] for i in kept)
        write_idx(target / f"{part}-images-idx3-ubyte.gz", (len(kept), height, width), images)
        write_idx(target / f"{part}-labels-idx1-ubyte.gz", (len(kept),), bytes(labels[i] for i in kept))


def cut_digits(source, target):
    lines = gzip.decompress((source / "digits.csv.gz").read_bytes()).decode().split()
    rows = [[int(float(value)) for value in line.split(",")] for line in lines]
    assert len(rows) == 1797 and all(len(row) == 65 and max(row[:64]) <= 16 for row in rows)
    images = b"".join(bytes(row[:64]) for row in rows)
    write_idx(target / "images-idx3-ubyte.gz", (len(rows), 8, 8), images)
    write_idx(target / "labels-idx1-ubyte.gz", (len(rows),), bytes(row[64] for row in rows))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    here, folder = pathlib.Path(__file__).resolve().parent, pathlib.Path(sys.argv[1])
    cut_fashion(folder / "fashion-mnist", here / "fashion-mnist-small")
    cut_digits(folder / "digits", here / "digits")
