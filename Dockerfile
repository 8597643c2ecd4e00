# The base image: FROM dubhe-base, COPY . /app, and the container serves the algorithm and reports.
#
#   docker build -t dubhe-base .                                    on Python's slim image
#   docker build -t dubhe-base --build-arg BASE_IMAGE=pytorch/pytorch:2.8.0-cuda12.8-cudnn9-runtime .
#
# Needs BuildKit (Docker 23 or newer has it on; before: DOCKER_BUILDKIT=1). Behind a mirror:
#   --build-arg PIP_INDEX_URL=… --build-arg DEBIAN_MIRROR=…         kept out of the environment
#   --secret id=ca,src=/path/to/bundle.pem                          authorities to trust while building
#
# Every amd64 and arm64 base of Debian's or Ubuntu's family will do. One small file is compiled, by
# the distribution's compiler, which stays in its stage.

# The Python of the default base is the algorithm's interpreter. Another base brings its own; one
# without Python gets its distribution's.
ARG BASE_IMAGE=python:3.12.11-slim-bookworm

# --- python: the base, and a Python in it ---------------------------------------------------------
FROM ${BASE_IMAGE} AS python
# Some bases set a user who may not install; the last stage's user is root too, as in most bases.
USER root
ARG DEBIAN_MIRROR
RUN --mount=type=bind,source=image,target=/mnt/image \
    --mount=type=secret,id=ca \
    CA_FILE=/run/secrets/ca /mnt/image/ensure-python

# --- builder: what the image adds is made here; the tools for it stay here ------------------------
FROM python AS builder
ARG DEBIAN_MIRROR
ARG PIP_INDEX_URL
ARG PIP_TRUSTED_HOST
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1 PIP_NO_COMPILE=1
# tini: an init that forwards signals and reaps. The static one runs in whatever base.
# https://github.com/krallin/tini
# The others build dubhe-core's accelerator; without headers of this Python it is left out.
RUN --mount=type=bind,source=image,target=/mnt/image \
    --mount=type=secret,id=ca \
    CA_FILE=/run/secrets/ca /mnt/image/apt-install tini gcc libc6-dev \
        $(python3 -c 'import os, sysconfig as s; \
print("" if os.path.exists(s.get_path("include") + "/Python.h") else "python3-dev")')
RUN --mount=type=bind,source=image,target=/mnt/image \
    --mount=type=secret,id=ca \
    --mount=type=cache,target=/root/.cache/pip \
    . /mnt/image/pip-env && python3 -m venv /tmp/tools \
    && /tmp/tools/bin/pip install -q --require-hashes -r /mnt/image/tools.lock
# Web front and sidecar. Hashes: what is installed is what was locked, whatever a mirror serves.
RUN --mount=type=bind,source=image,target=/mnt/image \
    --mount=type=secret,id=ca \
    --mount=type=cache,target=/root/.cache/pip \
    . /mnt/image/pip-env && python3 -m venv --without-pip /opt/dubhe/venv \
    && /tmp/tools/bin/pip --python /opt/dubhe/venv/bin/python3 install -q --only-binary :all: \
        --require-hashes -r /mnt/image/requirements.lock \
    && /mnt/image/slim /opt/dubhe/venv

# --- wheels: this project; a change of its code rebuilds from here on ------------------------------
FROM builder AS wheels
COPY pyproject.toml hatch_build.py README.md README.zh-CN.md LICENSE /src/
COPY core /src/core
COPY dubhe_sdk /src/dubhe_sdk
COPY sidecar /src/sidecar
COPY simulator /src/simulator
# `dubhe init --framework`: the simulator links to them.
COPY examples /src/examples
RUN --mount=type=bind,source=image,target=/mnt/image \
    /tmp/tools/bin/pip wheel -q --no-deps --no-index --no-build-isolation -w /wheels \
        /src/core /src/sidecar /src/simulator /src \
    && /mnt/image/install-wheels /wheels

# --- base: what is published ----------------------------------------------------------------------
FROM python AS base
# Seldom changed first: most of an update is layers that everybody has already.
COPY --from=builder /usr/bin/tini-static /usr/bin/tini
COPY --from=builder /opt/dubhe/venv /opt/dubhe/venv
COPY --from=wheels /out /
COPY image/dubhe image/start image/run.sh image/prepare-data /opt/dubhe/bin/
# Writable by whatever user the platform chooses: `--user 12345:0` saves its models in /app too.
RUN ln -s /opt/dubhe/bin/dubhe /usr/local/bin/dubhe \
    && mkdir -p /app /temporary && chmod 1777 /app /temporary \
    && python3 -c "import pathlib, sysconfig; folder = pathlib.Path(sysconfig.get_path('purelib')); \
folder.mkdir(parents=True, exist_ok=True); (folder / 'dubhe.pth').write_text('/opt/dubhe/sdk\n')" \
    && python3 -c "import dubhe_sdk"

# DUBHE_COMMAND: web front and sidecar run in their own environment.
# PIP_CONSTRAINT: what an algorithm's requirements.txt asks for leaves the SDK as it is.
# PIP_BREAK_SYSTEM_PACKAGES: in a container there is no distribution to protect from pip.
ENV DUBHE_COMMAND=/opt/dubhe/bin/dubhe \
    PIP_CONSTRAINT=/opt/dubhe/constraints.txt \
    PIP_BREAK_SYSTEM_PACKAGES=1 \
    PIP_ROOT_USER_ACTION=ignore
# So that --build-arg PIP_INDEX_URL=… reaches the pip of an algorithm's two-line Dockerfile as well.
ONBUILD ARG PIP_INDEX_URL
ONBUILD ARG PIP_TRUSTED_HOST

WORKDIR /app
EXPOSE 8030
STOPSIGNAL SIGTERM
# The heartbeat, over the protocol that run.sh has chosen. It answers while the model is loading.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["/opt/dubhe/bin/dubhe", "health"]
# -s: reaps below another init too (docker run --init).
ENTRYPOINT ["/usr/bin/tini", "-s", "--", "/opt/dubhe/bin/dubhe", "launch", "--"]
CMD ["/opt/dubhe/bin/start"]

ARG BASE_IMAGE
ARG VERSION=local
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="dubhe-base" \
    org.opencontainers.image.description="Serves an algorithm on the Tianshu platform: SDK, service and sidecar" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    dubhe.base.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}" \
    org.opencontainers.image.base.name="${BASE_IMAGE}"
