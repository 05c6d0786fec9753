# Hel in a container: docker build --tag hel . (needs BuildKit, which is the default)
# Wheels alone, each checked against its hash in requirements.txt; the image gets only what runs Hel.
ARG PYTHON=3.11-slim-trixie

FROM python:${PYTHON} AS build
WORKDIR /src
# The pinned packages, those of the build and of the tests among them. They change seldom, so this layer lasts.
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip download --quiet --require-hashes --no-deps --only-binary :all: \
      --requirement requirements.txt --dest /wheels
# Hel's own wheel, by the pinned hatchling.
RUN python -m venv --without-pip /build \
 && python -m pip --quiet --python /build/bin/python install --no-compile --no-index --find-links /wheels hatchling
COPY pyproject.toml README.md LICENSE ./
COPY hel ./hel
COPY examples ./examples
RUN /build/bin/python -m hatchling build -t wheel -d /wheels
# What is installed comes from these wheels; without pip, and compiled now, for nothing can be written later.
RUN python -m venv --without-pip /opt/hel \
 && python -m pip --quiet --python /opt/hel/bin/python install --no-compile --no-index \
      --find-links /wheels 'hel-collector[fast]' \
 && /opt/hel/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/hel/lib

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="Hel" \
      org.opencontainers.image.description="Collects audit logs from SaaS APIs as NDJSON: none lost, none twice." \
      org.opencontainers.image.licenses="Apache-2.0"
# The user is a number, so that Kubernetes can see that it is not root. A volume takes over the folder's owner.
RUN install -d -o 10001 -g 10001 -m 0750 /data && install -d -m 0755 /etc/hel
COPY --from=build /opt/hel /opt/hel
# A variable outranks hel.yaml: what stands here holds in every container, unless it is set anew when one is started.
ENV PATH=/opt/hel/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HEL_CONFIG=/etc/hel/hel.yaml \
    HEL_GLOBAL__STATE__PATH=/data/hel-state.db \
    HEL_GLOBAL__OUTPUT__PATH=/data/events.ndjson \
    HEL_GLOBAL__OUTPUT__ROTATE=daily \
    HEL_GLOBAL__OUTPUT__MODE=0640 \
    HEL_GLOBAL__SERVER__ENABLED=true \
    HEL_GLOBAL__SERVER__HOST=0.0.0.0 \
    HEL_GLOBAL__SERVER__PORT=8080
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=10s --start-period=30s --retries=3 CMD ["hel", "status", "--check"]
ENTRYPOINT ["hel"]
CMD ["run"]
