//! Laws of metrics.
