//! Equations written down: a number that records what is done to it, and the recording as text in C.
//!
//! [`Real`] has no comparison and no way to an `f32`, so that generic code cannot branch on data: one call with
//! symbolic numbers is the function, for all inputs. Settings of neurons and surrogates enter the record as
//! constants; the text refers to them by number, so that it depends on the structure of the equation alone.

mod print;

use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::real::Real;

/// A number inside [`Function::record`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traced(usize);

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Input(usize),
    Constant(usize),
    Unary(Unary, Traced),
    Binary(Binary, Traced, Traced),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unary {
    Neg,
    Abs,
    Exp,
    Ln,
    Cos,
    Relu,
    /// Whether a number of exactly 0 gives 1.
    Heaviside(bool),
    Recip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Binary {
    Add,
    Sub,
    Mul,
    Div,
}

/// A function of numbers to numbers, as it was recorded.
///
/// ```
/// use candlewick_kernels::{real::Real, trace::Function};
///
/// let function = Function::record(2, |x| vec![(x[0] * 3.0 + x[1]).relu()]);
/// assert_eq!(function.constants(), [3.0]);
/// assert_eq!(function.call(&[2.0, -5.0]), [1.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    inputs: usize,
    nodes: Vec<Node>,
    constants: Vec<f32>,
    outputs: Vec<Traced>,
}

#[derive(Debug, Default)]
struct Recording {
    nodes: Vec<Node>,
    constants: Vec<f32>,
}

thread_local! {
    static RECORDING: RefCell<Option<Recording>> = const { RefCell::new(None) };
}

impl Recording {
    /// The number that the node gives; the same one if it was asked for before.
    fn number(&mut self, node: Node) -> Traced {
        let known = self.nodes.iter().position(|known| *known == node);
        Traced(known.unwrap_or_else(|| {
            self.nodes.push(node);
            self.nodes.len() - 1
        }))
    }
}

fn record(node: Node) -> Traced {
    RECORDING.with_borrow_mut(|recording| {
        recording.as_mut().expect("traced numbers exist inside of `Function::record`").number(node)
    })
}

impl Function {
    /// Records `f`, a function of so many numbers.
    ///
    /// # Panics
    /// If `f` records another function itself.
    pub fn record(inputs: usize, f: impl FnOnce(&[Traced]) -> Vec<Traced>) -> Self {
        /// Ends the recording, also after a panic.
        struct End;
        impl Drop for End {
            fn drop(&mut self) {
                RECORDING.take();
            }
        }
        let before = RECORDING.replace(Some(Recording::default()));
        assert!(before.is_none(), "a recording inside of a recording");
        let end = End;
        let arguments: Vec<Traced> = (0..inputs).map(|i| record(Node::Input(i))).collect();
        let outputs = f(&arguments);
        let Recording { nodes, constants } = RECORDING.take().unwrap_or_default();
        drop(end);
        Self { inputs, nodes, constants, outputs }
    }

    /// Number of arguments.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of results.
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// Whether the other is the same but for its constants, so that both have one text.
    pub fn is_like(&self, other: &Self) -> bool {
        self.inputs == other.inputs && self.nodes == other.nodes && self.outputs == other.outputs
    }

    /// The constants, in the order of their numbers.
    pub fn constants(&self) -> &[f32] {
        &self.constants
    }

    /// The function at these arguments: the reference of what is printed.
    ///
    /// # Panics
    /// If the number of arguments is another.
    pub fn call(&self, arguments: &[f32]) -> Vec<f32> {
        assert_eq!(arguments.len(), self.inputs, "arguments");
        let mut values: Vec<f32> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let at = |number: &Traced| values[number.0];
            values.push(match node {
                Node::Input(index) => arguments[*index],
                Node::Constant(index) => self.constants[*index],
                Node::Unary(operation, a) => operation.apply(at(a)),
                Node::Binary(operation, a, b) => operation.apply(at(a), at(b)),
            });
        }
        self.outputs.iter().map(|output| values[output.0]).collect()
    }

    /// Which numbers the results depend on.
    fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        for output in &self.outputs {
            needed[output.0] = true;
        }
        for (number, node) in self.nodes.iter().enumerate().rev() {
            if needed[number] {
                match node {
                    Node::Input(_) | Node::Constant(_) => (),
                    Node::Unary(_, a) => needed[a.0] = true,
                    Node::Binary(_, a, b) => {
                        needed[a.0] = true;
                        needed[b.0] = true;
                    }
                }
            }
        }
        needed
    }
}

