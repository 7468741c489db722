# syntax=docker/dockerfile:1
# One image for every component of docker-compose.yaml but PostgreSQL. The RUN lines that make it are run by a test
# outside of a container, so they use nothing but sh and Python.

FROM python:3.11.14-slim-bookworm AS build
WORKDIR /build
COPY requirements-bootstrap.lock requirements-production.lock ./
RUN python -m venv /build/tools && /build/tools/bin/python -m pip install --quiet --require-hashes -r requirements-bootstrap.lock
RUN python -m venv --without-pip /opt/launch/venv
RUN /build/tools/bin/uv pip install --quiet --python /opt/launch/venv/bin/python --require-hashes --compile-bytecode -r requirements-production.lock
COPY pyproject.toml README.md LICENSE ./
COPY include ./include
RUN /build/tools/bin/python -m hatchling build --target wheel --directory /build/dist
RUN /build/tools/bin/uv pip install --quiet --python /opt/launch/venv/bin/python --no-deps --no-index --compile-bytecode /build/dist/*.whl

FROM python:3.11.14-slim-bookworm
# Items of the kind git_repository ask git.
RUN apt-get update && apt-get install --yes --no-install-recommends git ca-certificates && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --user-group --home-dir /opt/launch --no-create-home --shell /usr/sbin/nologin launch \
 && install --directory --owner=launch --group=launch --mode=0700 /var/log/launch /opt/launch/airflow
COPY --from=build /opt/launch/venv /opt/launch/venv
COPY dags /opt/launch/dags
COPY plugins /opt/launch/plugins
ENV PATH=/opt/launch/venv/bin:/usr/local/bin:/usr/bin:/bin
USER 10001:10001
WORKDIR /opt/launch
# Which component it is says docker-compose.yaml.
CMD ["launch", "--help"]
