//! Spiking neurons, one file each, run by one fused multi-step operation
