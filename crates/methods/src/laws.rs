//! Laws that every loss and method obeys.
