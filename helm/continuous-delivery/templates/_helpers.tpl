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

{{/* Not empty where the state is on a volume, which only the embedded engine has. */}}
{{- define "continuous-delivery.onVolume" -}}
{{- if and (eq .Values.engine "embedded") (not .Values.database.secret) -}}true{{- end -}}
{{- end -}}

{{/* How many pods: one where a volume holds the state, two where a database or Kubernetes does. */}}
{{- define "continuous-delivery.replicas" -}}
{{- if kindIs "invalid" .Values.replicas -}}
{{- ternary 1 2 (ne (include "continuous-delivery.onVolume" .) "") -}}
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

{{/* Objects that belong to no namespace have that of the release in their name. */}}
{{- define "continuous-delivery.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "continuous-delivery.name" .) -}}
{{- end -}}

{{/* Not empty where the callers are Rancher's and Kubernetes' users. */}}
{{- define "continuous-delivery.inside" -}}
{{- if or .Values.rancher.enabled .Values.apiService.enabled -}}true{{- end -}}
{{- end -}}

{{/* Where Rancher is: as its installation page says, where nobody says otherwise. */}}
{{- define "continuous-delivery.rancherURL" -}}
{{- .Values.rancher.url | default (dig "cattle" "url" "" .Values.global) -}}
{{- end -}}

{{/* The service account, as a subject of a binding. */}}
{{- define "continuous-delivery.subject" -}}
- kind: ServiceAccount
  name: {{ include "continuous-delivery.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{/* All whom Rancher has signed in, as a subject. */}}
{{- define "continuous-delivery.everybody" -}}
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:cattle:authenticated"}
{{- end -}}
