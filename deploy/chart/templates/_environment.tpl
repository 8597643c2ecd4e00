{{- /* Access to Kafka: of the algorithm's pods, and of the one that delivers. */}}
{{- define "dubhe.kafkaEnvironment" -}}
{{- with .Values.kafka -}}
{{- if .brokers }}
- {name: BOOTSTRAP_SERVERS, value: {{ .brokers | quote }}}
- {name: TOPIC_MODEL_STATUS, value: {{ .statusTopic | quote }}}
- {name: TOPIC_MODEL_RESULT, value: {{ .resultTopic | quote }}}
- {name: KAFKA_SECURITY_PROTOCOL, value: {{ .securityProtocol | quote }}}
{{- with .saslMechanism }}
- {name: KAFKA_SASL_MECHANISM, value: {{ . | quote }}}
{{- end }}
{{- with .username }}
- {name: KAFKA_SASL_USERNAME, value: {{ . | quote }}}
{{- end }}
{{- $variables := dict "password" "KAFKA_SASL_PASSWORD_FILE" "ca" "KAFKA_SSL_CAFILE" "certificate" "KAFKA_SSL_CERTFILE" "key" "KAFKA_SSL_KEYFILE" "keyPassword" "KAFKA_SSL_KEY_PASSWORD_FILE" }}
{{- range $name, $variable := $variables }}
{{- with get $.Values.kafka.keys $name }}
- {name: {{ $variable }}, value: {{ printf "/secrets/kafka/%s" . | quote }}}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
- {name: DUBHE_TEMPORARY, value: /temporary}
- {name: DUBHE_SPOOL_DIR, value: /spool}
{{- end }}

{{- define "dubhe.ownEnvironment" -}}
{{- if .Values.kafka.brokers }}
- {name: PLATFORM_TYPE, value: "1"}
{{- end }}
- {name: INSTANCE_ID, value: {{ include "dubhe.instanceId" . | quote }}}
- {name: PORT, value: "8030"}
- {name: protocol, value: {{ .Values.protocol }}}
{{- include "dubhe.kafkaEnvironment" . }}
- {name: DUBHE_SHUTDOWN_TIMEOUT_SECONDS, value: {{ .Values.shutdownSeconds | quote }}}
{{- with .Values.spool.drainSeconds }}
- {name: DUBHE_DRAIN_TIMEOUT_SECONDS, value: {{ . | quote }}}
{{- end }}
{{- if include "dubhe.isTask" . }}
- {name: DUBHE_REQUEST, value: /etc/dubhe/request.json}
- {name: DUBHE_ONCE, value: "1"}
{{- end }}
{{- with .Values.params }}
- {name: special_params, value: {{ toJson . | quote }}}
{{- end }}
{{- with .Values.modelPath }}
- {name: model_path, value: {{ . | quote }}}
{{- end }}
{{- if .Values.gpus }}
- {name: CUDA_VISIBLE_DEVICES, value: {{ untilStep 0 (int .Values.gpus) 1 | join "," | quote }}}
{{- end }}
{{- if .Values.metrics.enabled }}
- {name: DUBHE_METRICS_PORT, value: {{ .Values.metrics.port | quote }}}
- {name: DUBHE_METRICS_HOST, value: 0.0.0.0}
{{- end }}
{{- if include "dubhe.isDistributed" . }}
{{- /* torchrun takes its options from PET_…; the other nodes have no service that sets home and user. */}}
- {name: HOME, value: /tmp}
- {name: USER, value: algorithm}
- {name: PET_NNODES, value: {{ .Values.distributed.nodes | quote }}}
- {name: PET_NPROC_PER_NODE, value: {{ .Values.distributed.processesPerNode | quote }}}
- name: PET_NODE_RANK
  valueFrom: {fieldRef: {fieldPath: "metadata.annotations['batch.kubernetes.io/job-completion-index']"}}
- {name: PET_MASTER_ADDR, value: {{ printf "%s-0.%s" (include "dubhe.name" .) (include "dubhe.name" .) | quote }}}
- {name: PET_MASTER_PORT, value: {{ .Values.distributed.port | quote }}}
- {name: PET_RDZV_CONF, value: {{ printf "timeout=%d" (int .Values.startupSeconds) | quote }}}
{{- end }}
{{- end }}

{{- /* `env` takes precedence; the API server refuses a name that is there twice. */}}
{{- define "dubhe.environment" -}}
{{- range fromYamlArray (include "dubhe.ownEnvironment" .) }}
{{- if not (hasKey $.Values.env .name) }}
- {{ toYaml . | nindent 2 | trim }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.env }}
- name: {{ $name | quote }}
  value: {{ include "dubhe.value" $value }}
{{- end }}
{{- end }}
