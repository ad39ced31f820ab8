//! The choice of an algorithm: sparse where little is active, one that computes every product where
//! all is, and never back.

use candlewick_kernels::convolution::{Activity, Algorithm, Conv2d};
use candlewick_kernels::simd::has_matrix_unit;

fn masked(shape: &Conv2d, mask: Activity) -> Algorithm {
    shape.input_gradient_algorithm(Some(mask))
}

pub(crate) fn the_algorithm_turns_dense_at_most_once() {
    let mut visited = 0;
    for time_steps in [1, 2, 4, 6, 10] {
        for (channels, size, kernel) in [(64, 32, 3), (128, 32, 3), (512, 8, 3), (256, 16, 1)] {
            let shape = Conv2d {
                images: time_steps * 4,
                height: size,
                width: size,
                in_channels: channels,
                out_channels: channels,
                kernel: [kernel; 2],
                stride: [1, 1],
                padding: [kernel / 2; 2],
            };
            for pass in [Conv2d::forward_algorithm, Conv2d::weight_gradient_algorithm, masked] {
                let algorithms: Vec<Algorithm> = (0..=100)
                    .map(|percent| {
                        let union_density = f64::from(percent) / 100.0;
                        pass(
                            &shape,
                            Activity {
                                time_steps,
                                planes: 1,
                                density: union_density,
                                union_density,
                            },
                        )
                    })
                    .collect();
                let sparse =
                    algorithms.iter().filter(|&&algorithm| algorithm == Algorithm::Sparse).count();
                // A matrix unit takes over sooner, for the input gradient at once.
                let least = if has_matrix_unit() { 0 } else { 10 };
                assert!(sparse > least, "{shape:?}: dense at {sparse} %");
                assert!(
                    algorithms[..sparse].iter().all(|&algorithm| algorithm == Algorithm::Sparse),
                    "{shape:?}"
                );
                // Of few pixels the registers are mostly empty.
                let tiles = algorithms.contains(&Algorithm::Tiles);
                assert!(tiles == has_matrix_unit() || time_steps == 1, "{shape:?}: {algorithms:?}");
                if time_steps == 1 {
                    assert!(sparse < 70, "{shape:?}: sparse at {sparse} %");
                }
                visited += 1;
            }
        }
    }
    assert_eq!(visited, 5 * 4 * 3);
}