impl Unary {
    fn apply(self, a: f32) -> f32 {
        match self {
            Self::Neg => -a,
            Self::Abs => Real::abs(a),
            Self::Exp => Real::exp(a),
            Self::Ln => Real::ln(a),
            Self::Cos => Real::cos(a),
            Self::Relu => a.relu(),
            Self::Heaviside(inclusive) => a.heaviside(inclusive),
            Self::Recip => Real::recip(a),
        }
    }
}

impl Binary {
    fn apply(self, a: f32, b: f32) -> f32 {
        match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Div => a / b,
        }
    }
}

impl Traced {
    fn then(self, operation: Unary) -> Self {
        record(Node::Unary(operation, self))
    }
}

impl Neg for Traced {
    type Output = Self;

    fn neg(self) -> Self {
        self.then(Unary::Neg)
    }
}

/// Binary operators, between numbers and with constants.
macro_rules! operators {
    ($($trait:ident $method:ident;)+) => { $(
        impl $trait for Traced {
            type Output = Self;

            fn $method(self, other: Self) -> Self {
                record(Node::Binary(Binary::$trait, self, other))
            }
        }

        impl $trait<f32> for Traced {
            type Output = Self;

            fn $method(self, constant: f32) -> Self {
                self.$method(Self::constant(constant))
            }
        }
    )+ };
}

operators! {
    Add add;
    Sub sub;
    Mul mul;
    Div div;
}

impl Real for Traced {
    /// Each call makes another constant: whether two are equal is not a matter of structure.
    fn constant(value: f32) -> Self {
        RECORDING.with_borrow_mut(|recording| {
            let recording =
                recording.as_mut().expect("traced numbers exist inside of `Function::record`");
            recording.constants.push(value);
            recording.number(Node::Constant(recording.constants.len() - 1))
        })
    }

    fn abs(self) -> Self {
        self.then(Unary::Abs)
    }

    fn exp(self) -> Self {
        self.then(Unary::Exp)
    }

    fn ln(self) -> Self {
        self.then(Unary::Ln)
    }

    fn cos(self) -> Self {
        self.then(Unary::Cos)
    }

    fn relu(self) -> Self {
        self.then(Unary::Relu)
    }

    fn heaviside(self, inclusive: bool) -> Self {
        self.then(Unary::Heaviside(inclusive))
    }

    fn recip(self) -> Self {
        self.then(Unary::Recip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all<V: Real>(x: &V, y: &V) -> Vec<V> {
        let (x, y) = (|| x.clone(), || y.clone());
        vec![
            x() + y(),
            x() - y() * 2.0,
            x() / (y() + 4.0) - 1.0,
            -x(),
            x().abs(),
            x().exp(),
            (x().abs() + 1.0).ln(),
            x().cos(),
            x().relu(),
            x().heaviside(false),
            x().heaviside(true),
            (x() + 9.0).recip() / 3.0,
            x().sigmoid(),
            x().tanh(),
            x().sign() * V::constant(0.5),
        ]
    }

    #[test]
    fn a_recorded_function_is_the_function_to_the_bit() {
        let function = Function::record(2, |x| all(&x[0], &x[1]));
        assert_eq!((function.inputs(), function.outputs()), (2, 15));
        let mut visited = 0;
        for x in [-3.0_f32, -0.7, -0.0, 0.0, 0.2, 5.5] {
            for y in [-1.5_f32, 0.0, 2.25] {
                let bits =
                    |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
                assert_eq!(bits(function.call(&[x, y])), bits(all(&x, &y)), "{x} {y}");
                visited += 1;
            }
        }
        assert_eq!(visited, 18);
    }

    #[test]
    fn what_is_computed_twice_is_recorded_once_but_constants_stay_apart() {
        let function = Function::record(1, |x| vec![x[0] * x[0] + x[0] * x[0] + 1.0 + 1.0]);
        assert_eq!(function.constants(), [1.0, 1.0]);
        // x, x², x² + x², two constants and two sums.
        assert_eq!(function.nodes.len(), 7);
        let other = |c: f32| Function::record(1, |x| vec![x[0] * c]);
        assert!(other(1.0).is_like(&other(2.0)) && !other(1.0).is_like(&function));
    }

    #[test]
    fn a_panic_ends_the_recording() {
        let caught = std::panic::catch_unwind(|| Function::record(1, |_| panic!("planted")));
        assert!(caught.is_err());
        assert_eq!(Function::record(1, |x| vec![-x[0]]).call(&[2.0]), [-2.0]);
    }
}
