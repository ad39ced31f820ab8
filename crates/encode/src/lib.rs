//! From samples to [T, B, ...]: encoders, augmentation and the prefetching loader
