//! Views of strided matrices on slices, and their product: the one place that calls the crates `gemm` and
//! `matrixmultiply`.

use crate::simd::{Level, limited_to};
use gemm::Parallelism;
use std::ops::Range;

/// A matrix inside a slice: element (row, column) lies at `row * strides[0] + column * strides[1]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a> {
    data: &'a [f32],
    shape: [usize; 2],
    strides: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// A `[rows, columns]` matrix stored row after row.
    pub(crate) fn new(data: &'a [f32], shape: [usize; 2]) -> Self {
        Self::strided(data, shape, [shape[1], 1])
    }

    /// A matrix whose neighbors are `strides` elements apart.
    pub(crate) fn strided(data: &'a [f32], shape: [usize; 2], strides: [usize; 2]) -> Self {
        assert!(span(shape, strides) <= data.len(), "a matrix reaches beyond its slice");
        Self { data, shape, strides }
    }

    /// The same numbers with rows and columns exchanged.
    pub(crate) fn transposed(self) -> Self {
        let [rows, columns] = self.shape;
        let [row, column] = self.strides;
        Self { shape: [columns, rows], strides: [column, row], ..self }
    }

    /// Rows and columns.
    pub(crate) fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// The part with these columns.
    pub(crate) fn columns(self, range: Range<usize>) -> Self {
        let data = self.data.get(range.start * self.strides[1]..).unwrap_or(&[]);
        Self::strided(data, [self.shape[0], range.len()], self.strides)
    }
}

/// Number of elements from the first to behind the last one.
fn span(shape: [usize; 2], strides: [usize; 2]) -> usize {
    if shape.contains(&0) {
        return 0;
    }
    (shape[0] - 1) * strides[0] + (shape[1] - 1) * strides[1] + 1
}

/// `output = lhs · rhs`, or `output += lhs · rhs` if `accumulate`; row-major, on this thread alone.
///
/// `gemm` is the fastest, but the order of its sums depends on the sizes of the caches. That of
/// `matrixmultiply`, which is built without AVX-512, is the same on every machine with AVX2 and FMA: it
/// multiplies where the instruction set is limited.
pub(crate) fn multiply(lhs: Matrix<'_>, rhs: Matrix<'_>, accumulate: bool, output: &mut [f32]) {
    let [rows, inner] = lhs.shape;
    let columns = rhs.shape[1];
    assert_eq!(inner, rhs.shape[0], "inner sides of a matrix product");
    assert_eq!(output.len(), rows * columns, "elements of a matrix product");
    if rows * columns == 0 {
        return;
    }
    if inner == 0 {
        if !accumulate {
            output.fill(0.0);
        }
        return;
    }
    if matches!(limited_to(), Level::Portable | Level::Avx2) {
        // SAFETY: as below.
        return unsafe {
            matrixmultiply::sgemm(
                rows,
                inner,
                columns,
                1.0,
                lhs.data.as_ptr(),
                lhs.strides[0] as isize,
                lhs.strides[1] as isize,
                rhs.data.as_ptr(),
                rhs.strides[0] as isize,
                rhs.strides[1] as isize,
                if accumulate { 1.0 } else { 0.0 },
                output.as_mut_ptr(),
                columns as isize,
                1,
            );
        };
    }
    // SAFETY: both views lie inside their slices (checked when they were made), the output has
    // exactly `rows * columns` elements and is borrowed exclusively, and the product touches nothing else.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            output.as_mut_ptr(),
            1,
            columns as isize,
            accumulate,
            lhs.data.as_ptr(),
            lhs.strides[1] as isize,
            lhs.strides[0] as isize,
            rhs.data.as_ptr(),
            rhs.strides[1] as isize,
            rhs.strides[0] as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
