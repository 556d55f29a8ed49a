//! Forwarding to eCom and to every other path of the host: what came is what is sent.
