//! Matrix products on devices.

use candle_core::{Result, Tensor};

/// A matrix inside an array, stored row after row.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    pub(crate) values: &'a Tensor,
    pub(crate) offset: usize,
    /// Rows and columns as stored.
    pub(crate) stored: [usize; 2],
    pub(crate) transposed: bool,
}

impl<'a> Matrix<'a> {
    /// The matrix of so many rows and columns that starts `offset` elements behind the start of `values`.
    pub fn new(values: &'a Tensor, offset: usize, [rows, columns]: [usize; 2]) -> Self {
        Self { values, offset, stored: [rows, columns], transposed: false }
    }

    /// The same numbers with rows and columns exchanged.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self { transposed: !self.transposed, ..self }
    }

    /// Rows and columns.
    pub fn shape(&self) -> [usize; 2] {
        let [rows, columns] = self.stored;
        if self.transposed { [columns, rows] } else { [rows, columns] }
    }

    /// Elements from one row to the next, and from one column to the next.
    pub(crate) fn strides(&self) -> [usize; 2] {
        let width = self.stored[1];
        if self.transposed { [1, width] } else { [width, 1] }
    }
}

/// The sizes of `[rows, inner] · [inner, columns]`, which lie inside of their tensors.
pub(crate) fn sizes(a: &Matrix<'_>, b: &Matrix<'_>, out: usize) -> Result<[usize; 3]> {
    let ([rows, inner], [also_inner, columns]) = (a.shape(), b.shape());
    for matrix in [a, b] {
        let (end, count) =
            (matrix.offset + matrix.stored[0] * matrix.stored[1], matrix.values.elem_count());
        if end > count {
            candle_core::bail!("a matrix of a product ends at element {end} of {count}");
        }
    }
    if inner != also_inner || out != rows * columns {
        candle_core::bail!(
            "product of [{rows}, {inner}] and [{also_inner}, {columns}] into {out} elements"
        );
    }
    Ok([rows, inner, columns])
}
