//! The files of `torch.save` since PyTorch 1.6: a ZIP archive with a pickle, and a member with the numbers
//! of each storage.

use std::fs::File;
use std::io::{BufReader, Read};

use candle_core::{DType, Device, Tensor};
use zip::{CompressionMethod, ZipArchive};

use super::pickle::{Id, Object, Pickle};

/// Where the numbers of a tensor lie.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Name of the storage.
    storage: String,
    /// Name of its type.
    kind: String,
    /// Number of the first element, and of elements from one to the next of each axis.
    offset: usize,
    strides: Vec<usize>,
    dims: Vec<usize>,
}

/// A file that is open.
pub(crate) struct Archive {
    zip: ZipArchive<BufReader<File>>,
    /// What the names of all members begin with.
    prefix: String,
    big_endian: bool,
    pickle: Pickle,
    /// The storage that was read last, with its name.
    last: (String, Vec<u8>),
    /// Bytes that tensors may still take.
    left: usize,
}

impl Archive {
    /// Opens a file and reads its pickle.
    ///
    /// # Errors
    /// In words, if it is no such file or is damaged.
    pub(crate) fn open(file: File) -> Result<Self, String> {
        const PICKLE: &str = "data.pkl";
        let size = file.metadata().map_err(|error| error.to_string())?.len();
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|error| error.to_string())?;
        let names = zip.file_names_raw().filter_map(|name| std::str::from_utf8(name).ok());
        let prefixes: Vec<String> = names
            .filter_map(|name| name.strip_suffix(PICKLE))
            .filter(|prefix| prefix.is_empty() || prefix.ends_with('/'))
            .map(str::to_owned)
            .collect();
        let [prefix] = &prefixes[..] else {
            return Err(format!(
                "expected one `{PICKLE}` in the archive, found {}",
                prefixes.len()
            ));
        };
        let mut archive = Self {
            zip,
            prefix: prefix.clone(),
            big_endian: false,
            pickle: Pickle::parse(b"N.")?,
            last: Default::default(),
            // Tensors may share their numbers, but not without end.
            left: usize::try_from(size.saturating_mul(4)).unwrap_or(usize::MAX),
        };
        archive.pickle = Pickle::parse(&archive.member(PICKLE)?)?;
        if archive.zip.index_for_name(&format!("{prefix}byteorder")).is_some() {
            archive.big_endian = match &archive.member("byteorder")?[..] {
                b"little" => false,
                b"big" => true,
                other => {
                    let found = other.escape_ascii();
                    return Err(format!("byteorder: expected `little` or `big`, found `{found}`"));
                }
            };
        }
        Ok(archive)
    }

    /// Names and places of the tensors of the state dict, in its order; it is what was saved, or its
    /// entry `key`.
    ///
    /// # Errors
    /// In words, if there is no such entry, or a tensor is none that can be read.
    pub(crate) fn tensors(&self, key: Option<&str>) -> Result<Vec<(String, Place)>, String> {
        let pickle = &self.pickle;
        let mut dict = pickle.root;
        if let (Some(key), Object::Dict(entries)) = (key, pickle.get(dict)) {
            let names = || entries.iter().filter_map(|&(name, _)| pickle.text(name));
            let entry = entries.iter().rev().find(|&&(name, _)| pickle.text(name) == Some(key));
            let Some(&(_, value)) = entry else {
                let names: Vec<&str> = names().take(12).collect();
                return Err(format!("no entry `{key}`; the first are: {}", names.join(", ")));
            };
            dict = value;
        }
        let Object::Dict(entries) = pickle.get(dict) else { return Ok(Vec::new()) };
        let mut tensors = Vec::new();
        for &(name, value) in entries {
            let Some(name) = pickle.text(name) else { continue };
            if let Some(arguments) = rebuilt(pickle, value) {
                let place = place(pickle, arguments)
                    .ok_or_else(|| format!("`{name}` is no tensor of plain numbers"))?;
                tensors.push((name.to_owned(), place));
            }
        }
        Ok(tensors)
    }

    /// The values of a tensor.
    ///
    /// # Errors
    /// In words, if its type is unknown or its numbers are not all there.
    pub(crate) fn read(&mut self, place: &Place) -> Result<Tensor, String> {
        let dtype = match place.kind.as_str() {
            "FloatStorage" => DType::F32,
            "DoubleStorage" => DType::F64,
            "HalfStorage" => DType::F16,
            "BFloat16Storage" => DType::BF16,
            "LongStorage" => DType::I64,
            "IntStorage" => DType::I32,
            "ShortStorage" => DType::I16,
            "ByteStorage" | "BoolStorage" => DType::U8,
            other => return Err(format!("a type of numbers that is not read: {other}")),
        };
        if self.last.0 != place.storage {
            let bytes = self.member(&format!("data/{}", place.storage))?;
            self.last = (place.storage.clone(), bytes);
        }
        let size = dtype.size_in_bytes();
        let bytes = gather(place, &self.last.1, size, self.left)?;
        self.left -= bytes.len();
        let mut bytes = bytes;
        if self.big_endian {
            bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
        Tensor::from_raw_buffer(&bytes, dtype, &place.dims, &Device::Cpu)
            .map_err(|error| error.to_string())
    }

    /// A member as it was stored, with its checksum checked.
    fn member(&mut self, name: &str) -> Result<Vec<u8>, String> {
        let fault = |error: &dyn std::fmt::Display| format!("`{name}` of the archive: {error}");
        let full = format!("{}{name}", self.prefix);
        let mut member = self.zip.by_name(&full).map_err(|error| fault(&error))?;
        if member.compression() != CompressionMethod::Stored {
            return Err(fault(&"compressed, which torch.save never does"));
        }
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).map_err(|error| fault(&error))?;
        Ok(bytes)
    }
}

