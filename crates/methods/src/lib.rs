//! Published training methods for spiking networks, one file each
