# syntax=docker/dockerfile:1
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock setup.cfg pyproject.toml README.md LICENSE ./
COPY extension extension
COPY api api
# The lock holds development tools too; constraints keep the versions without installing those.
RUN python -m venv /opt/rancher-cd \
 && grep -E '^[A-Za-z0-9._-]+==' requirements.lock | sed 's/ .*//' > constraints.txt \
 && /opt/rancher-cd/bin/pip install --no-cache-dir --constraint constraints.txt .

FROM python:3.11-slim-bookworm
RUN apt-get update \
 && apt-get install -y --no-install-recommends git openssh-client ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 1000 --no-create-home --shell /usr/sbin/nologin rancher-cd \
 && install -d -o 1000 -g 1000 /var/lib/rancher-cd
COPY --from=build /opt/rancher-cd /opt/rancher-cd
ENV PATH=/opt/rancher-cd/bin:$PATH HOME=/tmp RANCHER_CD_HOST=0.0.0.0 RANCHER_CD_STATE_DIR=/var/lib/rancher-cd PYTHONDONTWRITEBYTECODE=1
USER 1000:1000
VOLUME ["/var/lib/rancher-cd", "/tmp"]
EXPOSE 8080
# Works with a read-only root file system: only the two volumes are written to.
ENTRYPOINT ["rancher-cd"]
CMD ["serve"]
