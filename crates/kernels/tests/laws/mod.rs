//! Laws of the kernels against plain f64 references; each test binary runs them on one path.

pub(crate) mod algorithm;
pub(crate) mod convolution;
pub(crate) mod linear;
pub(crate) mod normalization;
pub(crate) mod optimizer;
pub(crate) mod pool;
pub(crate) mod sparse;
pub(crate) mod spikes;
pub(crate) mod tiles;

use candlewick_kernels::random::Key;

/// Standard normal numbers, a different stream for each name.
pub(crate) fn normal(name: &str, length: usize) -> Vec<f32> {
    let mut stream = Key::new(11).named(name).stream();
    (0..length).map(|_| stream.normal()).collect()
}

/// Uniform numbers in [0, 1), a different stream for each name.
pub(crate) fn uniform(name: &str, length: usize) -> Vec<f32> {
    let mut stream = Key::new(12).named(name).stream();
    (0..length).map(|_| stream.uniform()).collect()
}

/// Asserts that all values agree to `tolerance`, relative to the largest reference.
#[track_caller]
pub(crate) fn assert_close(found: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    for (index, (&found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (f64::from(found) - expected).abs();
        assert!(
            difference <= tolerance * largest.max(1e-20),
            "{what}: element {index} is {found}, expected {expected}, largest {largest}"
        );
    }
}

/// Declares one test per law, each run with at most the given instruction set.
#[macro_export]
macro_rules! test_laws {
    ($level:ident) => {
        $crate::test_laws! { $level:
            dense_convolution => convolution::all_passes_match_the_definition,
            multiplications => convolution::multiplications_are_the_products_of_the_definition,
            spikes_round_trip => spikes::decoding_undoes_encoding,
            spikes_densities => spikes::densities_are_those_of_a_small_example,
            spikes_refusals => spikes::other_values_are_refused,
            sparse_convolution => sparse::forward_and_weight_gradient_match_the_definition,
            coincidences => sparse::coincidences_are_the_correlations_of_traces,
            shares => sparse::shares_weigh_the_steps_of_the_gradient,
            tile_groups => tiles::groups_of_samples_make_up_the_whole,
            tile_faults => tiles::what_is_not_finite_shows,
            masked_gradient => sparse::the_masked_gradient_is_exact_where_the_mask_is_set,
            choice_of_an_algorithm => algorithm::the_algorithm_turns_dense_at_most_once,
            dense_linear => linear::all_passes_match_the_definition,
            average_pooling => pool::averages_match_the_definition,
            maximum_pooling => pool::maxima_match_the_definition_and_send_the_gradient_to_the_first,
            normalization_forward => normalization::forward_matches_the_definition,
            normalization_gradient => normalization::gradients_match_finite_differences,
            sgd => optimizer::sgd_follows_its_formula,
            adam => optimizer::adam_follows_its_formula,
            clipping => optimizer::norm_and_scale_are_those_of_the_slice,
        }
    };
    ($level:ident: $($name:ident => $module:ident::$law:ident,)+) => {
        $(
            #[test]
            fn $name() {
                candlewick_kernels::simd::limit(candlewick_kernels::simd::Level::$level);
                laws::$module::$law();
            }
        )+
    };
}
