//! The files of the Python package `nir`: HDF5 with a group per node.

use std::path::Path;

use candlewick_run::replace_file;
use hdf5_reader::group::Group;
use hdf5_reader::{ByteOrder, Dataset, Datatype, Hdf5File, OpenOptions};
use hdf5_writer::{DatasetBuilder, FILTER_DEFLATE, FilterDescription, Hdf5Builder, WriteOptions};

use super::{Array, Entry, Graph, Node};
use crate::{Error, Result, fault};

/// The version of the package whose files these are.
const VERSION: &str = "1.0";

type Fault<'a> = &'a dyn Fn(String) -> Error;

impl Graph {
    /// Writes the graph; the bytes depend on nothing but the graph.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let bytes = self
            .to_bytes()
            .map_err(|error| fault(path, format!("cannot be written as HDF5: {error}")))?;
        Ok(replace_file(path, &bytes)?)
    }

    fn to_bytes(&self) -> hdf5_writer::Result<Vec<u8>> {
        let mut file = Sheets { builder: Hdf5Builder::new() };
        file.text("version", VERSION)?;
        file.text("node/type", "NIRGraph")?;
        let ends: Vec<&str> =
            self.edges.iter().flat_map(|(from, to)| [from.as_str(), to.as_str()]).collect();
        let shape = vec![self.edges.len() as u64, 2];
        file.add(DatasetBuilder::vlen_string_data("node/edges", shape, &ends)?);
        for (name, entry) in &self.metadata {
            let path = format!("node/metadata/{name}");
            match entry {
                Entry::Number(number) => {
                    file.add(DatasetBuilder::typed_data(path, vec![], &[*number])?);
                }
                Entry::Text(text) => file.text(&path, text)?,
            }
        }
        for (name, node) in &self.nodes {
            file.node(&format!("node/nodes/{name}"), node)?;
        }
        file.builder.into_plan()?.encode(WriteOptions::default())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it is no HDF5, holds no graph, or a field of a node is missing or of another type.
    pub fn read(path: &Path) -> Result<Self> {
        let fault = |what: String| fault(path, what);
        let bytes = candlewick_datasets::file::read(path)?;
        // Constants of neurons compress well; by its own limit, deflate does so a thousandfold.
        let most = (1 << 20) + 1100 * bytes.len();
        let size = bytes.len();
        let options = OpenOptions::default()
            .with_max_read_bytes(most)
            .with_max_chunk_bytes(most)
            .with_max_object_header_bytes(size);
        let file = Hdf5File::from_vec_with_options(bytes, options)
            .map_err(|error| fault(format!("not a readable HDF5 file: {error}")))?;
        let end = file.superblock().eof_address;
        if end > size as u64 {
            return Err(fault(format!("ends at byte {size}, where its header says byte {end}")));
        }
        let root =
            file.group("node").map_err(|_| fault("no group `node`: not a graph of NIR".into()))?;
        let root = Fields { group: root, path: "node".into(), fault: &fault };
        let kind = root.text("type")?;
        if kind != "NIRGraph" {
            return Err(fault(format!("node: expected a NIRGraph, found {kind}")));
        }
        let ends = root.dataset("edges")?;
        let ends = ends.read_strings().map_err(|error| fault(format!("node/edges: {error}")))?;
        let edges = ends.as_chunks::<2>().0.iter().cloned().map(|[from, to]| (from, to)).collect();
        let mut graph = Self { edges, ..Self::default() };
        for node in root.group("nodes")?.groups()? {
            graph.nodes.insert(node.group.name().to_owned(), node.node()?);
        }
        if let Ok(metadata) = root.group("metadata") {
            for entry in metadata.group.datasets().map_err(|error| fault(error.to_string()))? {
                let value = match numbers(&entry) {
                    Some(values) if values.len() == 1 => Entry::Number(values[0]),
                    _ => match entry.read_string() {
                        Ok(text) => Entry::Text(text),
                        // Metadata of others may be anything.
                        Err(_) => continue,
                    },
                };
                graph.metadata.insert(entry.name().to_owned(), value);
            }
        }
        Ok(graph)
    }
}

/// A file while it is written.
struct Sheets {
    builder: Hdf5Builder,
}

impl Sheets {
    fn add(&mut self, dataset: DatasetBuilder) {
        self.builder = std::mem::take(&mut self.builder).dataset(dataset);
    }

    fn text(&mut self, path: &str, text: &str) -> hdf5_writer::Result<()> {
        self.add(DatasetBuilder::vlen_string_data(path, vec![], &[text])?);
        Ok(())
    }

    fn integers(&mut self, path: &str, values: &[usize]) -> hdf5_writer::Result<()> {
        let integers: Vec<i64> = values.iter().map(|&value| value as i64).collect();
        let shape = vec![integers.len() as u64];
        self.add(DatasetBuilder::typed_data(path, shape, &integers)?);
        Ok(())
    }

    fn integer(&mut self, path: &str, value: i64) -> hdf5_writer::Result<()> {
        self.add(DatasetBuilder::typed_data(path, vec![], &[value])?);
        Ok(())
    }

