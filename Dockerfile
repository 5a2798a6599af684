# The image of yunfu-exporter, 35 MB over its base. Build it: make image (BUILDER=podman or buildah for those).
# Run it with the configuration mounted as a directory, so that a changed file is seen, or with YUNFU_ variables. The latest of
# every task is saved in a volume, so that a restart has it at once:
#   docker run --read-only --publish 10042:10042 --volume ./conf:/etc/yunfu-exporter:ro \
#     --volume yunfu-exporter:/var/lib/yunfu-exporter --env YUNFU_STATE_FILE=/var/lib/yunfu-exporter/state.db yunfu-exporter \
#     serve --config /etc/yunfu-exporter/yunfu.yaml
# BASE is any image with Python 3.11 or newer and its venv module; releases pin it by digest (docs/releasing.md).
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
# One epoch for every file and no random hash: the same sources and base give the same layers.
ARG SOURCE_DATE_EPOCH=0
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_COMPILE=1 PIP_ROOT_USER_ACTION=ignore
# Where the packages come from, unless pip's default. Arguments of this stage alone: nothing of them is in the image or its history.
ARG PIP_INDEX_URL
ARG PIP_TRUSTED_HOST
WORKDIR /build
RUN python3 -m venv tools && python3 -m venv --without-pip /opt/yunfu-exporter
COPY requirements.txt requirements-build.txt ./
RUN tools/bin/pip install --require-hashes --only-binary :all: --requirement requirements-build.txt && \
    tools/bin/pip --python /opt/yunfu-exporter/bin/python install \
        --require-hashes --only-binary :all: --requirement requirements.txt && \
    /opt/yunfu-exporter/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/yunfu-exporter && \
    find /opt/yunfu-exporter -exec touch --no-dereference --date "@${SOURCE_DATE_EPOCH}" {} +
COPY pyproject.toml hatch_build.py README.md LICENSE CHANGELOG.md SECURITY.md SECURITY.zh-CN.md ./
COPY deploy deploy
COPY docs docs
COPY grafana grafana
COPY helm helm
COPY prometheus prometheus
COPY exporter exporter
RUN mkdir state && touch --date "@${SOURCE_DATE_EPOCH}" state
ARG SOURCE_REVISION
RUN tools/bin/hatchling build --target wheel && \
    tools/bin/pip --python /opt/yunfu-exporter/bin/python install --prefix /build/code \
        --no-index --no-deps --find-links dist yunfu-exporter && \
    /opt/yunfu-exporter/bin/python -m compileall -q --invalidation-mode unchecked-hash \
        -s /build/code -p /opt/yunfu-exporter code && \
    find code -exec touch --no-dereference --date "@${SOURCE_DATE_EPOCH}" {} +

FROM ${BASE}
ARG SOURCE_REVISION
ARG VERSION
LABEL org.opencontainers.image.title="yunfu-exporter" \
      org.opencontainers.image.description="Prometheus exporter for the outbound-call campaigns of the Yunfu platform" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${SOURCE_REVISION}"
COPY --from=build /opt/yunfu-exporter /opt/yunfu-exporter
COPY --from=build /build/code /opt/yunfu-exporter
# A volume that is mounted here first gets this owner. No VOLUME, and no YUNFU_STATE_FILE: without a volume there is nowhere to write.
COPY --from=build --chown=65532:65532 /build/state /var/lib/yunfu-exporter
ENV PATH=/opt/yunfu-exporter/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
EXPOSE 10042
STOPSIGNAL SIGTERM
# It asks where the exporter really listens, so it follows the configuration.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["python3", "-m", "exporter.health"]
ENTRYPOINT ["yunfu-exporter"]
CMD ["serve"]
