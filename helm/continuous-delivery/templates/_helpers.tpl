{{/* The name of every object: the release's, with the chart's where that is not in it. */}}
{{- define "continuous-delivery.name" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "continuous-delivery.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "continuous-delivery.labels" -}}
{{ include "continuous-delivery.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "continuous-delivery.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "continuous-delivery.name" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* The private registry that Rancher names in either place, then the repository and the tag. */}}
{{- define "continuous-delivery.image" -}}
{{- $registry := .Values.global.cattle.systemDefaultRegistry | default .Values.global.systemDefaultRegistry | trimSuffix "/" -}}
{{- with $registry }}{{ . }}/{{ end }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* Secrets for the registry, from both places, as names or as objects with one; as JSON, each once. */}}
{{- define "continuous-delivery.pullSecrets" -}}
{{- $names := list -}}
{{- range concat .Values.global.imagePullSecrets .Values.global.cattle.imagePullSecrets -}}
{{- $names = append $names (ternary . (get (ternary (dict) . (kindIs "string" .)) "name") (kindIs "string" .)) -}}
{{- end -}}
{{- $names | uniq | toJson -}}
{{- end -}}

{{/* How many pods: two where a database holds the state, one where a volume does. */}}
{{- define "continuous-delivery.replicas" -}}
{{- if kindIs "invalid" .Values.replicas -}}
{{- ternary 2 1 (ne .Values.database.secret "") -}}
{{- else -}}
{{- int .Values.replicas -}}
{{- end -}}
{{- end -}}

{{/* Where agents of other clusters reach the service. */}}
{{- define "continuous-delivery.url" -}}
{{- if .Values.serverURL -}}
{{- .Values.serverURL -}}
{{- else if .Values.ingress.enabled -}}
https://{{ .Values.ingress.host }}
{{- else -}}
http://{{ include "continuous-delivery.name" . }}.{{ .Release.Namespace }}.svc:{{ int .Values.service.port }}
{{- end -}}
{{- end -}}

{{- define "continuous-delivery.keySecret" -}}
{{- .Values.keySecret | default (printf "%s-key" (include "continuous-delivery.name" .)) -}}
{{- end -}}

{{/* What a schema can't say, or not in words: values that contradict each other, and what is no URL. */}}
{{- define "continuous-delivery.check" -}}
{{- range $where, $url := dict "proxy" .Values.proxy "serverURL" .Values.serverURL -}}
{{- if not (regexMatch "^(https?://[^/\\s]+\\S*)?$" $url) -}}
{{- fail (printf "%s: %q is not a URL; write it as https://HOST:PORT" $where $url) -}}
{{- end -}}
{{- end -}}
{{- if and (not .Values.database.secret) (gt (int (include "continuous-delivery.replicas" .)) 1) -}}
{{- fail (printf "replicas: %d pods can't share a store on a volume; name the Secret of a PostgreSQL database in database.secret, or take 1" (int .Values.replicas)) -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) -}}
{{- fail "ingress.host: an Ingress needs the host name at which people and agents reach the service" -}}
{{- end -}}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.serviceMonitor.tokenSecret) -}}
{{- fail "metrics.serviceMonitor.tokenSecret: metrics are read with a token; make one with `rancher-cd token create prometheus --role '*=read-only'` and name the Secret that holds it" -}}
{{- end -}}
{{- if and .Values.metrics.serviceMonitor.enabled (not (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor")) -}}
{{- fail "metrics.serviceMonitor.enabled: this cluster has no ServiceMonitor (monitoring.coreos.com/v1); install monitoring first" -}}
{{- end -}}
{{- if and .Values.backup.resourceSet (not (.Capabilities.APIVersions.Has "resources.cattle.io/v1/ResourceSet")) -}}
{{- fail "backup.resourceSet: this cluster has no ResourceSet (resources.cattle.io/v1); install rancher-backup first" -}}
{{- end -}}
{{- end -}}
