"""Reads `events.out.tfevents.1.golden`, which the test `the_file_is_the_one_that_tensorboard_read` wrote, with the
Python package `tensorboard`, and compares every number with what the test wrote.

Needs tensorboard. Writes nothing; a difference ends it with an error.
"""

import pathlib
import struct
from importlib import metadata

from tensorboard.backend.event_processing import event_accumulator, plugin_event_accumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

PATH = pathlib.Path(__file__).with_name("events.out.tfevents.1.golden")


def single(value):
    """Rounded to 32 bits, as scalars are kept."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def expected(epoch):
    return {
        "learning_rate": 0.1 / epoch,
        "time_steps": 4,
        "loss/train": 2.0 / epoch,
        "accuracy/train": 0.25 * epoch,
        "loss/test": 2.5 / epoch,
        "accuracy/test": 0.2 * epoch,
        "accuracy_per_step_test/1": 0.125,
        "accuracy_per_step_test/2": 0.25,
        "firing_rate/convolution1": 0.125,
        "dead/convolution1": 0.5,
        "saturated/convolution1": 0.0,
        "gradient_norm/classifier.weight": 1.5,
        "two.weights/1": 0.25,
        "two.weights/2": 0.75,
        "time/train_seconds": 1.5,
        "time/images_per_second": 640.0,
        "resident_bytes": 2**20,
    }


def records(data):
    """Every record, its checksums compared with those of tensorboard."""
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        assert struct.unpack_from("<I", data, at + 8)[0] == masked_crc32c(data[at : at + 8])
        body = data[at + 12 : at + 12 + length]
        assert struct.unpack_from("<I", data, at + 12 + length)[0] == masked_crc32c(body)
        yield Event.FromString(body)
        at += 16 + length


if __name__ == "__main__":
    events = list(records(PATH.read_bytes()))
    assert events[0].file_version == "brain.Event:2" and events[0].wall_time == 1.25
    assert [event.step for event in events[1:]] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert len(list(EventFileLoader(str(PATH)).Load())) >= len(events)

    old = event_accumulator.EventAccumulator(str(PATH)).Reload()
    new = plugin_event_accumulator.EventAccumulator(str(PATH)).Reload()
    tags = expected(1)
    assert sorted(old.Tags()["scalars"]) == sorted(tags), old.Tags()
    for tag in tags:
        found = [(event.step, event.value, event.wall_time) for event in old.Scalars(tag)]
        assert found == [(epoch, single(expected(epoch)[tag]), 2.5) for epoch in (1, 2, 3)], (tag, found)
    (name,) = old.Tags()["histograms"]
    assert name == "weights/classifier.weight"
    for event in old.Histograms(name):
        value = event.histogram_value
        assert (value.min, value.max, value.num, value.sum, value.sum_squares) == (0, 99, 100, 4950, 328350)
        assert sum(value.bucket) == 100 and value.bucket_limit[-1] == 99
    # What the program itself shows: everything became tensors of the plugins for scalars and histograms.
    shown = {plugin: sorted(new.PluginTagToContent(plugin)) for plugin in ("scalars", "histograms")}
    assert shown == {"scalars": sorted(tags), "histograms": [name]}, shown
    print(f"tensorboard {metadata.version('tensorboard')}: {len(events)} events, {len(tags)} scalars, 1 histogram")
