# The two images of an evaluation share their largest layers and nothing else:
#
#   trainer   runs submitted code: torch, kornia and the training half of the benchmark. It has no dataset, no
#             scikit-learn, no MLflow and no scorer: a submission may read everything in it.
#   scorer    reads what trainers wrote: the scoring half of the benchmark. It cannot import a submission.
#
# A third, `site`, serves the board and the log (compose.yaml) and takes no part in an evaluation.
#
# `make image` builds both. By hand (the label ties an image to the code in it; without it the executor refuses the image):
#
#   docker build --target trainer -t forget-me-not/trainer --build-arg CODE_DIGEST=$(python -m benchmark.executors.docker.images --digest) .
#
# CPU only (a tenth of the size):   --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu
# Another base image:               --build-arg BASE_IMAGE=...   (Debian with python3, venv and pip; nothing else is used)
# No package index to be reached:   put wheels into wheels/ (pip download -d wheels -c constraints.txt torch kornia ...);
#                                   when there are any, nothing else is installed.
# Nothing is downloaded at run time: containers have no network.

ARG BASE_IMAGE=python:3.11.11-slim-bookworm

FROM ${BASE_IMAGE} AS base
# No program may change its user. The option no-new-privileges denies it at run time as well.
RUN find / -xdev -type f -perm /6000 -exec chmod a-s {} +

FROM base AS sources
ARG TORCH_INDEX=
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PIP_CONSTRAINT=/build/constraints.txt
COPY constraints.txt wheels* /build/wheels/
RUN mv /build/wheels/constraints.txt /build/ \
    && if ls /build/wheels/*.whl >/dev/null 2>&1; \
       then printf '[global]\nno-index = true\nfind-links = /build/wheels\n' > /etc/pip.conf; \
       elif [ -n "$TORCH_INDEX" ]; then printf '[global]\nextra-index-url = %s\n' "$TORCH_INDEX" > /etc/pip.conf; fi

FROM sources AS libraries
RUN python3 -m venv /opt/fmn \
    && /opt/fmn/bin/pip install --quiet torch kornia numpy safetensors pydantic \
    && echo /opt/code > "$(echo /opt/fmn/lib/python3*/site-packages)/forget-me-not.pth" \
    && /opt/fmn/bin/pip uninstall --quiet --yes pip

# The scorer's environment sees the common one through a .pth file, so that pip does not install those libraries again.
FROM libraries AS scorer-libraries
RUN python3 -m venv /opt/scorer \
    && printf '%s\n' /opt/fmn/lib/python3*/site-packages /opt/code \
       > "$(echo /opt/scorer/lib/python3*/site-packages)/forget-me-not.pth" \
    && /opt/scorer/bin/pip install --quiet scipy scikit-learn pandas pyarrow \
    && /opt/scorer/bin/pip uninstall --quiet --yes pip

FROM base AS runtime
COPY --from=libraries /opt/fmn /opt/fmn
ENV PATH=/opt/fmn/bin:/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8 HOME=/tmp
WORKDIR /tmp

FROM runtime AS trainer
COPY benchmark/__init__.py benchmark/encoder.py benchmark/gc_pause.py benchmark/late_dynamo.py benchmark/machine.py benchmark/printable.py /opt/code/benchmark/
COPY benchmark/files /opt/code/benchmark/files
COPY benchmark/spec /opt/code/benchmark/spec
COPY benchmark/plan /opt/code/benchmark/plan
COPY benchmark/data /opt/code/benchmark/data
COPY benchmark/method /opt/code/benchmark/method
COPY benchmark/pruning /opt/code/benchmark/pruning
COPY benchmark/training /opt/code/benchmark/training
# Importing every program makes the build fail if training code needs a library or a module that this image must not have.
RUN python -m compileall -q /opt/code && python -I -c "import benchmark.training.trainer, benchmark.training.describe, \
    benchmark.training.starting.same_node, benchmark.training.trials.rehearsal, benchmark.training.trials.timing, benchmark.data.views"
USER 65534:65534
ARG CODE_DIGEST=unknown
LABEL org.opencontainers.image.title="Forget-Me-Not trainer" org.forget-me-not.code=${CODE_DIGEST}

FROM runtime AS scorer
COPY --from=scorer-libraries /opt/scorer /opt/scorer
ENV PATH=/opt/scorer/bin:$PATH
COPY benchmark/__init__.py benchmark/encoder.py /opt/code/benchmark/
COPY benchmark/files /opt/code/benchmark/files
COPY benchmark/spec /opt/code/benchmark/spec
COPY benchmark/plan /opt/code/benchmark/plan
COPY benchmark/data /opt/code/benchmark/data
COPY benchmark/pruning /opt/code/benchmark/pruning
COPY benchmark/scoring /opt/code/benchmark/scoring
RUN python -m compileall -q /opt/code && python -I -c "import benchmark.scoring.scorer"
USER 65534:65534
ARG CODE_DIGEST=unknown
LABEL org.opencontainers.image.title="Forget-Me-Not scorer" org.forget-me-not.code=${CODE_DIGEST}

# The board and the log of a site (compose.yaml): no torch, so that neither a trainer nor the scorer can run there.
FROM sources AS site-libraries
RUN python3 -m venv /opt/fmn \
    && /opt/fmn/bin/pip install --quiet mlflow streamlit altair jinja2 markupsafe numpy pandas pillow pyarrow pydantic pyyaml \
       safetensors scipy sqlalchemy cryptography psycopg2-binary==2.9.13 \
    && echo /opt/code > "$(echo /opt/fmn/lib/python3*/site-packages)/forget-me-not.pth" \
    && /opt/fmn/bin/pip uninstall --quiet --yes pip

FROM base AS site
COPY --from=site-libraries /opt/fmn /opt/fmn
ENV PATH=/opt/fmn/bin:/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8 HOME=/tmp
COPY benchmark /opt/code/benchmark
COPY leaderboard /opt/code/leaderboard
COPY results /opt/code/results
COPY .streamlit /opt/code/.streamlit
RUN python -m compileall -q /opt/code && mkdir /artifacts && chown 65534:65534 /artifacts
USER 65534:65534
WORKDIR /opt/code
# Where compose.yaml mounts them.
ENV FMN_HOME=/records-home FMN_TRUSTED_KEYS=/trusted_keys.yaml
LABEL org.opencontainers.image.title="Forget-Me-Not site"
