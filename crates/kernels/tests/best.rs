//! The laws on the best instruction set of this machine.

mod laws;

test_laws!(Best);
