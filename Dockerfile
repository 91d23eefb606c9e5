# An Orthanc with SendIt: docker build -t sendit . ; docker/compose.yaml runs it beside a research Orthanc.
# The image's versions of Orthanc (1.12.7), its Python plugin (5.0) and Python (3.13) are Debian 13's.

FROM docker.io/library/debian:trixie-slim AS builder
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3-venv \
 && rm -rf /var/lib/apt/lists/*
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# Packages first: they change seldom, so this layer is kept when only SendIt changes.
COPY docker/requirements.lock docker/requirements-build.lock docker/
RUN python3 -m venv /opt/sendit && /opt/sendit/bin/pip install --require-hashes -r docker/requirements.lock \
 && python3 -m venv /opt/build && /opt/build/bin/pip install --require-hashes -r docker/requirements-build.lock
COPY pyproject.toml README.md LICENSE requirements-pip.lock ./
COPY docs/sendit.1 docs/
COPY orthanc-config/orthanc-explorer-2.json orthanc-config/
COPY deploy/systemd/ deploy/systemd/
COPY plugin/ plugin/
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheels . \
 && /opt/sendit/bin/pip install --no-deps --no-index wheels/*.whl \
 && /opt/sendit/bin/pip uninstall --yes --quiet pip

# SendIt with a Python of its own in one folder, for an image of another system: docker build --target portable -t sendit-portable .
FROM builder AS portable-builder
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 libxcb1 \
 && rm -rf /var/lib/apt/lists/*
COPY scripts/portable.sh scripts/
RUN scripts/portable.sh /sendit wheels/*.whl

FROM scratch AS portable
COPY --from=portable-builder /sendit /sendit

FROM docker.io/library/debian:trixie-slim
# OpenCV, which text is found with, is linked with libraries of a desktop: libGL, libglib, libxcb.
# tini passes the stop signal on and buries what the worker's pool leaves. Debian's example configurations go: one of
# them would load another Python script, and Orthanc reads every file of the folder.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libgl1 libglib2.0-0 libxcb1 orthanc orthanc-python python3 tini \
 && rm -rf /var/lib/apt/lists/* /etc/orthanc/* /etc/init.d/orthanc \
 && install -d -o orthanc -g orthanc -m 700 /var/lib/sendit /var/lib/orthanc/db
COPY --from=builder /opt/sendit /opt/sendit
COPY plugin/sendit_plugin.py docker/healthcheck.py docker/entrypoint.sh /usr/share/sendit/
COPY orthanc-config/ /etc/orthanc/
COPY LICENSE /usr/share/doc/sendit/copyright
# As it was checked out, its group may write to it: SendIt refuses that.
RUN chmod -R go-w /etc/orthanc

USER orthanc
ENV LANG=C.UTF-8
VOLUME ["/var/lib/orthanc/db", "/var/lib/sendit"]
EXPOSE 8042 4242
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=15s --start-period=60s --retries=3 \
  CMD ["/opt/sendit/bin/python", "/usr/share/sendit/healthcheck.py"]
ENTRYPOINT ["/usr/bin/tini", "--", "/usr/share/sendit/entrypoint.sh"]
CMD ["/etc/orthanc/orthanc.json"]
