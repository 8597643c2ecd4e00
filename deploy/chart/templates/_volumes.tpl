{{- define "dubhe.kafkaMount" -}}
{{- if and .Values.kafka.brokers .Values.kafka.secret }}
- {name: kafka, mountPath: /secrets/kafka, readOnly: true}
{{- end }}
{{- end }}

{{- define "dubhe.kafkaVolume" -}}
{{- if and .Values.kafka.brokers .Values.kafka.secret }}
- name: kafka
  secret: {secretName: {{ .Values.kafka.secret | quote }}, defaultMode: 0440}
{{- end }}
{{- end }}

{{- define "dubhe.spoolMount" -}}
- name: spool
  mountPath: /spool
  {{- with .Values.spool.subPath }}
  subPath: {{ . | quote }}
  {{- end }}
{{- end }}

{{- define "dubhe.spoolVolume" -}}
- name: spool
  {{- if include "dubhe.spoolClaim" . }}
  persistentVolumeClaim: {claimName: {{ include "dubhe.spoolClaim" . | quote }}}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- end }}

{{- define "dubhe.mounts" -}}
{{- $output := printf "%s/output" (trimSuffix "/" .Values.workdir) -}}
{{- $isOnClaim := false -}}
- {name: temporary, mountPath: /temporary}
- {name: tmp, mountPath: /tmp}
- {name: shm, mountPath: /dev/shm}
{{ include "dubhe.spoolMount" . }}
{{- include "dubhe.kafkaMount" . }}
{{- if include "dubhe.isTask" . }}
- {name: request, mountPath: /etc/dubhe, readOnly: true}
{{- end }}
{{- range .Values.claims }}
{{- if eq (trimSuffix "/" .path) $output }}{{ $isOnClaim = true }}{{ end }}
- name: {{ printf "claim-%s" .claim | replace "." "-" | trunc 63 | trimSuffix "-" }}
  mountPath: {{ .path | quote }}
  {{- with .subPath }}
  subPath: {{ . | quote }}
  {{- end }}
  {{- if .readOnly }}
  readOnly: true
  {{- end }}
{{- end }}
{{- if not $isOnClaim }}
- {name: output, mountPath: {{ $output | quote }}}
{{- end }}
{{- with .Values.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "dubhe.volumes" -}}
- {name: temporary, emptyDir: {}}
- {name: tmp, emptyDir: {}}
- {name: output, emptyDir: {}}
- name: shm
  emptyDir: {medium: Memory, sizeLimit: {{ .Values.shmSize }}}
{{ include "dubhe.spoolVolume" . }}
{{- include "dubhe.kafkaVolume" . }}
{{- if include "dubhe.isTask" . }}
- name: request
  configMap: {name: {{ include "dubhe.name" . }}-request}
{{- end }}
{{- $names := list -}}
{{- range .Values.claims }}
{{- if not (has .claim $names) }}
{{- $names = append $names .claim }}
- name: {{ printf "claim-%s" .claim | replace "." "-" | trunc 63 | trimSuffix "-" }}
  persistentVolumeClaim: {claimName: {{ .claim | quote }}}
{{- end }}
{{- end }}
{{- with .Values.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
