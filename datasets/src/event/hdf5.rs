//! Spike trains in HDF5: `spikes/times` and `spikes/units` with an array of its own length per
//! sample, `labels`, and class names in `extra/keys`.

use std::fmt;
use std::path::{Path, PathBuf};

use hdf5_reader::{ByteOrder, Datatype, Hdf5File, OpenOptions};

use super::recordings::hash_files;
use crate::entry::Request;
use crate::{Dataset, Error, Events, Info, Result, Sample, Shape, file, hash};

/// A data set in one file, which stays open; samples are decoded when they are read.
pub(crate) struct Spikes {
    info: Info,
    labels: Vec<u32>,
    path: PathBuf,
    times: Column,
    units: Column,
}

impl Spikes {
    pub(crate) fn new(request: &Request<'_>, path: &Path) -> Result<Self> {
        let file = open(path)?;
        let times = Column::open(&file, path, "spikes/times")?;
        let units = Column::open(&file, path, "spikes/units")?;
        let labels = Self::labels(&file, path, request.entry.classes)?;
        for (field, column) in [("spikes/times", &times), ("spikes/units", &units)] {
            if column.len() != labels.len() {
                let expected = format!("{} samples, as many as labels", labels.len());
                return Err(Error::format(path, field, expected, column.len()));
            }
        }
        let keys = file.dataset("extra/keys").map_err(fault(path, "extra/keys"))?;
        let classes = keys.read_strings().map_err(fault(path, "extra/keys"))?;
        if classes.len() != request.entry.classes {
            let expected = format!("{} classes", request.entry.classes);
            return Err(Error::format(path, "extra/keys", expected, classes.len()));
        }
        let mut content = hash::start(request.entry.shape, &labels);
        hash_files(&mut content, &[path.to_path_buf()])?;
        let info = request.info(classes, request.entry.shape, hash::finish(content));
        Ok(Self { info, labels, path: path.to_path_buf(), times, units })
    }

    fn labels(file: &Hdf5File, path: &Path, classes: usize) -> Result<Vec<u32>> {
        let labels = file.dataset("labels").map_err(fault(path, "labels"))?;
        let kind = Kind::of(labels.dtype()).ok_or_else(|| {
            Error::format(path, "labels", "numbers", format!("{:?}", labels.dtype()))
        })?;
        let bytes = labels.read_raw_bytes().map_err(fault(path, "labels"))?;
        let one = |bytes: &[u8]| {
            let label = kind.number(bytes);
            if (0.0..classes as f64).contains(&label) {
                Ok(label as u32)
            } else {
                Err(Error::format(path, "labels", format!("0 to {}", classes - 1), label))
            }
        };
        bytes.chunks_exact(kind.bytes).map(one).collect()
    }
}

impl Dataset for Spikes {
    fn info(&self) -> &Info {
        &self.info
    }

    fn labels(&self) -> &[u32] {
        &self.labels
    }

    fn read(&self, index: usize) -> Result<Sample<'_>> {
        if index >= self.labels.len() {
            return Err(Error::NoSuchSample { index, len: self.labels.len() });
        }
        let Shape::Events { width, height } = self.info.shape else {
            unreachable!("spikes are events")
        };
        let times = self.times.read(&self.path, "spikes/times", index)?;
        let units = self.units.read(&self.path, "spikes/units", index)?;
        if times.len() != units.len() {
            let expected = format!("{} in sample {index}, as many as times", times.len());
            return Err(Error::format(&self.path, "spikes/units", expected, units.len()));
        }
        let mut events = Events::with_capacity(width, height, times.len());
        for (time, unit) in times.into_iter().zip(units) {
            if !(0.0..width as f64).contains(&unit) {
                let found = format!("{unit} in sample {index}");
                return Err(Error::format(
                    &self.path,
                    "spikes/units",
                    format!("below {width}"),
                    found,
                ));
            }
            if !(0.0..1e9).contains(&time) {
                let found = format!("{time} in sample {index}");
                return Err(Error::format(&self.path, "spikes/times", "seconds from 0 on", found));
            }
            events.push(unit as u16, 0, (time * 1e6) as i64, true);
        }
        Ok(Sample::Events(events))
    }
}

impl fmt::Debug for Spikes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spikes")
            .field("info", &self.info)
            .field("path", &self.path)
            .field("len", &self.labels.len())
            .finish_non_exhaustive()
    }
}

