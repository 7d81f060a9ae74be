# syntax=docker/dockerfile:1
FROM node:22-slim AS node

FROM python:3.11-slim AS build
# npm, for the explorer: without it the wheel is whole but for that page.
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules/npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
WORKDIR /src
COPY requirements.lock pyproject.toml hatch_build.py README.md LICENSE ./
COPY schema ./schema
COPY connectors ./connectors
COPY gateway ./gateway
COPY simulators ./simulators
COPY agencies ./agencies
RUN python -m venv /opt/simpul \
 && /opt/simpul/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
 && /opt/simpul/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
LABEL org.opencontainers.image.title="Simpul" \
      org.opencontainers.image.description="One GraphQL graph over complaint systems" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --system --gid 10001 simpul \
 && useradd --system --uid 10001 --gid simpul --home-dir /var/lib/simpul --create-home simpul
COPY --from=build /opt/simpul /opt/simpul
COPY --chown=simpul:simpul agencies /etc/simpul/agencies
ENV PATH=/opt/simpul/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SIMPUL_HOST=0.0.0.0 \
    SIMPUL_PORT=8000 \
    SIMPUL_DATA_DIR=/var/lib/simpul \
    SIMPUL_AGENCIES_DIR=/etc/simpul/agencies \
    SIMPUL_LOG_FORMAT=json
USER 10001:10001
WORKDIR /var/lib/simpul
VOLUME /var/lib/simpul
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['SIMPUL_PORT'] + '/health/ready', timeout=2)"]
ENTRYPOINT ["simpul"]
CMD ["serve", "--migrate"]
