//! Which algorithm is the fastest for a pass of a layer.
//!
//! The time of each pass is estimated in cycles of one core per output pixel and group of steps,
//! from the shape and from how many neurons are active; the constants were fitted to measurements
//! on an AVX-512 machine with 1 to 10 steps, 64 to 512 channels and densities from 0 to 1, those of
//! minimal filtering and those for 8 lanes on machines with AVX2.
//! A wrong guess costs time, never more than rounding in the result.

use crate::convolution::Conv2d;
use crate::convolution::tiles::CHUNK;
use crate::convolution::winograd::{PRODUCTS, TILES_SUMMED, reads_kernel, tiles_per_pixel};
use crate::simd::matrix_unit::BLOCK;
use crate::simd::vector::lanes;
use crate::spikes::{PER_WORD, STEPS, Spikes};
use std::fmt;

/// A way to compute a pass of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Every product, by matrix multiplication.
    Dense,
    /// Only what is active, grouped by the pattern over time.
    Sparse,
    /// Every product that Winograd's minimal filtering leaves.
    Winograd,
    /// Every product, by the matrix unit.
    Tiles,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Dense => "dense",
            Self::Sparse => "sparse",
            Self::Winograd => "winograd",
            Self::Tiles => "tiles",
        })
    }
}

/// How active the input of a layer is: what the choice of an algorithm depends on besides the shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Activity {
    /// Number of time steps.
    pub time_steps: usize,
    /// Binary digits per value: 1 for spikes.
    pub planes: usize,
    /// Bits that are set, per value: of spikes the share that is not 0.
    pub density: f64,
    /// See [`Spikes::union_density`].
    pub union_density: f64,
}

impl Spikes {
    /// What the choice of an algorithm depends on.
    pub fn activity(&self) -> Activity {
        Activity {
            time_steps: self.shape()[0],
            planes: self.planes(),
            density: self.bits() as f64 / self.len().max(1) as f64,
            union_density: self.union_density(),
        }
    }

    /// The same of a single step, on average.
    pub fn activity_of_a_step(&self) -> Activity {
        let activity = self.activity();
        Activity { time_steps: 1, union_density: activity.density, ..activity }
    }
}

/// Cycles per multiply-add of vectors in a dense product.
const PRODUCT: f64 = 0.53;
/// Cycles per vector of a row that is read from the level-2 cache and added.
const ADDITION: f64 = 1.25;
/// The same from the level-1 cache.
const SHORT_ADDITION: f64 = 0.8;

/// Cycles per multiply-add of vectors of transformed values.
const WINOGRAD_PRODUCT: f64 = 0.6;
/// Cycles to transform a vector of the pixels of a tile.
const TRANSFORM: f64 = 420.0;

/// Cycles per product of two registers of the matrix unit.
const TILE_PRODUCT: f64 = 30.0;

/// The quantities that all estimates are made of, per output pixel and group of steps.
struct Work {
    /// Rows of the weight.
    rows: f64,
    /// Of these, those of active inputs.
    active: f64,
    /// Vectors per row.
    vectors: f64,
    /// Steps in a group.
    steps: f64,
    /// Input channels, over all input pixels that come on an output pixel.
    inputs: f64,
    /// Patterns that are not empty, of all planes.
    patterns: f64,
    taps: f64,
    union: f64,
    /// Steps of a group in which an active input has a bit.
    bits: f64,
}

impl Work {
    fn new(shape: &Conv2d, activity: Activity) -> Self {
        let [height, width] = shape.output_size();
        let per_output = (shape.height * shape.width) as f64 / ((height * width) as f64).max(1.0);
        let steps = activity.time_steps as f64 / activity.time_steps.div_ceil(STEPS).max(1) as f64;
        let rows = shape.patch_len() as f64;
        Self {
            rows,
            active: rows * activity.union_density,
            vectors: shape.out_channels.div_ceil(lanes()) as f64,
            steps,
            inputs: shape.in_channels as f64 * per_output,
            patterns: (steps.exp2() - 1.0) * activity.planes as f64,
            taps: shape.taps() as f64,
            union: activity.union_density,
            bits: steps * (activity.density / activity.union_density.max(1e-9)).min(1.0),
        }
    }

