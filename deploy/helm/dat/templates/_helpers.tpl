{{- define "dat.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The release's name is the default: a volume claim that was renamed would be a new, empty volume. */}}
{{- define "dat.fullname" -}}
{{ .Values.fullnameOverride | default .Release.Name | trunc 57 | trimSuffix "-" }}
{{- end }}

{{- define "dat.labels" -}}
{{ include "dat.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "dat.selector" -}}
app.kubernetes.io/name: {{ include "dat.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "dat.scheme" -}}
{{ if .Values.tlsSecret }}HTTPS{{ else }}HTTP{{ end }}
{{- end }}
