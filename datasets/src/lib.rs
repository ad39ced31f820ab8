//! Decoders and registry of static and event data sets: bytes in, frames or events with a label out