    /// The sparse gradient of the input.
    fn masked(&self) -> f64 {
        // Four channels are computed in all steps in which one of them has a bit.
        let steps = (self.bits + 0.3).min(self.steps);
        // The fewer steps, the more each product waits for the weight to be read; with 8 lanes a row
        // of it has twice as many vectors.
        let waiting = if lanes() < 16 { 1.6 } else { 1.0 };
        let products = waiting * (1.2 + 0.3 * steps);
        // Channels come in fours; the last four may be short.
        let fours = self.inputs * self.union / 4.0 + 0.4;
        let per_four = self.rows / self.inputs * 4.0 * self.vectors * products + 12.5 * steps;
        let reading = 6.0 * self.steps * self.vectors + 4.0 * self.inputs / PER_WORD as f64;
        fours * per_four + reading + 4.0 * self.inputs * self.union
    }

    fn dense(&self) -> f64 {
        self.rows * self.vectors * self.steps * PRODUCT
    }
}

impl Conv2d {
    /// The fastest algorithm of the forward pass.
    pub fn forward_algorithm(&self, activity: Activity) -> Algorithm {
        let work = Work::new(self, activity);
        let panels = self.sparse_panels().count as f64;
        // With 8 lanes a row has twice as many vectors, and is read more often from behind the first cache.
        let reading = if lanes() < 16 { 1.75 } else { 1.2 };
        let rows = work.active * (reading * work.vectors + 1.5 * panels);
        let patterns = work.patterns.min(work.active);
        let merging = patterns * panels * (4.0 * work.taps + 12.0);
        let writing = patterns * work.steps * 0.6 * work.vectors + 4.0 * work.steps * work.vectors;
        let sorting = 12.0 * work.inputs * work.union;
        let sparse = rows + merging + writing + sorting + 100.0;
        let mut algorithms = vec![(Algorithm::Dense, work.dense()), (Algorithm::Sparse, sparse)];
        if self.has_winograd() {
            algorithms.push((Algorithm::Winograd, self.winograd(&work, self.output_size())));
        }
        if self.has_tiles() {
            algorithms.push((Algorithm::Tiles, self.tile_forward_cycles(&work)));
        }
        fastest(&algorithms)
    }

    /// The forward pass by the matrix unit.
    fn tile_forward_cycles(&self, work: &Work) -> f64 {
        let depth = (self.taps() * self.in_channels.div_ceil(64)) as f64;
        let columns = self.out_channels.div_ceil(16) as f64;
        let products = depth * columns * 3.0 / 16.0 * TILE_PRODUCT;
        let sums = 10.0 * columns;
        let bytes = 3.0 * self.in_channels.div_ceil(64) as f64;
        let digits = work.rows * columns * 8.0 / self.pixels();
        (self.places_per_output(BLOCK) * (products + sums + bytes) + digits) * work.steps
    }

    /// The gradient of the weight by the matrix unit.
    fn tile_weight_gradient_cycles(&self, work: &Work) -> f64 {
        let blocks = (self.taps() * self.in_channels.div_ceil(32)) as f64;
        let columns = self.out_channels.div_ceil(16) as f64;
        let products = blocks * columns * 6.0 / 64.0 * TILE_PRODUCT;
        let sums = blocks * columns;
        let digits = 50.0 * columns;
        let bytes = 1.5 * work.inputs;
        self.places_per_output(CHUNK) * (products + sums + digits + bytes) * work.steps
    }

    /// The gradient of the input by the matrix unit.
    fn tile_input_gradient_cycles(&self, work: &Work) -> f64 {
        let depth = (self.taps() * self.out_channels.div_ceil(32)) as f64;
        let columns = self.in_channels.div_ceil(32) as f64;
        let products = depth * columns * 12.0 / 32.0 * TILE_PRODUCT;
        let stored = 16.0 * columns * (self.stride[0] * self.stride[1]) as f64;
        let halves = 12.0 * self.out_channels.div_ceil(32) as f64;
        let weight = work.rows * columns * 16.0 / self.pixels();
        (self.places_per_output(BLOCK) * (products + stored + halves) + weight) * work.steps
    }

    /// Output pixels of all images.
    fn pixels(&self) -> f64 {
        (self.output_len() / self.out_channels.max(1)).max(1) as f64
    }

