# An image for workers on other machines: those of Dataflow, Flink and Spark, and Dask's.
#
#   docker build -t shardmill .
#   docker build -t shardmill --build-arg EXTRAS=aws,dask .
#
# docs/container.md says how it is used.

# As on the launching machine: pickled functions do not travel between versions of Python, and
# the boot program belongs to one version of Beam, that of constraints.txt.
ARG PYTHON=3.11
ARG BEAM=2.77.0

FROM apache/beam_python${PYTHON}_sdk:${BEAM} AS beam

# Python alone, not Beam's image: that has packages of other versions already, which pip would
# have to replace, and which a build without constraints would keep. From Beam's image comes the
# program that a runner starts.
FROM python:${PYTHON}-slim AS base

FROM base AS wheel
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM base AS installed
# trainer is no extra of a worker: torch and transformers are not installed.
ARG EXTRAS=gcp,dask
COPY constraints.txt /shardmill/
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir -c /shardmill/constraints.txt "$(ls /wheels/shardmill-*.whl)[${EXTRAS}]"
RUN pip check
# Compiled loops are kept here. The folder belongs to root, who runs the container: machine code
# is loaded from no folder of another user.
ENV NUMBA_CACHE_DIR=/shardmill/kernels

# Machine code is made for the processor it is made on; on others it is made again. The sample and
# what is built of it stay in this stage.
FROM installed AS warm
ARG RECIPES="bert-wwm roberta t5"
COPY sample /sample
RUN shardmill vocab --input '/sample/*.txt' --model wordpiece --size 1000 --sentinels 100 \
        --output /warm/vocab.json
RUN for recipe in ${RECIPES}; do \
        shardmill build "$recipe" --input '/sample/*.txt' --tokenizer /warm/vocab.json \
            --output "/warm/$recipe" || exit 1; \
    done

FROM installed
COPY --from=warm /shardmill/kernels /shardmill/kernels
COPY --from=beam /opt/apache/beam /opt/apache/beam
# Beam would make a virtual environment in each container; what it needs is installed.
ENV RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1
ENTRYPOINT ["/opt/apache/beam/boot"]
