//! The kernels for devices, as CUDA C.
//!
//! Each text does, operation by operation, what the Rust of the same name does; a C compiler makes functions
//! for the host of it, too, with which the laws run. It needs `--fmad=false` (`-ffp-contract=off`): nothing is
//! contracted, as on the CPU.

/// What every text is written with: types, the number of a thread, the functions of [`real`](crate::real) and
/// the streams of [`random`](crate::random).
pub const PRELUDE: &str = concat!(
    include_str!("cuda/prelude.cu"),
    include_str!("cuda/real.cu"),
    include_str!("cuda/random.cu")
);

/// All kernels whose text does not depend on the network.
pub const LIBRARY: &str = concat!(
    include_str!("cuda/prelude.cu"),
    include_str!("cuda/real.cu"),
    include_str!("cuda/random.cu"),
    include_str!("cuda/reduce.cu"),
    include_str!("cuda/elementwise.cu"),
    include_str!("convolution.cu"),
    include_str!("normalization.cu"),
    include_str!("pool.cu"),
    include_str!("optimizer.cu"),
);

/// A kernel of a text: its name and the types of its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// Its name.
    pub name: &'a str,
    /// The type of each argument, as in the text.
    pub arguments: Vec<&'a str>,
}

/// The kernels of a text, in their order.
///
/// # Panics
/// If a declaration does not end.
pub fn signatures(text: &str) -> Vec<Signature<'_>> {
    let mut found = Vec::new();
    for declaration in text.split("\nKERNEL ").skip(1) {
        let (name, rest) = declaration.split_once('(').expect("a list of arguments");
        let (arguments, _) = rest.split_once(')').expect("the end of a list of arguments");
        found.push(Signature { name, arguments: arguments.split(',').map(type_of).collect() });
    }
    found
}

/// The type of an argument `type name`.
fn type_of(argument: &str) -> &str {
    let argument = argument.trim();
    let before_name = argument.rfind(|c: char| !(c.is_alphanumeric() || c == '_'));
    argument[..before_name.map_or(0, |end| end + 1)].trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_of_the_library_is_found_with_its_types() {
        let all = signatures(LIBRARY);
        let declared =
            LIBRARY.matches("KERNEL ").count() - LIBRARY.matches("define KERNEL ").count();
        assert_eq!(all.len(), declared);
        let names: std::collections::BTreeSet<&str> =
            all.iter().map(|kernel| kernel.name).collect();
        assert_eq!(names.len(), all.len(), "two kernels of one name");
        let known =
            ["const float *", "float *", "const double *", "double *", "u32", "u64", "float"];
        let structures = ["Pool", "Convolution"];
        let mut visited = 0;
        for kernel in &all {
            for argument in &kernel.arguments {
                assert!(known.contains(argument) || structures.contains(argument), "{kernel:?}");
                visited += 1;
            }
        }
        assert!(visited > 100, "{visited}");
        let fold = all.iter().find(|kernel| kernel.name == "fold").expect("a sum");
        assert_eq!(fold.arguments, ["const double *", "u32", "u32", "u32", "double *"]);
    }
}