    /// Weights, which are `f32`.
    fn weights(&mut self, path: &str, array: &Array) -> hdf5_writer::Result<()> {
        let values: Vec<f32> = array.values.iter().map(|&value| value as f32).collect();
        let shape: Vec<u64> = array.dims.iter().map(|&size| size as u64).collect();
        self.add(DatasetBuilder::typed_data(path, shape, &values)?);
        Ok(())
    }

    /// A value per neuron, all of which are mostly the same: compressed.
    fn constants(&mut self, path: &str, array: &Array) -> hdf5_writer::Result<()> {
        let shape: Vec<u64> = array.dims.iter().map(|&size| size as u64).collect();
        let deflate = FilterDescription { id: FILTER_DEFLATE, name: None, client_data: vec![4] };
        self.add(
            DatasetBuilder::typed_data(path, shape.clone(), &array.values)?
                .chunked(shape)
                .filter(deflate),
        );
        Ok(())
    }

    fn node(&mut self, path: &str, node: &Node) -> hdf5_writer::Result<()> {
        let at = |field: &str| format!("{path}/{field}");
        let kind = match node {
            Node::Input { shape } => {
                self.integers(&at("shape"), shape)?;
                "Input"
            }
            Node::Output { shape } => {
                self.integers(&at("shape"), shape)?;
                "Output"
            }
            Node::Conv2d { input_shape, weight, bias, stride, padding, dilation, groups } => {
                if let Some(shape) = input_shape {
                    self.integers(&at("input_shape"), shape)?;
                }
                self.weights(&at("weight"), weight)?;
                self.weights(&at("bias"), bias)?;
                for (field, pair) in
                    [("stride", stride), ("padding", padding), ("dilation", dilation)]
                {
                    self.integers(&at(field), pair)?;
                }
                self.integer(&at("groups"), *groups as i64)?;
                "Conv2d"
            }
            Node::Affine { weight, bias } => {
                self.weights(&at("weight"), weight)?;
                match bias {
                    Some(bias) => {
                        self.weights(&at("bias"), bias)?;
                        "Affine"
                    }
                    None => "Linear",
                }
            }
            Node::AvgPool2d { kernel_size, stride, padding } => {
                for (field, pair) in
                    [("kernel_size", kernel_size), ("stride", stride), ("padding", padding)]
                {
                    self.integers(&at(field), pair)?;
                }
                "AvgPool2d"
            }
            Node::Flatten { input_type, start_dim, end_dim } => {
                self.integers(&at("input_type"), input_type)?;
                self.integer(&at("start_dim"), *start_dim)?;
                self.integer(&at("end_dim"), *end_dim)?;
                "Flatten"
            }
            Node::Lif { tau, r, v_leak, v_threshold, v_reset } => {
                for (field, array) in [
                    ("tau", tau),
                    ("r", r),
                    ("v_leak", v_leak),
                    ("v_threshold", v_threshold),
                    ("v_reset", v_reset),
                ] {
                    self.constants(&at(field), array)?;
                }
                "LIF"
            }
            Node::If { r, v_threshold, v_reset } => {
                for (field, array) in [("r", r), ("v_threshold", v_threshold), ("v_reset", v_reset)]
                {
                    self.constants(&at(field), array)?;
                }
                "IF"
            }
            Node::Other { kind } => kind,
        };
        self.text(&at("type"), kind)
    }
}

/// A group while it is read.
struct Fields<'a> {
    group: Group,
    path: String,
    fault: Fault<'a>,
}

impl<'a> Fields<'a> {
    fn wrong(&self, field: &str, what: impl std::fmt::Display) -> Error {
        (self.fault)(format!("{}/{field}: {what}", self.path))
    }

    fn group(&self, name: &str) -> Result<Self> {
        let group = self.group.group(name).map_err(|error| self.wrong(name, error))?;
        Ok(Self { group, path: format!("{}/{name}", self.path), fault: self.fault })
    }

