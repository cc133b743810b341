# Translates, exports and shows runs on CPUs: the light installation. Not yet built.
#   docker build -f launch/images/cpu.Dockerfile -t diptych:cpu .
#   docker run --rm -v "$PWD:/data" -w /data diptych:cpu translate runs/NAME --in pictures --out translations
FROM python:3.11.14-slim-bookworm

RUN useradd --create-home --uid 1000 diptych
WORKDIR /opt/diptych
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY sharding sharding
COPY trainer trainer
COPY launch launch
COPY sweeps sweeps
# torch for CPUs has no CUDA libraries: less than 1 GB. The lock pins the rest.
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu torch==2.14.1+cpu \
    && grep -v '^nvidia-' requirements.lock > constraints.txt \
    && pip install --no-cache-dir --constraint constraints.txt '.[onnx,hub,demo]'

USER diptych
ENTRYPOINT ["diptych"]
CMD ["--help"]
