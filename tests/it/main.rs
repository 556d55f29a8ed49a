//! Everything that runs over real sockets, in one binary (each further one links everything again).

mod passthrough;
mod shutdown;
mod specification;
mod support;
mod surface;
mod wire;
