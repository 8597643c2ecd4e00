{{- /* It names Services, too, so no dots; and YAML must not take it for something else than a text. */}}
{{- define "dubhe.name" -}}
{{- if or (not (regexMatch "^[a-z]" .Release.Name)) (has .Release.Name (list "true" "false" "null" "yes" "no" "on" "off" "y" "n")) -}}
{{- fail (printf "the release's name is %s: it must begin with a letter, and be no word of YAML" (quote .Release.Name)) -}}
{{- end -}}
{{- regexReplaceAll "-+$" (.Release.Name | replace "." "-" | trunc 52) "" -}}
{{- end }}

{{- define "dubhe.selector" -}}
app.kubernetes.io/name: dubhe
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "dubhe.podLabels" -}}
{{ include "dubhe.selector" . }}
app.kubernetes.io/component: {{ .Values.workload }}
{{- end }}

{{- define "dubhe.labels" -}}
{{ include "dubhe.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- /* The third part of an instance id is the kind of task. */}}
{{- define "dubhe.instanceId" -}}
{{- if .Values.instanceId -}}
{{- .Values.instanceId -}}
{{- else -}}
{{- $kind := get (dict "train" "train" "evaluate" "forecast" "infer" "inference") .Values.workload -}}
{{- printf "%s-%s-%s-1" (replace "-" "_" .Release.Name) (replace "-" "_" .Release.Namespace) $kind -}}
{{- end -}}
{{- end }}

{{- /* A variable's value. Helm reads numbers as floats, and would write a million as 1e+06. */}}
{{- define "dubhe.value" -}}
{{- ternary . (toJson .) (kindIs "string" .) | quote -}}
{{- end }}

{{- define "dubhe.isTask" -}}
{{- if has .Values.workload (list "train" "evaluate") }}yes{{ end -}}
{{- end }}

{{- define "dubhe.isDistributed" -}}
{{- if and .Values.distributed.enabled (include "dubhe.isTask" .) }}yes{{ end -}}
{{- end }}

{{- define "dubhe.spoolClaim" -}}
{{- if .Values.spool.claim }}{{ .Values.spool.claim }}{{ else if .Values.spool.create }}{{ include "dubhe.name" . }}-spool{{ end -}}
{{- end }}

{{- define "dubhe.image" -}}
{{- required "image is empty: name the algorithm's image, as the cluster pulls it" .Values.image -}}
{{- end }}

{{- /* One value, the rest follows: what the container gives itself, the wait before, and a margin. */}}
{{- define "dubhe.grace" -}}
{{- $wait := ternary (int .Values.preStopSeconds) 0 (eq .Values.workload "infer") -}}
{{- add (int .Values.shutdownSeconds) $wait 1 -}}
{{- end }}

{{- define "dubhe.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .Values.user }}
runAsGroup: {{ .Values.user }}
fsGroup: {{ .Values.user }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "dubhe.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
