{{/* What a schema can't say, or not in words: values that contradict each other, and what is no URL. */}}
{{- define "continuous-delivery.check" -}}
{{- include "continuous-delivery.checkEngine" . -}}
{{- include "continuous-delivery.checkRancher" . -}}
{{- include "continuous-delivery.checkKinds" . -}}
{{- range $where, $url := dict "proxy" .Values.proxy "serverURL" .Values.serverURL -}}
{{- if not (regexMatch "^(https?://[^/\\s]+\\S*)?$" $url) -}}
{{- fail (printf "%s: %q is not a URL; write it as https://HOST:PORT" $where $url) -}}
{{- end -}}
{{- end -}}
{{- if and (include "continuous-delivery.onVolume" .) (gt (int (include "continuous-delivery.replicas" .)) 1) -}}
{{- fail (printf "replicas: %d pods can't share a store on a volume; name the Secret of a PostgreSQL database in database.secret, or take 1" (int .Values.replicas)) -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) -}}
{{- fail "ingress.host: an Ingress needs the host name at which people and agents reach the service" -}}
{{- end -}}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.serviceMonitor.tokenSecret) -}}
{{- if not (include "continuous-delivery.inside" .) -}}
{{- fail "metrics.serviceMonitor.tokenSecret: metrics are read with a token; make one with `rancher-cd token create prometheus --role '*=read-only'` and name the Secret that holds it" -}}
{{- else if not .Values.rbac.create -}}
{{- fail "metrics.serviceMonitor.tokenSecret: metrics are read with an API key of Rancher whose user may get /metrics; name the Secret that holds it, or let the chart make an account with rbac.create" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What only the embedded engine has: a store, its key, and agents that call. */}}
{{- define "continuous-delivery.checkEngine" -}}
{{- if eq .Values.engine "fleet" -}}
{{- $given := dict "database.secret" .Values.database.secret "persistence.existingClaim" .Values.persistence.existingClaim "keySecret" .Values.keySecret "serverURL" .Values.serverURL "serverCASecret" .Values.serverCASecret -}}
{{- range $where, $value := $given -}}
{{- if $value -}}
{{- fail (printf "%s: the engine fleet has no store and no agents, all is in Kubernetes; leave it out, or take the engine embedded" $where) -}}
{{- end -}}
{{- end -}}
{{- if not (include "continuous-delivery.inside" .) -}}
{{- fail "engine: fleet is for Rancher's users; open a door for them with rancher.enabled or apiService.enabled" -}}
{{- end -}}
{{- else if .Values.backup.workspaces -}}
{{- fail "backup.workspaces: the engine embedded has its workspaces in its store and not in Kubernetes; back up the volume or the database" -}}
{{- end -}}
{{- end -}}

{{/* What the doors inside Rancher need. */}}
{{- define "continuous-delivery.checkRancher" -}}
{{- $url := include "continuous-delivery.rancherURL" . -}}
{{- if and .Values.rancher.enabled (not (regexMatch "^https://[^/\\s]+(/\\S*)?$" $url)) -}}
{{- fail (printf "rancher.url: %q is not the URL of a Rancher server; write it as https://HOST" $url) -}}
{{- end -}}
{{- if and .Values.rancher.enabled (semverCompare "<1.28.0-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "rancher.enabled: Kubernetes %s can't tell whose a credential is; that needs 1.28" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- if and .Values.uiPlugin.enabled (not (or .Values.apiService.enabled (and .Values.rancher.enabled .Values.rancher.serviceProxy))) -}}
{{- fail "uiPlugin.enabled: browsers reach the service through Kubernetes; open a door with apiService.enabled, or with rancher.enabled and rancher.serviceProxy" -}}
{{- end -}}
{{- if and .Values.apiService.enabled (has (int .Values.apiService.port) (list 8080 (int .Values.service.port))) -}}
{{- fail (printf "apiService.port: %d is the port of plain HTTP; take another" (int .Values.apiService.port)) -}}
{{- end -}}
{{- if and .Values.metrics.serviceMonitor.enabled .Values.apiService.enabled (not .Values.rancher.enabled) -}}
{{- fail "metrics.serviceMonitor.enabled: Prometheus comes with a credential, which only rancher.enabled takes" -}}
{{- end -}}
{{- end -}}

{{/* Kinds that are asked for and that this cluster does not have. */}}
{{- define "continuous-delivery.checkKinds" -}}
{{- if and .Values.metrics.serviceMonitor.enabled (not (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor")) -}}
{{- fail "metrics.serviceMonitor.enabled: this cluster has no ServiceMonitor (monitoring.coreos.com/v1); install monitoring first" -}}
{{- end -}}
{{- if and .Values.backup.resourceSet (not (.Capabilities.APIVersions.Has "resources.cattle.io/v1/ResourceSet")) -}}
{{- fail "backup.resourceSet: this cluster has no ResourceSet (resources.cattle.io/v1); install rancher-backup first" -}}
{{- end -}}
{{- if and .Values.uiPlugin.enabled (not (.Capabilities.APIVersions.Has "catalog.cattle.io/v1/UIPlugin")) -}}
{{- fail "uiPlugin.enabled: this cluster has no UIPlugin (catalog.cattle.io/v1); it is for the cluster local of a Rancher server" -}}
{{- end -}}
{{- end -}}
