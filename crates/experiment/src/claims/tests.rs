//! Laws of claims.
