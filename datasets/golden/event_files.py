"""Golden numbers of event files, by tonic: prints what `tests/golden_events.rs` holds.

Files of our writers come from the example `event_files`, which this script runs; with the folder of
the set `nmnist-small` in the environment variable `CANDLEWICK_DATA`, its recordings are read too.
Polarity is as the file stores it. Run `python event_files.py` with tonic 1.7.0 and numpy installed.

tonic's `read_dvs_128`, `read_dvs_ibm` and `read_davis_346` unpack another number of values than
`read_aedat_header_from_file` returns, or mirror the coordinates, so the two functions that they are
made of are called here, and the masks are theirs. tonic leaves the overflow of the time in the packet
headers of AEDAT 3.1 out; its sum of the times is therefore given without it.
"""

import os
import pathlib
import subprocess
import tempfile

import numpy as np
from tonic.io import events_struct, get_aer_events_from_file, read_aedat_header_from_file
from tonic.io import read_mnist_file

WIDE = np.dtype([("x", np.int64), ("y", np.int64), ("t", np.int64), ("p", np.int64)])


def address_fields(path, x, y, p):
    """Events by the places of their bits in the address: (shift, mask)."""
    version, start, _ = read_aedat_header_from_file(str(path))
    raw = get_aer_events_from_file(str(path), version, start)
    events = np.empty(len(raw), dtype=WIDE)
    for name, (shift, mask) in {"x": x, "y": y, "p": p}.items():
        events[name] = (raw["address"] >> shift) & mask
    events["t"] = raw["timeStamp"]
    return events


def show(name, events):
    sums = [int(events[field].astype(np.int64).sum()) for field in ("x", "y", "p", "t")]
    first = [[int(event[field]) for field in ("x", "y", "t", "p")] for event in events[:5]]
    times = int(events["t"][0]), int(events["t"][-1])
    print(f"{name}: count {len(events)}, x y p t {sums}, first and last t {times}, first {first}")


with tempfile.TemporaryDirectory() as folder:
    example = ["cargo", "run", "-q", "-p", "candlewick-datasets", "--example", "event_files", "--"]
    subprocess.run([*example, folder], check=True)
    here = pathlib.Path(folder)
    show("atis", read_mnist_file(str(here / "recording.bin"), WIDE))
    dvs128 = {"x": (1, 0x7F), "y": (8, 0x7F), "p": (0, 1)}
    show("aedat2", address_fields(here / "recording-2.0.aedat", **dvs128))
    davis = {"x": (12, 0x3FF), "y": (22, 0x1FF), "p": (11, 1)}
    show("aedat2-davis", address_fields(here / "davis-2.0.aedat", **davis))
    dvs_ibm = {"x": (17, 0x1FFF), "y": (2, 0x1FFF), "p": (1, 1)}
    show("aedat3", address_fields(here / "recording-3.1.aedat", **dvs_ibm))

if root := os.environ.get("CANDLEWICK_DATA"):
    for name in ("train1K.txt", "test100.txt"):
        lines = next(pathlib.Path(root).rglob(name))
        numbers = [line.split()[0] for line in lines.read_text().splitlines() if line[:1] != "#"]
        files = [str(lines.with_name(f"{number}.bs2")) for number in numbers if number]
        recordings = [read_mnist_file(file, events_struct) for file in files]
        show(f"{name}, {files[0].rsplit('/')[-1]} first", np.concatenate(recordings))
        # A digest in which every event of every file counts with its place.
        digest = 0
        for events in recordings:
            for column in ("x", "y", "t", "p"):
                values = events[column].astype(np.uint64)
                places = np.arange(1, len(values) + 1, dtype=np.uint64)
                with np.errstate(over="ignore"):
                    digest = (digest * 31 + int((values * places).sum())) % 2**64
        print(f"{name}: {len(files)} files, digest {digest}")
