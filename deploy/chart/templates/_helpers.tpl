{{- define "gateway.selector" -}}
app.kubernetes.io/name: gateway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gateway.labels" -}}
{{ include "gateway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "gateway.name" -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* Not empty if there may be more than one pod. */}}
{{- define "gateway.several" -}}
{{- if .Values.autoscaling.enabled }}{{ if gt (int .Values.autoscaling.maxReplicas) 1 }}yes{{ end }}
{{- else if gt (int .Values.replicas) 1 }}yes{{ end }}
{{- end }}

{{/* The names of limits and budgets that are set, in the settings or by variables. */}}
{{- define "gateway.limits" -}}
{{- $settings := fromToml .Values.settings }}
{{- with $settings.Error }}{{ fail (printf "settings is no TOML: %s" .) }}{{ end }}
{{- $counted := list "rpm" "tpm" "concurrency" }}
{{- $tables := dict "limits" ($settings.limits | default dict) }}
{{- range $kind := list "keys" "plans" }}
{{- range $name, $table := (get $settings $kind | default dict) }}
{{- $_ := set $tables (printf "%s.%s" $kind $name) $table }}
{{- end }}
{{- end }}
{{- range $name, $table := $tables }}
{{- range $key := append $counted "budget" }}
{{- if hasKey $table $key }}{{ printf "%s.%s " $name $key }}{{ end }}
{{- end }}
{{- end }}
{{- $variables := keys .Values.env }}
{{- range .Values.secrets }}{{ $variables = append $variables .variable }}{{ end }}
{{- range $key := $counted }}
{{- $variable := printf "GATEWAY_LIMITS_%s" (upper $key) }}
{{- if or (has $variable $variables) (has (printf "%s_FILE" $variable) $variables) }}{{ printf "%s " $variable }}{{ end }}
{{- end }}
{{- end }}

{{/* Not empty if replicas count together. */}}
{{- define "gateway.shared" -}}
{{- $state := (fromToml .Values.settings).state | default dict }}
{{- or .Values.state.url .Values.state.secret.name (get $state "url") (get .Values.env "GATEWAY_STATE_URL") }}
{{- end }}
