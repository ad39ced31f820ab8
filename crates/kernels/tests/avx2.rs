//! The laws with at most AVX2.

mod laws;

test_laws!(Avx2);
