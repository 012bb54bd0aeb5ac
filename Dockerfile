# syntax=docker/dockerfile:1
FROM node:24-bookworm-slim AS pages
WORKDIR /src/ui-assets
COPY ui-assets/package.json ui-assets/package-lock.json ./
RUN npm ci --no-fund --no-audit
COPY ui-assets ./
RUN npm run build

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock setup.cfg pyproject.toml README.md LICENSE ./
COPY extension extension
COPY api api
COPY --from=pages /src/api/pages api/pages
# The lock holds development tools too; constraints keep the versions without installing those.
RUN python -m venv /opt/rancher-cd \
 && sed -n 's/^\([A-Za-z0-9._-]*\)\(\[[^]]*\]\)\?\(==[^ ]*\).*/\1\3/p' requirements.lock > constraints.txt \
 && /opt/rancher-cd/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt .
# A wheel can't hold links, so Helm's library is there three times, 85 MB each; it is loaded by its longest name.
RUN cd /opt/rancher-cd/lib/python3.11/site-packages/helm_python/lib \
 && rm libhelm_c.so libhelm_c.so.0 \
 && /opt/rancher-cd/bin/python -c 'import helm_python; print(helm_python.helm_sdk_version(), helm_python.library_path)'

FROM python:3.11-slim-bookworm
RUN apt-get update \
 && apt-get install -y --no-install-recommends git openssh-client ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 1000 --no-create-home --shell /usr/sbin/nologin rancher-cd \
 && install -d -o 1000 -g 1000 /var/lib/rancher-cd
COPY --from=build /opt/rancher-cd /opt/rancher-cd
COPY helm/continuous-delivery-agent /usr/share/rancher-cd/continuous-delivery-agent
ENV PATH=/opt/rancher-cd/bin:$PATH HOME=/tmp RANCHER_CD_HOST=0.0.0.0 RANCHER_CD_STATE_DIR=/var/lib/rancher-cd PYTHONDONTWRITEBYTECODE=1
USER 1000:1000
VOLUME ["/var/lib/rancher-cd", "/tmp"]
EXPOSE 8080
# Works with a read-only root file system: only the two volumes are written to.
ENTRYPOINT ["rancher-cd"]
CMD ["serve"]
