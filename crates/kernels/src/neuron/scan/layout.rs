//! How the arrays of a layer are cut into parallel tasks, and these into blocks.

use crate::neuron::block::{Block, LANES};
use crate::neuron::current::{self, Source};
use crate::spikes::Spikes;

/// Blocks per parallel task. A task is the unit of the fixed partition: sums are formed per task
/// and added in the order of tasks, whatever the number of threads.
const BLOCKS_PER_TASK: usize = 16;
pub(super) const TASK: usize = LANES * BLOCKS_PER_TASK;

/// Cuts `[rows, n]` into tasks of `size`: element `[task][row]` is that row's part of the task.
pub(super) fn cut<V>(rows: &mut [V], n: usize, size: usize) -> Vec<Vec<&mut [V]>> {
    let mut tasks: Vec<Vec<&mut [V]>> = (0..n.div_ceil(size)).map(|_| Vec::new()).collect();
    if n > 0 {
        for row in rows.chunks_mut(n) {
            for (task, part) in tasks.iter_mut().zip(row.chunks_mut(size)) {
                task.push(part);
            }
        }
    }
    tasks
}

/// Cuts `[rows, n]` values into tasks.
pub(super) fn by_task(rows: &mut [f32], n: usize) -> Vec<Vec<&mut [f32]>> {
    cut(rows, n, TASK)
}

/// As [`by_task`], with empty tasks where there is nothing to write.
pub(super) fn by_task_or_empty(rows: Option<&mut [f32]>, n: usize) -> Vec<Vec<&mut [f32]>> {
    match rows {
        Some(rows) => by_task(rows, n),
        None => (0..n.div_ceil(TASK)).map(|_| Vec::new()).collect(),
    }
}

/// Where the parts of one block lie: neurons `start..start + width` of the layer.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Number of neurons of the layer.
    neurons: usize,
    /// First neuron of the block in the layer.
    pub(super) start: usize,
    /// First neuron of the block in its task.
    pub(super) offset: usize,
    /// Neurons in the block, at most [`LANES`].
    pub(super) width: usize,
}

impl Place {
    pub(super) fn blocks(task: usize, neurons: usize) -> impl Iterator<Item = Self> {
        let first = task * TASK;
        let last = neurons.min(first + TASK);
        (first..last).step_by(LANES).map(move |start| Self {
            neurons,
            start,
            offset: start - first,
            width: LANES.min(last - start),
        })
    }

    pub(super) fn row<'a>(&self, rows: &'a [f32], row: usize) -> &'a [f32] {
        let start = row * self.neurons + self.start;
        &rows[start..start + self.width]
    }

    /// The input current of a step: where it lies if it is a whole block of one array, else summed
    /// up in `sum`.
    #[inline(always)]
    pub(super) fn current<'a>(
        &self,
        input: &[Source<'a>],
        t: usize,
        sum: &'a mut Block,
    ) -> &'a Block {
        if let [Source::Values(values)] = *input {
            let row = self.row(values, if values.len() > self.neurons { t } else { 0 });
            if let Ok(whole) = row.try_into() {
                return whole;
            }
        }
        current::load(input, t, self.neurons, self.start, &mut sum[..self.width]);
        sum
    }
}

pub(super) fn check_lengths(
    steps: usize,
    n: usize,
    states: usize,
    input: &[Source<'_>],
    state: Option<usize>,
) {
    assert!(!input.is_empty(), "input: at least one source");
    for source in input {
        let length = source.len();
        assert!(
            length == steps * n || length == n,
            "input: [T, N] or [1, N], found {length} values"
        );
        if let Source::Spikes(spikes) = source {
            assert!(spikes.is_binary() && length == steps * n, "input: binary spikes [T, N]");
            assert!(Spikes::is_seamless(spikes.shape()[2]), "input: spikes in whole words");
        }
    }
    if let Some(state) = state {
        assert_eq!(state, states * n, "state: [S, N]");
    }
}
