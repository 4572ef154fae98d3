# Asterisk from Debian testing in a root of its own, by the same script as set-up uses.
# Built from the project's folder: docker build -f docker/asterisk.Dockerfile .
FROM debian:bookworm-slim AS unpacked
RUN apt-get update \
    && apt-get install -y --no-install-recommends mmdebstrap ca-certificates debian-archive-keyring \
    && rm -rf /var/lib/apt/lists/*
COPY scripts/install-asterisk /usr/local/bin/install-asterisk
RUN install-asterisk /opt/asterisk

FROM debian:bookworm-slim
RUN useradd --system --uid 980 --home-dir /var/lib/callcenter --shell /usr/sbin/nologin callcenter \
    && install -d -o callcenter -g callcenter /var/lib/callcenter
COPY --from=unpacked /opt/asterisk /opt/asterisk
COPY docker/asterisk-start /usr/local/bin/asterisk-start
USER callcenter
VOLUME /var/lib/callcenter
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["asterisk-start", "-rx", "core waitfullybooted"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["asterisk-start"]
CMD ["-f"]
