//! The vocabulary over candle: time and batch axes, seeded random streams, ordered parameters