    /// The faster algorithm of the gradient of the weight.
    pub fn weight_gradient_algorithm(&self, activity: Activity) -> Algorithm {
        let work = Work::new(self, activity);
        // The tables of one or two steps are small enough for the level-1 cache.
        let addition = if work.steps <= 2.0 { 0.8 * ADDITION } else { ADDITION };
        let rows = work.active * (addition * work.vectors + 0.4 * work.vectors.sqrt());
        let lists = work.rows * work.vectors * 9.0 / 128.0;
        let tables = (work.steps.exp2() - 1.0) * work.vectors * 2.5;
        let sorting = 15.0 * work.inputs * work.union;
        let sparse = rows + lists + tables + sorting;
        let mut algorithms = vec![(Algorithm::Dense, work.dense()), (Algorithm::Sparse, sparse)];
        if self.has_winograd() {
            algorithms.push((Algorithm::Winograd, self.winograd_weight_gradient_cycles(&work)));
        }
        if self.has_tiles() {
            algorithms.push((Algorithm::Tiles, self.tile_weight_gradient_cycles(&work)));
        }
        fastest(&algorithms)
    }

    /// The fastest algorithm of the gradient of the weight in which each step counts by its shares, for
    /// the activity of a single step.
    pub fn shared_weight_gradient_algorithm(&self, of_step: Activity) -> Algorithm {
        let work = Work::new(self, of_step);
        let rows = work.active * SHORT_ADDITION * work.vectors;
        let lists = work.rows * work.vectors * 0.06;
        let tables = 3.0 * work.vectors;
        let sorting = 8.0 * work.inputs * work.union;
        let sparse = rows + lists + tables + sorting;
        let mut algorithms = vec![(Algorithm::Dense, work.dense()), (Algorithm::Sparse, sparse)];
        if self.has_winograd() {
            algorithms.push((Algorithm::Winograd, self.winograd_weight_gradient_cycles(&work)));
        }
        if self.has_tiles() {
            algorithms.push((Algorithm::Tiles, self.tile_weight_gradient_cycles(&work)));
        }
        fastest(&algorithms)
    }

    /// The fastest algorithm of the gradient of the input; the sparse one is open only for a mask, of
    /// this activity.
    pub fn input_gradient_algorithm(&self, mask: Option<Activity>) -> Algorithm {
        let all = Activity { time_steps: 1, planes: 1, density: 1.0, union_density: 1.0 };
        let work = Work::new(self, mask.unwrap_or(all));
        let mut algorithms = vec![(Algorithm::Dense, work.dense())];
        if self.has_winograd() {
            algorithms.push((Algorithm::Winograd, self.winograd(&work, [self.height, self.width])));
        }
        if self.has_tiles() {
            algorithms.push((Algorithm::Tiles, self.tile_input_gradient_cycles(&work)));
        }
        if mask.is_some() {
            algorithms.push((Algorithm::Sparse, work.masked()));
        }
        fastest(&algorithms)
    }

    /// For results of this height and width: those of the output forward, of the input backward.
    fn winograd(&self, work: &Work, [height, width]: [usize; 2]) -> f64 {
        let tiles = tiles_per_pixel(height, width);
        let inputs = self.in_channels.div_ceil(lanes()) as f64;
        let transforms = (inputs + work.vectors) * TRANSFORM * tiles;
        // The transformed kernel is made once per call. If it is large, reading it for each task counts.
        let kernel = (PRODUCTS * self.in_channels) as f64 * work.vectors;
        let is_read = reads_kernel(self.in_channels, self.out_channels);
        let reading = if is_read { 0.2 * kernel } else { 0.0 };
        let making = 90.0 * kernel / (self.images * height * width).max(1) as f64;
        (kernel * WINOGRAD_PRODUCT * tiles + transforms + reading * tiles + making) * work.steps
    }

    /// The gradient of the weight by minimal filtering.
    fn winograd_weight_gradient_cycles(&self, work: &Work) -> f64 {
        let [height, width] = self.output_size();
        let tiles = tiles_per_pixel(height, width);
        let inputs = self.in_channels.div_ceil(lanes()) as f64;
        let transforms = (inputs + work.vectors) * 1.4 * TRANSFORM * tiles;
        // The sums of all tiles are read and written for some tiles at a time, and transformed once.
        let sums = (PRODUCTS * self.in_channels) as f64 * work.vectors;
        let adding = 35.0 * sums / TILES_SUMMED as f64;
        let taps = 50.0 * sums / self.pixels();
        (sums * WINOGRAD_PRODUCT * tiles + transforms + adding * tiles + taps) * work.steps
    }
}

/// The algorithm of the least estimate; the earlier one if two are the same.
fn fastest(algorithms: &[(Algorithm, f64)]) -> Algorithm {
    let mut best = (Algorithm::Dense, f64::INFINITY);
    for &(algorithm, estimate) in algorithms {
        if estimate < best.1 {
            best = (algorithm, estimate);
        }
    }
    best.0
}
