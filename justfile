# Short names for what is typed often. Everything works without `just`, too.

# The tests: all of them, nothing to set up
test:
    cargo test

# The house guard only: quick, links nothing
house:
    cargo test --test house

# What the CI refuses
lint:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings

# Mixed load with faults at one percent for so many minutes, then proof that nothing was lost: just soak 60
soak minutes="60":
    MINUTES={{minutes}} cargo test --test it soak -- --ignored --nocapture

# kill -9 so often, at random moments and at every step: just kills 5000
kills rounds="200":
    ROUNDS={{rounds}} cargo test --test it killed -- --nocapture

# Mistakes planted one at a time: which tests catch them? just mutants --only fresh-key
mutants *args:
    cargo run --example mutants -- {{args}}

# The bugs planted for the seeded simulation, one at a time: which life shows each? just planted --only fresh-key
planted *args:
    cargo run --example mutants -- --planted {{args}}

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items

# A legacy shop's whole day on this machine
demo:
    cargo run --release -- demo

# Is a configuration good? just check --config my.toml
check *args:
    cargo run -- check {{args}}

# The bill of materials (CycloneDX): just sbom > sbom.cdx.json
sbom:
    @cargo run --quiet --locked --example sbom

# Everything the CI does
ci:
    .ci/run