    fn groups(&self) -> Result<Vec<Fields<'a>>> {
        let groups = self.group.groups().map_err(|error| self.wrong("", error))?;
        let fields = |group: Group| {
            let path = format!("{}/{}", self.path, group.name());
            Fields { group, path, fault: self.fault }
        };
        Ok(groups.into_iter().map(fields).collect())
    }

    fn dataset(&self, field: &str) -> Result<Dataset> {
        self.group.dataset(field).map_err(|error| self.wrong(field, error))
    }

    fn text(&self, field: &str) -> Result<String> {
        self.dataset(field)?.read_string().map_err(|error| self.wrong(field, error))
    }

    fn array(&self, field: &str) -> Result<Array> {
        let dataset = self.dataset(field)?;
        let values = numbers(&dataset).ok_or_else(|| {
            self.wrong(field, format!("expected numbers, found {:?}", dataset.dtype()))
        })?;
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(self.wrong(field, format!("expected finite numbers, found {value}")));
        }
        Ok(Array { dims: dataset.shape().iter().map(|&size| size as usize).collect(), values })
    }

    fn sizes(&self, field: &str) -> Result<Vec<usize>> {
        self.array(field)?
            .values
            .into_iter()
            .map(|value| {
                if value >= 0.0 && value.fract() == 0.0 {
                    Ok(value as usize)
                } else {
                    Err(self.wrong(field, format!("expected whole numbers from 0, found {value}")))
                }
            })
            .collect()
    }

    /// Rows and columns, which may be one number for both.
    fn pair(&self, field: &str) -> Result<[usize; 2]> {
        match self.sizes(field)?[..] {
            [both] => Ok([both; 2]),
            [rows, columns] => Ok([rows, columns]),
            ref other => {
                Err(self
                    .wrong(field, format!("expected one or two numbers, found {}", other.len())))
            }
        }
    }

    fn integer(&self, field: &str) -> Result<i64> {
        match self.array(field)?.values[..] {
            [value] => Ok(value as i64),
            ref other => {
                Err(self.wrong(field, format!("expected one number, found {}", other.len())))
            }
        }
    }

    fn node(&self) -> Result<Node> {
        let kind = self.text("type")?;
        let or_zero = |v_threshold: &Array| match self.array("v_reset") {
            Ok(array) => array,
            // Files of older versions have none: the reset is to 0.
            Err(_) => Array::full(&v_threshold.dims, 0.0),
        };
        Ok(match kind.as_str() {
            "Input" => Node::Input { shape: self.sizes("shape")? },
            "Output" => Node::Output { shape: self.sizes("shape")? },
            "Conv2d" => {
                let weight = self.array("weight")?;
                Node::Conv2d {
                    input_shape: self.pair("input_shape").ok(),
                    padding: self.padding(&weight)?,
                    weight,
                    bias: self.array("bias")?,
                    stride: self.pair("stride")?,
                    dilation: self.pair("dilation")?,
                    groups: self.integer("groups")?.max(0) as usize,
                }
            }
            "Affine" => {
                Node::Affine { weight: self.array("weight")?, bias: Some(self.array("bias")?) }
            }
            "Linear" => Node::Affine { weight: self.array("weight")?, bias: None },
            "AvgPool2d" => Node::AvgPool2d {
                kernel_size: self.pair("kernel_size")?,
                stride: self.pair("stride")?,
                padding: self.pair("padding")?,
            },
            "Flatten" => Node::Flatten {
                input_type: self.sizes("input_type").unwrap_or_default(),
                start_dim: self.integer("start_dim")?,
                end_dim: self.integer("end_dim")?,
            },
            "LIF" => {
                let v_threshold = self.array("v_threshold")?;
                Node::Lif {
                    tau: self.array("tau")?,
                    r: self.array("r")?,
                    v_leak: self.array("v_leak")?,
                    v_reset: or_zero(&v_threshold),
                    v_threshold,
                }
            }
            "IF" => {
                let v_threshold = self.array("v_threshold")?;
                Node::If { r: self.array("r")?, v_reset: or_zero(&v_threshold), v_threshold }
            }
            _ => Node::Other { kind },
        })
    }

    /// Rows and columns, or the words `same` and `valid`.
    fn padding(&self, weight: &Array) -> Result<[usize; 2]> {
        let dataset = self.dataset("padding")?;
        if !matches!(dataset.dtype(), Datatype::String { .. } | Datatype::VarLen { .. }) {
            return self.pair("padding");
        }
        match (self.text("padding")?.as_str(), &weight.dims[..]) {
            ("valid", _) => Ok([0; 2]),
            ("same", &[_, _, height, width]) if height % 2 == 1 && width % 2 == 1 => {
                Ok([height / 2, width / 2])
            }
            (other, _) => Err(self.wrong("padding", format!("`{other}` of this kernel"))),
        }
    }
}

/// The numbers of a dataset, whatever their type; `None` if they are not.
fn numbers(dataset: &Dataset) -> Option<Vec<f64>> {
    let (size, float, signed) = match dataset.dtype() {
        Datatype::FixedPoint { size, signed, byte_order: ByteOrder::LittleEndian } => {
            (usize::from(*size), false, *signed)
        }
        Datatype::FloatingPoint { size, byte_order: ByteOrder::LittleEndian } => {
            (usize::from(*size), true, true)
        }
        _ => return None,
    };
    let number = |bytes: &[u8]| -> Option<f64> {
        let word = bytes.iter().rev().fold(0_u64, |word, &byte| word << 8 | u64::from(byte));
        Some(match (float, size) {
            (true, 4) => f64::from(f32::from_bits(word as u32)),
            (true, 8) => f64::from_bits(word),
            (false, 1 | 2 | 4 | 8) if signed => {
                let unused = 64 - 8 * size as u32;
                ((word << unused) as i64 >> unused) as f64
            }
            (false, 1 | 2 | 4 | 8) => word as f64,
            _ => return None,
        })
    };
    dataset.read_raw_bytes().ok()?.chunks_exact(size).map(number).collect()
}
