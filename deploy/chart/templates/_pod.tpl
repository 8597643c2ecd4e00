{{- /* What all pods have in common; whoever includes it adds `containers` and `volumes`. */}}
{{- define "dubhe.podMetadata" -}}
labels:
  {{- include "dubhe.podLabels" . | nindent 2 }}
  {{- with .Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "dubhe.podCommon" -}}
terminationGracePeriodSeconds: {{ include "dubhe.grace" . }}
automountServiceAccountToken: false
# A Service called dubhe-metrics would set DUBHE_METRICS_PORT.
enableServiceLinks: false
securityContext:
  {{- include "dubhe.podSecurity" . | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podSpec }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "dubhe.algorithm" -}}
name: algorithm
image: {{ include "dubhe.image" . | quote }}
imagePullPolicy: {{ .Values.imagePullPolicy }}
env:
  {{- include "dubhe.environment" . | trim | nindent 2 }}
{{- with .Values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - {name: service, containerPort: 8030}
  {{- if .Values.metrics.enabled }}
  - {name: metrics, containerPort: {{ .Values.metrics.port }}}
  {{- end }}
{{- $limits := deepCopy (.Values.resources.limits | default dict) }}
{{- if .Values.gpus }}
{{- $_ := set $limits .Values.gpuResource (.Values.gpus | toString) }}
{{- end }}
resources:
  {{- toYaml (mergeOverwrite (deepCopy .Values.resources) (dict "limits" $limits)) | nindent 2 }}
securityContext:
  {{- include "dubhe.containerSecurity" . | nindent 2 }}
volumeMounts:
  {{- include "dubhe.mounts" . | nindent 2 }}
{{- end }}