/// Opens a file in which no array may be much larger than the file: an array without data has no
/// length but the one that it states.
///
/// # Errors
/// If it is no HDF5, or ends before its header says.
fn open(path: &Path) -> Result<Hdf5File> {
    let size = file::open(path)?.metadata().map_err(Error::io(path))?.len();
    let most = (1 << 20) + 16 * size as usize;
    let options = OpenOptions::default()
        .with_max_read_bytes(most)
        .with_max_chunk_bytes(most)
        .with_max_object_header_bytes(size as usize);
    let file = Hdf5File::open_with_options(path, options).map_err(fault(path, "file"))?;
    let end = file.superblock().eof_address;
    if end > size {
        let expected = format!("byte {end}, as the header says");
        return Err(Error::format(path, "end of the file", expected, format!("byte {size}")));
    }
    Ok(file)
}

/// Arrays of different lengths, one per sample.
struct Column {
    data: hdf5_reader::Dataset,
    references: Vec<u8>,
    kind: Kind,
}

impl Column {
    fn open(file: &Hdf5File, path: &Path, field: &'static str) -> Result<Self> {
        let data = file.dataset(field).map_err(fault(path, field))?;
        let kind = match data.dtype() {
            Datatype::VarLen { base, .. } => Kind::of(base),
            _ => None,
        };
        let kind = kind.ok_or_else(|| {
            let found = format!("{:?}", data.dtype());
            Error::format(path, field, "arrays of numbers of their own lengths", found)
        })?;
        let references = data.read_raw_bytes().map_err(fault(path, field))?;
        Ok(Self { data, references, kind })
    }

    fn len(&self) -> usize {
        self.references.len() / self.data.vlen_reference_size()
    }

    fn read(&self, path: &Path, field: &'static str, index: usize) -> Result<Vec<f64>> {
        let size = self.data.vlen_reference_size();
        let reference = &self.references[index * size..(index + 1) * size];
        let bytes = self
            .data
            .resolve_vlen_reference_bytes(reference, self.kind.bytes)
            .map_err(fault(path, field))?;
        Ok(bytes.chunks_exact(self.kind.bytes).map(|bytes| self.kind.number(bytes)).collect())
    }
}

/// A type of numbers.
#[derive(Clone, Copy)]
struct Kind {
    bytes: usize,
    float: bool,
    signed: bool,
    big_endian: bool,
}

impl Kind {
    fn of(kind: &Datatype) -> Option<Self> {
        let (size, float, signed, order) = match kind {
            Datatype::FixedPoint { size, signed, byte_order } => (size, false, *signed, byte_order),
            Datatype::FloatingPoint { size, byte_order } => (size, true, true, byte_order),
            _ => return None,
        };
        let bytes = usize::from(*size);
        let known = if float { &[2, 4, 8][..] } else { &[1, 2, 4, 8][..] };
        let big_endian = matches!(order, ByteOrder::BigEndian);
        known.contains(&bytes).then_some(Self { bytes, float, signed, big_endian })
    }

    fn number(self, bytes: &[u8]) -> f64 {
        let mut word = 0_u64;
        for index in 0..self.bytes {
            let at = if self.big_endian { index } else { self.bytes - 1 - index };
            word = word << 8 | u64::from(bytes[at]);
        }
        match (self.float, self.bytes) {
            (true, 2) => half(word as u16),
            (true, 4) => f64::from(f32::from_bits(word as u32)),
            (true, _) => f64::from_bits(word),
            (false, bytes) if self.signed => {
                let unused = 64 - 8 * bytes as u32;
                ((word << unused) as i64 >> unused) as f64
            }
            (false, _) => word as f64,
        }
    }
}

/// The value of an IEEE 754 number of 16 bits.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff) / 1024.0);
    let size = match exponent {
        0 => fraction * 2_f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction) * 2_f64.powi(exponent - 15),
    };
    if bits >> 15 == 0 { size } else { -size }
}

/// Turns an error of the HDF5 reader into ours; for use in `map_err`.
fn fault<'a>(
    path: &'a Path,
    field: &'static str,
) -> impl FnOnce(hdf5_reader::error::Error) -> Error + 'a {
    move |error| Error::format(path, field, "HDF5", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_16_bits_are_read_by_hand() {
        let cases = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x0001, 2_f64.powi(-24)),
            (0x2e66, 0.099_975_585_937_5),
        ];
        assert!(cases.iter().all(|&(bits, value)| half(bits) == value));
        assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan());
        let kind = Kind { bytes: 2, float: false, signed: true, big_endian: true };
        assert_eq!(kind.number(&[0xff, 0xfe]), -2.0);
    }
}
