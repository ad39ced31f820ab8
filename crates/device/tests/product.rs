//! Matrix products of each precision, executed by the host, against their definition.

use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor};
use candlewick_device::{Arena, Engine, Matrix, Precision, Queue, pretend};

/// The product of a and b, `[rows, inner]` and `[inner, columns]` as seen, of which each may be stored transposed.
fn product(
    precision: Precision,
    [a, b]: [&[f32]; 2],
    [rows, inner, columns]: [usize; 3],
    transposed: [bool; 2],
) -> Result<Vec<f32>> {
    pretend(|| {
        let engine = Engine::of(&Device::Cpu).expect("it pretends");
        let queue = Queue::new(engine, Arc::new(Arena::default()), precision);
        let [a, b] = [Tensor::new(a, &Device::Cpu)?, Tensor::new(b, &Device::Cpu)?];
        let matrix = |values, shape: [usize; 2], transposed: bool| {
            if transposed {
                Matrix::new(values, 0, [shape[1], shape[0]]).transposed()
            } else {
                Matrix::new(values, 0, shape)
            }
        };
        let a = matrix(&a, [rows, inner], transposed[0]);
        let b = matrix(&b, [inner, columns], transposed[1]);
        let out = Tensor::zeros(rows * columns, DType::F32, &Device::Cpu)?;
        queue.product(a, b, false, &out)?;
        queue.product(a, b, true, &out)?;
        out.to_vec1()
    })
}

#[test]
fn operands_are_rounded_and_products_added() -> Result<()> {
    let [rows, inner, columns] = [5, 7, 4];
    let values = |count: usize, step: f32| -> Vec<f32> {
        (0..count).map(|i| (i as f32 * step).sin() * 1.7).collect()
    };
    let (a, b) = (values(rows * inner, 0.37), values(inner * columns, 0.91));
    let (mut visited, mut results) = (0, Vec::new());
    for precision in [Precision::F32, Precision::Tf32, Precision::Bf16] {
        for transposed in [[false, false], [true, false], [false, true], [true, true]] {
            let at_a = |row, k| if transposed[0] { k * rows + row } else { row * inner + k };
            let at_b =
                |k, column| if transposed[1] { column * inner + k } else { k * columns + column };
            let found = product(precision, [&a, &b], [rows, inner, columns], transposed)?;
            for row in 0..rows {
                for column in 0..columns {
                    let term = |k| {
                        let [a, b] = [a[at_a(row, k)], b[at_b(k, column)]];
                        f64::from(precision.round(a)) * f64::from(precision.round(b))
                    };
                    let expected = 2.0 * (0..inner).map(term).sum::<f64>();
                    let got = f64::from(found[row * columns + column]);
                    assert!((got - expected).abs() < 1e-5, "{precision:?} {transposed:?}: {got}");
                    visited += 1;
                }
            }
            if transposed == [false; 2] {
                results.push(found);
            }
        }
    }
    assert_eq!(visited, 3 * 4 * rows * columns);
    assert!(results[0] != results[1] && results[1] != results[2] && results[0] != results[2]);
    Ok(())
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let error = product(Precision::F32, [&[0.0; 6], &[0.0; 6]], [2, 3, 3], [false; 2]);
    let words = error.unwrap_err().to_string();
    assert!(words.contains("a matrix of a product ends at element 9 of 6"), "{words}");
    pretend(|| {
        let queue = Queue::of(&Device::Cpu).expect("it pretends");
        let x = Tensor::zeros(6, DType::F32, &Device::Cpu).expect("a tensor");
        let (a, b) = (Matrix::new(&x, 0, [2, 3]), Matrix::new(&x, 0, [2, 3]));
        let words = queue.product(a, b, false, &x).unwrap_err().to_string();
        assert!(words.contains("product of [2, 3] and [2, 3] into 6 elements"), "{words}");
    });
}
