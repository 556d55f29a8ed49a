//! Dry runs, row by row and by law.
