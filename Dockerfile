# ecom-bridge in an image of its own: the binary, the four libraries it is linked to, CA certificates, nothing else.
#
#   docker build -t ecom-bridge .          (podman build --format docker -t ecom-bridge .)
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp --stop-timeout 45 \
#     -p 8080:8080 -p 8081:8081 -v bridge:/var/lib/ecom-bridge ecom-bridge
#
# How the final image comes about: the first stage builds the binary, asks `ldd` which shared libraries it needs, and
# lays them out with the certificates under /image; the second stage begins from nothing and takes that tree. There is
# no shell in it. glibc and not a static musl build, because aws-lc and SQLite are tested most there and its allocator
# is faster; since glibc 2.34 the lookup of host names is part of libc, so no further library is loaded at run time.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY . .
RUN cargo build --release --locked --bin ecom-bridge
RUN set -eux; \
    install -D -m 0755 target/release/ecom-bridge /image/ecom-bridge; \
    # "libc.so.6 => /lib/…/libc.so.6 (0x…)" and "/lib64/ld-linux-x86-64.so.2 (0x…)": every absolute path in there
    ldd target/release/ecom-bridge | grep -o '/[^ ]*' | sort -u | while read -r library; do \
        install -D -m 0755 "$library" "/image$library"; \
    done; \
    install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt; \
    test -s /image/etc/ssl/certs/ca-certificates.crt; \
    echo 'hosts: files dns' > /image/etc/nsswitch.conf; \
    echo 'bridge:x:10001:10001:ecom-bridge:/:/none' > /image/etc/passwd; \
    echo 'bridge:x:10001:' > /image/etc/group; \
    install -D -m 0644 LICENSE /image/LICENSE; \
    # Where `demo` and `rehearse` have their files
    install -d -m 1777 /image/tmp; \
    # Root's own, so that the copy below gives the user nothing but the volume's folder
    install -d -m 0755 /image/var/lib; \
    install -d -m 0700 /state/ecom-bridge

FROM scratch
LABEL org.opencontainers.image.title="ecom-bridge" \
      org.opencontainers.image.description="Answers calls of Vipps' eCom API v2 by way of the ePayment API" \
      org.opencontainers.image.version="0.3.0" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /image/ /
# The contents of /state, so that the folder itself belongs to the user.
COPY --from=build --chown=10001:10001 /state/ /var/lib/
USER 10001:10001
# Any key of the configuration can be set like this. Webhooks are listened for once webhooks.public_url is set. The
# operator's listener stays on loopback, where HEALTHCHECK finds it; to scrape metrics from outside set
# ECOM_BRIDGE__ADMIN__LISTEN=0.0.0.0:9090 and ECOM_BRIDGE__ADMIN__TOKEN.
ENV ECOM_BRIDGE__PROXY__LISTEN=0.0.0.0:8080 \
    ECOM_BRIDGE__WEBHOOKS__LISTEN=0.0.0.0:8081 \
    ECOM_BRIDGE__STORE__URL=sqlite:/var/lib/ecom-bridge/ecom-bridge.db
EXPOSE 8080 8081 9090
VOLUME ["/var/lib/ecom-bridge"]
# SIGTERM begins the drain (proxy.drain_timeout, 40 s): give a stopping container longer than that.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s --retries=3 CMD ["/ecom-bridge", "healthcheck"]
ENTRYPOINT ["/ecom-bridge"]
CMD ["serve"]
