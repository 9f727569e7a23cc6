# The first stage builds the wheel and installs it; the second has no tools and no sources.
# `docker buildx build --platform linux/amd64,linux/arm64 .` builds for both: all dependencies have
# wheels for them, so nothing is compiled.
FROM python:3.13-slim AS build

WORKDIR /build
COPY LICENSE README.md pyproject.toml setup.cfg ./
COPY src ./src
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && python -m venv --without-pip /opt/gateway \
    && pip --python /opt/gateway/bin/python install --no-cache-dir "$(echo /wheels/*.whl)[all]" \
    && mkdir -m 1777 /opt/gateway/data

FROM python:3.13-slim

LABEL org.opencontainers.image.title="gateway" \
    org.opencontainers.image.description="Any Ollama client works, unchanged, with cloud models." \
    org.opencontainers.image.licenses="MIT"

# Nothing is installed into a running container. Layers keep what later ones remove, so this makes
# the tree smaller for scanners and intruders, and not for the disk.
RUN python -m pip uninstall --yes --quiet --root-user-action=ignore pip \
    && rm -rf /usr/local/lib/python3.13/ensurepip

# To the same path, which the scripts inside name.
COPY --from=build /opt/gateway /opt/gateway

# OLLAMA_HOST means what it means to Ollama, so the port stays 11434. A volume at GATEWAY_HOME keeps
# the models that users make. Streams get half of the ten seconds after which container platforms
# kill what SIGTERM has not ended. The root may be read-only: nothing but the volume is written to.
ENV PATH=/opt/gateway/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    OLLAMA_HOST=0.0.0.0 \
    GATEWAY_HOME=/opt/gateway/data \
    GATEWAY_SERVER_SHUTDOWN_TIMEOUT=5

# The place for a mounted .env or settings file.
WORKDIR /etc/gateway

# A number, so that a platform can tell that it is not root; any other works as well.
USER 10001:10001

EXPOSE 11434
STOPSIGNAL SIGTERM

HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; from gateway.settings import load; r.build_opener(r.ProxyHandler({})).open(f'http://127.0.0.1:{load(environ=os.environ).server.port}/healthz', timeout=4)"]

ENTRYPOINT ["python", "-m", "gateway"]
