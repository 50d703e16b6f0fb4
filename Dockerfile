# The version of the `node` development dependency: what is tested is what runs.
FROM node:24.21.0-slim AS base
ENV NODE_ENV=production
WORKDIR /app

FROM base AS dependencies
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM base
ARG VERSION=unknown
ARG REVISION=unknown
# Where the source is, and the name in the MCP registry, which compares it with that of server.json.
ARG SOURCE=unknown
ARG SERVER_NAME=unknown
LABEL org.opencontainers.image.title="sentry-mcp-self-hosted" \
      org.opencontainers.image.description="A self-hosted MCP server for Sentry" \
      org.opencontainers.image.licenses="Apache-2.0 AND FSL-1.1-ALv2" \
      org.opencontainers.image.base.name="docker.io/library/node:24.21.0-slim" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE" \
      io.modelcontextprotocol.server.name="$SERVER_NAME"

# The one folder the service may write to, and only with STORE=embedded; the code stays root's.
RUN install --directory --owner=10001 --group=10001 --mode=700 /data
ENV DATA_DIR=/data
VOLUME /data

# Half the memory: V8's young generation takes 64 MB otherwise and its old one as much as the machine has, and glibc
# keeps what each of its arenas once used. docs/performance.md has the figures.
ENV NODE_OPTIONS="--max-semi-space-size=8 --max-old-space-size=256" \
    MALLOC_ARENA_MAX=2

COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE app.ts server.ts ./
COPY commands commands
COPY lib lib
COPY plugins plugins
COPY routes routes
# `docker run … demo` and `… doctor`: the commands by their names. The demo is the service beside a stand-in for Sentry.
COPY deploy/bin /usr/local/bin
COPY test/sandbox test/sandbox
COPY test/support/free-port.ts test/support/running-process.ts test/support/settings.ts test/support/

# The service starts in three quarters of the time when Node finds its modules compiled. Node keeps them for each user; they
# are root's afterwards, so that a running service cannot change what the next one executes.
ENV NODE_COMPILE_CACHE=/app/compile-cache
RUN install --directory --owner=10001 --mode=755 $NODE_COMPILE_CACHE \
  && setpriv --reuid=10001 --regid=10001 --clear-groups \
    node -e "import('./app.ts').then(() => import('./lib/mcp/core/load.ts')).then((core) => core.loadMcpCore())" \
  && chown --recursive root:root $NODE_COMPILE_CACHE \
  && chmod --recursive a+rX $NODE_COMPILE_CACHE

# By number, so that Kubernetes can tell it is not root. No account of the host is likely to have it.
USER 10001:10001
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/health`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "server.ts"]
