# Trains, too, on NVIDIA GPUs: all packages of the lock, whose wheels bring CUDA. Not yet built.
#   docker build -f launch/images/gpu.Dockerfile -t diptych:gpu .
#   docker run --rm --gpus all --shm-size 8g -v "$PWD:/data" -w /data diptych:gpu launch
FROM python:3.11.14-slim-bookworm

# DeepSpeed compiles its op; the commit of a checkout is asked of git.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ git make openssh-client \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1000 diptych
WORKDIR /opt/diptych
COPY pyproject.toml requirements.lock README.md LICENSE ./
RUN pip install --no-cache-dir setuptools==84.2.1 wheel==0.48.0 \
    && pip install --no-cache-dir --use-pep517 --no-build-isolation --requirement requirements.lock
COPY sharding sharding
COPY trainer trainer
COPY launch launch
COPY sweeps sweeps
RUN pip install --no-cache-dir --no-deps --no-build-isolation .
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility,video

USER diptych
ENTRYPOINT ["diptych"]
CMD ["--help"]