/// The arguments that PyTorch makes a tensor or a parameter of; `None` if the object is neither.
fn rebuilt(pickle: &Pickle, mut object: Id) -> Option<&[Id]> {
    loop {
        let &Object::Call { callable, arguments } = pickle.get(object) else { return None };
        let (class, all) = (pickle.class(callable)?, pickle.tuple(arguments)?);
        match class {
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => return Some(all),
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                object = *all.first()?;
            }
            // Function, class and arguments of a tensor of another class.
            ("torch._tensor", "_rebuild_from_type_v2") => {
                let is_tensor = matches!(pickle.class(*all.first()?)?.1, "_rebuild_tensor_v2");
                return if is_tensor { pickle.tuple(*all.get(2)?) } else { None };
            }
            // Quantized, sparse and other tensors have no plain numbers, which `place` says.
            ("torch._utils", name) if name.starts_with("_rebuild") => return Some(&[]),
            _ => return None,
        }
    }
}

/// The place that a storage, an offset, sizes and strides describe.
fn place(pickle: &Pickle, arguments: &[Id]) -> Option<Place> {
    let &[storage, offset, dims, strides, ..] = arguments else { return None };
    let &Object::Persistent(storage) = pickle.get(storage) else { return None };
    let &[kind, class, key, _, _] = pickle.tuple(storage)? else { return None };
    let place = Place {
        storage: pickle.text(key)?.to_owned(),
        kind: pickle.class(class)?.1.to_owned(),
        offset: pickle.size(offset)?,
        strides: pickle.sizes(strides)?,
        dims: pickle.sizes(dims)?,
    };
    let fits = pickle.text(kind)? == "storage" && place.dims.len() == place.strides.len();
    fits.then_some(place)
}

/// The elements of a tensor one after the other, of which a storage holds `bytes`.
fn gather(place: &Place, bytes: &[u8], size: usize, most: usize) -> Result<Vec<u8>, String> {
    let Place { offset, strides, dims, .. } = place;
    let there = bytes.len() / size;
    let beyond = || {
        let found = format!("a storage of {there}");
        format!("expected numbers from {offset} on, {dims:?} every {strides:?}, found {found}")
    };
    let count = dims.iter().try_fold(1_usize, |count, &dim| count.checked_mul(dim));
    let count = count.ok_or_else(beyond)?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let last = dims.iter().zip(strides).try_fold(*offset, |last, (&dim, &stride)| {
        last.checked_add((dim - 1).checked_mul(stride)?)
    });
    if last.is_none_or(|last| last >= there) {
        return Err(beyond());
    }
    if count.checked_mul(size).is_none_or(|bytes| bytes > most) {
        let what = "tensors that overlap take more than four times the size of the file";
        return Err(what.to_owned());
    }
    let mut gathered = Vec::with_capacity(count * size);
    let (mut index, mut at) = (vec![0; dims.len()], *offset);
    for _ in 0..count {
        gathered.extend_from_slice(&bytes[at * size..(at + 1) * size]);
        for axis in (0..dims.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < dims[axis] {
                break;
            }
            at -= strides[axis] * dims[axis];
            index[axis] = 0;
        }
    }
    Ok(gathered)
}
