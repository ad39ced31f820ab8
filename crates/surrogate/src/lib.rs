//! Surrogate derivatives of the spike, one file each
