//! Recording.
pub mod line;
