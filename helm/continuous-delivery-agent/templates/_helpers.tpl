{{/* The name of every object: the release's, with the chart's where that is not in it. */}}
{{- define "continuous-delivery-agent.name" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "continuous-delivery-agent.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "continuous-delivery-agent.labels" -}}
{{ include "continuous-delivery-agent.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "continuous-delivery-agent.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "continuous-delivery-agent.name" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "continuous-delivery-agent.image" -}}
{{- $registry := .Values.global.cattle.systemDefaultRegistry | default .Values.global.systemDefaultRegistry | trimSuffix "/" -}}
{{- with $registry }}{{ . }}/{{ end }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* Cluster-wide names, of which two releases may want one. */}}
{{- define "continuous-delivery-agent.wide" -}}
{{- printf "%s-%s" .Release.Namespace (include "continuous-delivery-agent.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "continuous-delivery-agent.priorityClass" -}}
{{- if .Values.fleetAgent.schedulingCustomization.priorityClass -}}
{{- include "continuous-delivery-agent.wide" . -}}
{{- else -}}
{{- .Values.fleetAgent.priorityClassName -}}
{{- end -}}
{{- end -}}

{{/* Secrets for the registry, from both places, as names or as objects with one; as JSON, each once. */}}
{{- define "continuous-delivery-agent.pullSecrets" -}}
{{- $names := list -}}
{{- range concat .Values.global.imagePullSecrets .Values.global.cattle.imagePullSecrets -}}
{{- $names = append $names (ternary . (get (ternary (dict) . (kindIs "string" .)) "name") (kindIs "string" .)) -}}
{{- end -}}
{{- $names | uniq | toJson -}}
{{- end -}}

{{/* What a schema can't say in words that help. */}}
{{- define "continuous-delivery-agent.check" -}}
{{- $hint := "take the values of a ClusterRegistrationToken: POST .../<workspace>/<token>?action=values" -}}
{{- if not .Values.apiServerURL -}}
{{- fail (printf "apiServerURL: the agent needs the service's URL; %s" $hint) -}}
{{- end -}}
{{- if and (not .Values.token) (not .Values.tokenSecret) -}}
{{- fail (printf "token: the agent registers with a token; %s" $hint) -}}
{{- end -}}
{{- if and .Values.token .Values.tokenSecret -}}
{{- fail "tokenSecret: name a Secret or give a token, not both" -}}
{{- end -}}
{{- with .Values.fleetAgent.schedulingCustomization.podDisruptionBudget -}}
{{- if and .minAvailable .maxUnavailable -}}
{{- fail "fleetAgent.schedulingCustomization.podDisruptionBudget: give minAvailable or maxUnavailable, not both" -}}
{{- end -}}
{{- end -}}
{{- end -}}
