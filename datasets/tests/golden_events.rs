//! Golden numbers of event files by tonic 1.7.0; `golden/event_files.py` made them.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::Path;

use candlewick_datasets::event::{Chunks, Format, Options, Summary, encode};
use candlewick_datasets::{Events, Sample, Split, open};

fn events(name: &str, split: Split, root: Option<&Path>) -> Vec<Events> {
    let set = open(name, split, root).unwrap();
    let one = |index| match set.read(index).unwrap() {
        Sample::Events(events) => events,
        _ => panic!("not events"),
    };
    // The simulated set is read only as far as it is compared.
    (0..if root.is_some() { set.len() } else { 4 }).map(one).collect()
}

/// The same events as the example `event_files` writes.
fn recording(format: Format) -> Events {
    let mut events = events("fashion-mnist-dvs", Split::Train, None).remove(3);
    if format != Format::Atis {
        for time in &mut events.t[2_001..] {
            *time += 3 << 31;
        }
    }
    if matches!(format, Format::Aedat2 | Format::Aedat2Davis) {
        for time in &mut events.t {
            *time &= 0xffff_ffff;
        }
    }
    events
}

/// tonic leaves the overflow in the packet headers of AEDAT 3.1 out.
const OVERFLOW: i64 = 3 << 31;

#[test]
fn tonic_reads_what_is_written() {
    let cases: [(Format, u64, i128, i64); 4] = [
        (Format::Atis, 1_929, 541_681_707, 299_973),
        (Format::Aedat2, 1_775, 3_657_706_334_251, 2_147_783_621),
        (Format::Aedat2Davis, 1_929, 3_657_706_334_251, 2_147_783_621),
        (
            Format::Aedat3,
            1_929,
            541_681_707 + (3_704 - 2_001) * OVERFLOW as i128,
            299_973 + OVERFLOW,
        ),
    ];
    let mut visited = 0;
    for (format, sum_p, sum_t, last_t) in cases {
        let bytes = encode(&recording(format), format).unwrap();
        let mut summary = Summary::new(format);
        for piece in Chunks::new(Path::new("a"), &bytes[..], format, Options::default()) {
            summary.add(&piece.unwrap(), format);
        }
        assert_eq!((summary.count, summary.sum_x, summary.sum_y), (3_704, 61_610, 56_145));
        assert_eq!((summary.sum_p, summary.sum_t), (sum_p, sum_t), "{format:?}");
        assert_eq!((summary.first_t, summary.last_t), (Some(2_510), Some(last_t)), "{format:?}");
        let on = i64::from(!format.stores_on_as_zero());
        let expected = [
            [15, 17, 2_510, on],
            [19, 26, 2_670, on],
            [31, 10, 2_811, 1 - on],
            [19, 0, 3_586, 1 - on],
            [13, 0, 3_593, 1 - on],
        ];
        assert_eq!(summary.first, expected, "{format:?}");
        visited += 1;
    }
    assert_eq!(visited, 4);
}

/// A number in which every event of every recording counts with its place.
fn digest(recordings: &[Events]) -> u64 {
    let mut digest = 0_u64;
    for events in recordings {
        let x = events.x.iter().map(|&x| u64::from(x)).collect();
        let y = events.y.iter().map(|&y| u64::from(y)).collect();
        let t = events.t.iter().map(|&t| t as u64).collect();
        let p = events.p.iter().map(|&p| u64::from(p)).collect();
        for column in [x, y, t, p] {
            let column: Vec<u64> = column;
            let weighted = (1_u64..).zip(column).map(|(place, value)| place.wrapping_mul(value));
            let sum = weighted.fold(0_u64, u64::wrapping_add);
            digest = digest.wrapping_mul(31).wrapping_add(sum);
        }
    }
    digest
}

/// Every event of all 1,100 recordings is that of tonic.
///
/// Set `CANDLEWICK_DATA` to the folder of the set to run it.
#[test]
#[ignore = "needs the recordings of nmnist-small, which are not part of the repository"]
fn nmnist_small_agrees_with_tonic() {
    let root = std::env::var("CANDLEWICK_DATA").unwrap();
    let cases = [
        (
            Split::Train,
            [4_133_231, 68_895_749, 71_369_733, 2_059_426],
            610_783_373_176,
            [[18, 16, 893, 1], [20, 17, 1_060, 1], [17, 9, 2_443, 0]],
            5_719_183_094_169_765_368,
        ),
        (
            Split::Test,
            [385_596, 6_388_678, 6_394_198, 190_652],
            57_793_290_170,
            [[7, 7, 5_087, 1], [19, 13, 6_544, 1], [15, 10, 7_283, 0]],
            11_605_063_425_741_793_505,
        ),
    ];
    let mut visited = 0;
    for (split, sums, sum_t, first, expected) in cases {
        let recordings = events("nmnist-small", split, Some(Path::new(&root)));
        let mut summary = Summary::new(Format::Atis);
        for events in &recordings {
            summary.add(events, Format::Atis);
        }
        let Summary { count, sum_x, sum_y, sum_p, .. } = summary;
        assert_eq!([count, sum_x, sum_y, sum_p], sums);
        assert_eq!((summary.sum_t, &summary.first[..3]), (sum_t, &first[..]));
        assert_eq!(digest(&recordings), expected);
        visited += recordings.len();
    }
    assert_eq!(visited, 1_100);
}
