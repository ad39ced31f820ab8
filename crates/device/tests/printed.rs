//! Printed functions and kernels of the library, executed by the host; and that a mistake in either is seen.

use candle_core::{DType, Device, Result, Tensor};
use candlewick_device::{Argument, Queue, backwards, pretend};
use candlewick_kernels::cuda::{LIBRARY, PRELUDE};
use candlewick_kernels::real::Real;
use candlewick_kernels::trace::Function;

/// Every operation.
fn every_operation() -> Function {
    Function::record(1, |x| {
        let x = || x[0];
        let sums = (x() + 1.5) * 0.25 - x() / 3.0;
        let functions = x().exp() + (x().abs() + 0.5).ln() - x().cos();
        let steps = x().relu() - x().heaviside(true) * 2.0 + (-x()).heaviside(false);
        vec![sums * functions / (x() * x() + 1.0) + steps.recip() + x().sigmoid() - x().tanh()]
    })
}

/// A text that calls the function for each element.
fn text_of(function: &Function) -> String {
    let constants = function.constants().len();
    let function = function.print("f");
    format!(
        "{PRELUDE}
typedef struct {{ float values[{constants}]; }} Constants;
{function}
KERNEL each(const float *x, Constants constants, u32 count, float *out) {{
    if (THREAD < count) f(constants.values, x + THREAD, out + THREAD);
}}
"
    )
}

fn each(text: &str, constants: &[f32], x: &[f32]) -> Result<Vec<f32>> {
    pretend(|| {
        let queue = Queue::of(&Device::Cpu).expect("it pretends");
        let input = Tensor::new(x, &Device::Cpu)?;
        let out = Tensor::zeros(x.len(), DType::F32, &Device::Cpu)?;
        let arguments = [
            Argument::In(&input, 0),
            Argument::numbers(constants),
            Argument::U32(x.len() as u32),
            Argument::Out(&out),
        ];
        queue.launch(text, "each", x.len(), &arguments)?;
        out.to_vec1()
    })
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn a_printed_function_has_the_bits_of_the_function() -> Result<()> {
    let function = every_operation();
    let x: Vec<f32> = (-4000..4000).map(|i| i as f32 / 300.0).collect();
    let expected: Vec<f32> = x.iter().map(|&x| function.call(&[x])[0]).collect();
    let text = text_of(&function);
    let found = each(&text, function.constants(), &x)?;
    assert_eq!(bits(&found), bits(&expected));
    // Planted: the operands of a subtraction, swapped.
    let (before, line) = text
        .match_indices("const float n")
        .map(|(start, _)| (start, text[start..].lines().next().unwrap_or_default()))
        .find(|(_, line)| line.contains(" - n"))
        .expect("a subtraction");
    let (name, operands) = line.trim_end_matches(';').split_once(" = ").expect("a definition");
    let (a, b) = operands.split_once(" - ").expect("two operands");
    let swapped = format!("{name} = {b} - {a};");
    let planted = format!("{}{swapped}{}", &text[..before], &text[before + line.len()..]);
    let found = each(&planted, function.constants(), &x)?;
    assert_ne!(bits(&found), bits(&expected));
    Ok(())
}

#[test]
fn a_wrong_index_in_a_kernel_changes_its_result() -> Result<()> {
    const INDEX: &str = "x[row * channels + channel]";
    let (rows, channels) = (37_usize, 5_usize);
    let x: Vec<f32> = (0..rows * channels).map(|i| (i % 11) as f32 - 3.0).collect();
    let sums = |text: &str| -> Result<Vec<f64>> {
        pretend(|| {
            let queue = Queue::of(&Device::Cpu).expect("it pretends");
            let input = Tensor::new(&x[..], &Device::Cpu)?;
            let (span, chunks) = (4, rows.div_ceil(4));
            let parts = Tensor::zeros((chunks, channels), DType::F64, &Device::Cpu)?;
            let arguments = [
                Argument::In(&input, 0),
                Argument::U32(rows as u32),
                Argument::U32(channels as u32),
                Argument::U32(span),
                Argument::Out(&parts),
            ];
            queue.launch(text, "column_sums", chunks * channels, &arguments)?;
            parts.sum(0)?.to_vec1()
        })
    };
    let mut expected = vec![0.0; channels];
    for row in x.chunks(channels) {
        expected.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    assert_eq!(sums(LIBRARY)?, expected);
    let planted = LIBRARY.replacen(INDEX, "x[row * channels + channel - (channel > 0)]", 1);
    assert_ne!(planted, LIBRARY);
    assert_ne!(sums(&planted)?, expected);
    Ok(())
}

/// Planted: each thread adds what its neighbor has written.
#[test]
fn threads_that_depend_on_each_other_are_seen_in_the_other_order() -> Result<()> {
    let count = 300_usize;
    let x: Vec<f32> = (0..count).map(|i| (i % 7) as f32).collect();
    let doubled = |text: &str| -> Result<Vec<f32>> {
        let queue = Queue::of(&Device::Cpu).expect("it pretends");
        let [other, sum] = [Tensor::new(&x[..], &Device::Cpu)?, Tensor::new(&x[..], &Device::Cpu)?];
        let length = Argument::U64(count as u64);
        let arguments = [Argument::In(&other, 0), length.clone(), length, Argument::Out(&sum)];
        queue.launch(text, "add", count, &arguments)?;
        sum.to_vec1()
    };
    let expected: Vec<f32> = x.iter().map(|x| 2.0 * x).collect();
    assert_eq!(pretend(|| doubled(LIBRARY))?, expected);
    assert_eq!(pretend(|| backwards(|| doubled(LIBRARY)))?, expected);
    let (sum, raced) = ("sum[THREAD] += other[THREAD % length]", "sum[THREAD] += sum[THREAD / 2]");
    let planted = LIBRARY.replacen(sum, raced, 1);
    assert_ne!(planted, LIBRARY);
    assert_ne!(pretend(|| doubled(&planted))?, pretend(|| backwards(|| doubled(&planted)))?);
    Ok(())
}

#[test]
fn a_text_that_does_not_compile_is_refused_in_the_words_of_the_compiler() {
    let text = LIBRARY.replacen("sum += x[", "sum += y[", 1);
    let error = pretend(|| {
        let queue = Queue::of(&Device::Cpu).expect("it pretends");
        queue.launch(&text, "column_sums", 1, &[])
    });
    let words = error.unwrap_err().to_string();
    assert!(words.contains("the C compiler refuses a kernel") && words.contains('y'), "{words}");
    let error =
        pretend(|| Queue::of(&Device::Cpu).expect("it pretends").call("no_such_kernel", 1, &[]));
    assert!(error.unwrap_err().to_string().contains("no such kernel"));
}
