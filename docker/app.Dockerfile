# The worker: console, API and call control. Built from the project's folder: docker build -f docker/app.Dockerfile .
FROM node:20-bookworm-slim AS front
WORKDIR /build
COPY . .
RUN if [ -f package.json ]; then npm ci --no-audit --no-fund && npm run build --if-present && rm -rf node_modules; fi

FROM python:3.11-slim-bookworm AS libraries
COPY requirements.lock /build/requirements.lock
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r /build/requirements.lock

FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg espeak-ng sox libsox-fmt-mp3 tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 980 --home-dir /var/lib/callcenter --shell /usr/sbin/nologin callcenter \
    && install -d -o callcenter -g callcenter /var/lib/callcenter
COPY --from=libraries /opt/venv /opt/venv
COPY --from=front /build/callcenter /opt/callcenter/callcenter
COPY --from=front /build/web /opt/callcenter/web
COPY --from=front /build/sql /opt/callcenter/sql
COPY --from=front /build/asterisk-conf /opt/callcenter/asterisk-conf
COPY --from=front /build/dialplan /opt/callcenter/dialplan
# Rendering names the folders of Asterisk's modules and data, which are read by Asterisk's container at the same place.
COPY --from=callcenter-asterisk /opt/asterisk /opt/asterisk
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/opt/callcenter PYTHONUNBUFFERED=1 \
    CALLCENTER_VAR_DIR=/var/lib/callcenter CALLCENTER_ASTERISK_ROOT=/opt/asterisk CALLCENTER_LOG_JSON=true
USER callcenter
WORKDIR /var/lib/callcenter
VOLUME /var/lib/callcenter
COPY docker/app-start /usr/local/bin/app-start
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["app-start"]
