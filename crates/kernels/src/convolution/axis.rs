//! Where inputs and outputs meet along one axis.

use crate::convolution::Conv2d;

/// One axis of the geometry: input coordinate `stride · a + residue` meets output `a + shift`.
pub(in crate::convolution) struct Axis {
    pub(in crate::convolution) stride: usize,
    /// Number of values of `a`.
    pub(in crate::convolution) size: usize,
    /// Number of outputs.
    pub(in crate::convolution) outputs: usize,
    /// For each residue, the taps with their shifts, counted from the least one.
    pub(in crate::convolution) taps: Vec<Vec<(usize, usize)>>,
    /// The least shift.
    pub(in crate::convolution) least: isize,
    /// Largest minus least shift.
    pub(in crate::convolution) reach: usize,
}

impl Axis {
    pub(in crate::convolution) fn new(shape: &Conv2d, axis: usize) -> Self {
        let (stride, kernel) = (shape.stride[axis] as isize, shape.kernel[axis] as isize);
        let padding = shape.padding[axis] as isize;
        let meets = |residue: isize| {
            (0..kernel).filter_map(move |k| {
                let distance = residue + padding - k;
                (distance % stride == 0).then_some((k as usize, distance / stride))
            })
        };
        let all = || (0..stride).flat_map(meets).map(|(_, shift)| shift);
        let (least, most) = (all().min().unwrap_or(0), all().max().unwrap_or(0));
        let from_least = |(k, shift): (usize, isize)| (k, (shift - least) as usize);
        Self {
            stride: shape.stride[axis],
            size: [shape.height, shape.width][axis].div_ceil(shape.stride[axis]),
            outputs: shape.output_size()[axis],
            taps: (0..stride).map(|residue| meets(residue).map(from_least).collect()).collect(),
            least,
            reach: (most - least) as usize,
        }
    }

    /// The output coordinate of line `line` of a table whose first input line is `a`.
    #[inline]
    pub(in crate::convolution) fn output_of(&self, a: usize, line: usize) -> Option<usize> {
        let output = (a + line).checked_add_signed(self.least)?;
        (output < self.outputs).then_some(output)
    }
}
