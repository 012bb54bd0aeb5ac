{{/* The variables of the service. HOME, the address and the state folder are those of the image. */}}
{{- define "continuous-delivery.env" -}}
- name: RANCHER_CD_SERVICE_ACCOUNT_DIR
  value: /var/run/secrets/kubernetes.io/serviceaccount
- name: RANCHER_CD_WITHOUT_TOKEN # a token does not belong into a pod's log
  value: "true"
{{- if eq .Values.engine "embedded" }}
- name: RANCHER_CD_SERVER_URL
  value: {{ include "continuous-delivery.url" . | quote }}
{{- end }}
{{- if .Values.rancher.enabled }}
- name: RANCHER_CD_RANCHER_URL
  value: {{ include "continuous-delivery.rancherURL" . | quote }}
{{- if .Values.rancher.caSecret }}
- name: RANCHER_CD_RANCHER_CA
  value: /etc/rancher-cd/rancher-ca/ca.crt
{{- end }}
{{- end }}
{{- if .Values.apiService.enabled }}
- name: RANCHER_CD_API_SERVICE
  value: {{ printf "%s/%s" .Release.Namespace (include "continuous-delivery.name" .) | quote }}
- name: RANCHER_CD_TLS_PORT
  value: {{ int .Values.apiService.port | quote }}
{{- end }}
{{- with .Values.database.secret }}
- name: RANCHER_CD_DATABASE_URL
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: {{ $.Values.database.key }}}
{{- end }}
{{- if .Values.additionalCASecret }}
- name: RANCHER_CD_ADDITIONAL_CA
  value: /etc/rancher-cd/additional-ca/ca.crt
{{- end }}
{{- if .Values.serverCASecret }}
- name: RANCHER_CD_SERVER_CA
  value: /etc/rancher-cd/server-ca/ca.crt
{{- end }}
{{- with .Values.proxy }}
- name: HTTP_PROXY
  value: {{ . | quote }}
- name: HTTPS_PROXY
  value: {{ . | quote }}
- name: NO_PROXY # the API server is never behind the proxy, whatever the cluster's networks are
  value: {{ printf "$(KUBERNETES_SERVICE_HOST),%s" $.Values.noProxy | trimSuffix "," | quote }}
{{- end }}
{{- if .Values.ingress.enabled }}
- name: FORWARDED_ALLOW_IPS # whose X-Forwarded-Proto counts, so that links say https
  value: {{ .Values.ingress.trustedProxies | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}
