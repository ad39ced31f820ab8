//! Dense linear layers on slices: `output[rows, out] = input[rows, in] · weight[in, out] + bias[out]`.
//!
//! The work is cut by the shapes alone, so the bits do not depend on the number of threads.

use crate::matrix::{Matrix, multiply};
use crate::reduce::column_sums;
use crate::scratch::with_floats;
use rayon::prelude::*;

/// Rows per task, at least and at most: each task reads and rearranges the whole other side.
const ROWS: usize = 64;
const MOST_ROWS: usize = 1024;
/// Tasks of a product, as far as the limits of their rows allow; more threads than that stay idle.
const TASKS: usize = 32;
/// From this number of rows on tasks are blocks of rows, below it blocks of columns.
const MANY_ROWS: usize = 512;
/// Columns per task where there are few rows.
const COLUMNS: usize = 64;

/// Rows per task, of so many in all.
fn rows_per_task(rows: usize) -> usize {
    rows.div_ceil(TASKS).next_multiple_of(ROWS).clamp(ROWS, MOST_ROWS)
}

/// The shape of a linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Number of rows: time steps times batch (times positions).
    pub rows: usize,
    /// Number of input features.
    pub inputs: usize,
    /// Number of output features.
    pub outputs: usize,
}

impl Linear {
    /// `output[rows, out] = input[rows, in] · weight[in, out] + bias[out]`.
    ///
    /// # Panics
    /// If a slice does not have the number of elements of its shape.
    pub fn forward(&self, input: &[f32], weight: &[f32], bias: Option<&[f32]>, output: &mut [f32]) {
        self.check(input, weight, output);
        if let Some(bias) = bias {
            assert_eq!(bias.len(), self.outputs, "elements of the bias");
            if self.outputs > 0 {
                output.chunks_exact_mut(self.outputs).for_each(|row| row.copy_from_slice(bias));
            }
        }
        let weight = Matrix::new(weight, [self.inputs, self.outputs]);
        product(self.rows, input, weight, bias.is_some(), output);
    }

    /// `grad_input[rows, in] = grad_output[rows, out] · weightᵀ`.
    ///
    /// # Panics
    /// If a slice does not have the number of elements of its shape.
    pub fn input_gradient(&self, grad_output: &[f32], weight: &[f32], grad_input: &mut [f32]) {
        self.check(grad_input, weight, grad_output);
        let weight = Matrix::new(weight, [self.inputs, self.outputs]).transposed();
        product(self.rows, grad_output, weight, false, grad_input);
    }

    /// `grad_weight[in, out] = inputᵀ · grad_output`.
    ///
    /// # Panics
    /// If a slice does not have the number of elements of its shape.
    pub fn weight_gradient(&self, input: &[f32], grad_output: &[f32], grad_weight: &mut [f32]) {
        self.check(input, grad_weight, grad_output);
        if grad_weight.is_empty() {
            return;
        }
        let grad_output = Matrix::new(grad_output, [self.rows, self.outputs]);
        let most = rows_per_task(self.inputs);
        grad_weight.par_chunks_mut(most * self.outputs).enumerate().for_each(|(block, part)| {
            let first = block * most;
            let shape = [part.len() / self.outputs, self.rows];
            let input = Matrix::strided(input.get(first..).unwrap_or(&[]), shape, [1, self.inputs]);
            multiply(input, grad_output, false, part);
        });
    }

    /// `grad_bias[out] = Σ_rows grad_output[row, out]`.
    ///
    /// # Panics
    /// If a slice does not have the number of elements of its shape.
    pub fn bias_gradient(&self, grad_output: &[f32], grad_bias: &mut [f32]) {
        assert_eq!(grad_output.len(), self.rows * self.outputs, "elements of the output gradient");
        assert_eq!(grad_bias.len(), self.outputs, "elements of the bias gradient");
        column_sums(grad_output, grad_bias);
    }

    fn check(&self, input: &[f32], weight: &[f32], output: &[f32]) {
        assert_eq!(input.len(), self.rows * self.inputs, "elements of the input");
        assert_eq!(weight.len(), self.inputs * self.outputs, "elements of the weight");
        assert_eq!(output.len(), self.rows * self.outputs, "elements of the output");
    }
}

/// `output[rows, n] (+)= lhs[rows, k] · rhs[k, n]`, in parallel over rows or columns.
fn product(rows: usize, lhs: &[f32], rhs: Matrix<'_>, accumulate: bool, output: &mut [f32]) {
    let [inner, columns] = rhs.shape();
    if output.is_empty() {
        return;
    }
    if rows >= MANY_ROWS {
        let most = rows_per_task(rows);
        output.par_chunks_mut(most * columns).enumerate().for_each(|(block, output)| {
            let shape = [output.len() / columns, inner];
            let lhs = Matrix::new(&lhs[block * most * inner..], shape);
            multiply(lhs, rhs, accumulate, output);
        });
        return;
    }
    let lhs = Matrix::new(lhs, [rows, inner]);
    // Each block of columns is made as a contiguous panel, then the panels are put side by side.
    with_floats(rows * columns, |panels| {
        panels.par_chunks_mut(rows * COLUMNS).enumerate().for_each(|(block, panel)| {
            let first = block * COLUMNS;
            multiply(lhs, rhs.columns(first..first + panel.len() / rows), false, panel);
        });
        for (block, panel) in panels.chunks(rows * COLUMNS).enumerate() {
            let width = panel.len() / rows;
            for (row, panel) in panel.chunks_exact(width).enumerate() {
                let first = row * columns + block * COLUMNS;
                let output = &mut output[first..first + width];
                if accumulate {
                    output.iter_mut().zip(panel).for_each(|(output, value)| *output += value);
                } else {
                    output.copy_from_slice(panel);
                }
            }
        }
    });
}
