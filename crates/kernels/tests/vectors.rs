//! The laws on the widest vectors of this machine, without a matrix unit.

mod laws;

test_laws!(Vectors);
