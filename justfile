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
