//! Explicit vectors for the sparse kernels, where registers must hold what a loop reuses.

use super::{Level, limited_to};
use pulp::{Scalar256b, Simd, WithSimd};
use std::any::TypeId;

/// Most vectors that a micro-kernel keeps as sums at a time.
pub(crate) const MOST_VECTORS: usize = 8;

/// Runs `kernel` with the vectors of the widest instruction set of this machine.
#[inline]
pub(crate) fn with_vectors<K: WithSimd>(kernel: K) -> K::Output {
    match limited_to() {
        Level::Portable => Scalar256b.vectorize(kernel),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => match pulp::x86::V3::try_new() {
            Some(v3) => Simd::vectorize(v3, kernel),
            None => Scalar256b.vectorize(kernel),
        },
        _ => pulp::Arch::new().dispatch(kernel),
    }
}

/// Floats per vector of [`with_vectors`].
pub(crate) fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;

        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    with_vectors(Lanes)
}

/// `a · b + c`, fused where the instruction set has it.
#[inline(always)]
pub(crate) fn multiply_add<S: Simd>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
    if TypeId::of::<S>() == TypeId::of::<Scalar256b>() {
        // Without the instruction, a fused product is a slow function call.
        simd.add_f32s(simd.mul_f32s(a, b), c)
    } else {
        simd.mul_add_e_f32s(a, b, c)
    }
}

/// The slice as rows of `N` vectors; the remainder is dropped.
#[inline(always)]
pub(crate) fn rows<S: Simd, const N: usize>(values: &[f32]) -> &[[S::f32s; N]] {
    S::as_simd_f32s(values).0.as_chunks::<N>().0
}

/// The slice as rows of `N` vectors; the remainder is dropped.
#[inline(always)]
pub(crate) fn rows_mut<S: Simd, const N: usize>(values: &mut [f32]) -> &mut [[S::f32s; N]] {
    S::as_mut_simd_f32s(values).0.as_chunks_mut::<N>().0
}

/// `sum[i] += row[i]`.
#[inline(always)]
pub(crate) fn add_row<S: Simd, const N: usize>(
    simd: S,
    sum: &mut [S::f32s; N],
    row: &[S::f32s; N],
) {
    for (sum, row) in sum.iter_mut().zip(row) {
        *sum = simd.add_f32s(*sum, *row);
    }
}

/// Calls `$function::<S, N>($arguments)` with the constant `N` equal to `$vectors`, 1 to 8.
macro_rules! with_count {
    ($vectors:expr, $simd:ident, $function:ident($($argument:expr),* $(,)?)) => {
        match $vectors {
            1 => $function::<S, 1>($($argument),*),
            2 => $function::<S, 2>($($argument),*),
            3 => $function::<S, 3>($($argument),*),
            4 => $function::<S, 4>($($argument),*),
            5 => $function::<S, 5>($($argument),*),
            6 => $function::<S, 6>($($argument),*),
            7 => $function::<S, 7>($($argument),*),
            8 => $function::<S, 8>($($argument),*),
            more => unreachable!("a panel of {more} vectors"),
        }
    };
}
pub(crate) use with_count;

/// How the columns of a matrix are cut into panels of equal width that micro-kernels work on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panels {
    /// Columns of the matrix.
    pub(crate) columns: usize,
    /// Vectors per row of a panel.
    pub(crate) vectors: usize,
    /// Floats per row of a panel.
    pub(crate) width: usize,
    /// Number of panels.
    pub(crate) count: usize,
}

impl Panels {
    /// As few panels as possible of at most `most` vectors each, as narrow as possible.
    pub(crate) fn new(columns: usize, most: usize) -> Self {
        let lanes = lanes();
        let needed = columns.div_ceil(lanes).max(1);
        let count = needed.div_ceil(most);
        let vectors = needed.div_ceil(count);
        let width = vectors * lanes;
        Self { columns, vectors, width, count: columns.div_ceil(width).max(1) }
    }

    /// First column and number of columns of a panel.
    pub(crate) fn columns_of(&self, panel: usize) -> (usize, usize) {
        let first = panel * self.width;
        (first, self.width.min(self.columns - first))
    }

    /// Copies a matrix `[rows, columns]` to `panels: [count, rows, width]`, zeros behind the last
    /// column.
    pub(crate) fn pack(&self, matrix: &[f32], panels: &mut [f32]) {
        use rayon::prelude::*;
        const ROWS: usize = 128;
        if matrix.is_empty() {
            return;
        }
        let rows = matrix.len() / self.columns;
        panels.par_chunks_mut(rows * self.width).enumerate().for_each(|(index, panel)| {
            let (first, count) = self.columns_of(index);
            panel.par_chunks_mut(ROWS * self.width).enumerate().for_each(|(block, panel)| {
                let rows = matrix[block * ROWS * self.columns..].chunks_exact(self.columns);
                for (row, target) in rows.zip(panel.chunks_exact_mut(self.width)) {
                    target[..count].copy_from_slice(&row[first..first + count]);
                    target[count..].fill(0.0);
                }
            });
        });
    }
}
