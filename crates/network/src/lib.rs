//! Layers, blocks, readouts and the networks of the papers
