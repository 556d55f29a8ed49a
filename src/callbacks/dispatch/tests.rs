//! Delivering over real sockets: what merchants answer, who waits for whom, and what a crash leaves.

mod answers;
mod crowds;
mod odd;
mod paths;
mod real;
