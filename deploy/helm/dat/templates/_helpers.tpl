{{- define "dat.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/*
The release's name is the default: a volume claim that was renamed would be a new, empty volume. Kubernetes puts the name
of a StatefulSet and a hash of ten characters into one label, and a label has at most 63.
*/}}
{{- define "dat.fullname" -}}
{{ .Values.fullnameOverride | default .Release.Name | trunc (ternary 52 57 .Values.cluster.enabled) | trimSuffix "-" }}
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
