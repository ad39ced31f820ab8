//! The laws on the portable path.

mod laws;

test_laws!(Portable);
