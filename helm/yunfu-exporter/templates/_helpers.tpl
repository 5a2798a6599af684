{{/* Names and labels */}}

{{- define "yunfu-exporter.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "yunfu-exporter.fullname" -}}
{{- $name := include "yunfu-exporter.name" . -}}
{{ default (contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name)) .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "yunfu-exporter.serviceAccountName" -}}
{{ default (.Values.serviceAccount.create | ternary (include "yunfu-exporter.fullname" .) "default") .Values.serviceAccount.name }}
{{- end }}

{{- define "yunfu-exporter.identity" -}}
app.kubernetes.io/name: {{ include "yunfu-exporter.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "yunfu-exporter.selector" -}}
{{ include "yunfu-exporter.identity" . }}
app.kubernetes.io/component: exporter
{{- end }}

{{/* Labels of an object that is no pod, without its component. */}}
{{- define "yunfu-exporter.labels" -}}
{{ include "yunfu-exporter.identity" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/*
The metadata of an object, of a list: the root, the suffix of its name, its component, and a dict that may have
labels, annotations and a separate namespace. No label of the values replaces one of the chart's, by which things are selected.
*/}}
{{- define "yunfu-exporter.metadata" -}}
{{- $root := index . 0 -}}
{{- $own := index . 3 -}}
name: {{ include "yunfu-exporter.fullname" $root }}{{ index . 1 }}
namespace: {{ default $root.Release.Namespace $own.namespace }}
labels:
  {{- $labels := merge (include "yunfu-exporter.labels" $root | fromYaml) (dict "app.kubernetes.io/component" (index . 2)) }}
  {{- toYaml (merge $labels (default (dict) $own.labels) $root.Values.commonLabels) | nindent 2 }}
{{- with merge (dict) (default (dict) $own.annotations) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "yunfu-exporter.image" -}}
{{- $image := .Values.image -}}
{{- with default $image.registry .Values.global.imageRegistry }}{{ . }}/{{ end -}}
{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default .Chart.AppVersion $image.tag }}{{ end }}
{{- end }}

{{/* Secrets for the registry. The global ones are other charts' too, some of which take names. */}}
{{- define "yunfu-exporter.pullSecrets" -}}
{{- range concat .Values.global.imagePullSecrets .Values.image.pullSecrets }}
- {{ kindIs "string" . | ternary (dict "name" .) . | toJson }}
{{- end }}
{{- end }}

{{/*
The API of the operator that has the monitor and the rules. Of two operators Prometheus' it is, since VictoriaMetrics'
converts its kinds: with both there would be all targets and alerts twice.
*/}}
{{- define "yunfu-exporter.operatorApi" -}}
{{- $prometheus := "monitoring.coreos.com/v1" -}}
{{- $victoria := "operator.victoriametrics.com/v1beta1" -}}
{{- if eq .Values.monitoringOperator "auto" -}}
{{ and (.Capabilities.APIVersions.Has $victoria) (not (.Capabilities.APIVersions.Has $prometheus)) | ternary $victoria $prometheus }}
{{- else -}}
{{ eq .Values.monitoringOperator "prometheus" | ternary $prometheus $victoria }}
{{- end -}}
{{- end }}

{{/* What depends on the cluster: true or nothing for true, false and auto. Takes the root and the value. */}}
{{- define "yunfu-exporter.isOn" -}}
{{- $root := index . 0 -}}
{{- if eq (toString (index . 1)) "auto" -}}
{{- if $root.Capabilities.APIVersions.Has (include "yunfu-exporter.operatorApi" $root) }}true{{ end -}}
{{- else if index . 1 }}true{{ end -}}
{{- end }}

{{/* Nothing for Prometheus' operator, true for VictoriaMetrics'. */}}
{{- define "yunfu-exporter.isVictoria" -}}
{{- if hasPrefix "operator.victoriametrics.com" (include "yunfu-exporter.operatorApi" .) }}true{{ end -}}
{{- end }}

{{/* What the operator calls the monitor. */}}
{{- define "yunfu-exporter.monitorKind" -}}
{{- $service := eq .Values.monitor.kind "ServiceMonitor" -}}
{{- if include "yunfu-exporter.isVictoria" . }}{{ $service | ternary "VMServiceScrape" "VMPodScrape" }}{{ else }}{{ .Values.monitor.kind }}{{ end -}}
{{- end }}

{{/* The exporter's configuration */}}

{{- define "yunfu-exporter.tokenFolder" }}/run/secrets/yunfu{{ end }}

{{- define "yunfu-exporter.hasTokens" -}}
{{- if or .Values.tokens.existingSecrets .Values.tokens.values }}true{{ end -}}
{{- end }}

{{- define "yunfu-exporter.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- if not $config.accounts -}}
{{- if not (or .Values.env .Values.envFrom) -}}
{{- fail "config.accounts is empty: give an account there, a whole configuration by existingConfig.secretName, or one account by YUNFU_ variables in env or envFrom" -}}
{{- end -}}
{{- $_ := unset $config "accounts" -}}
{{- end -}}
{{- range $account := $config.accounts -}}
{{- if not (or $account.token $account.token_file) -}}
{{- if not (include "yunfu-exporter.hasTokens" $) -}}
{{- fail (printf "account %q has no token: put it into a Secret under the account's name and name that in tokens.existingSecrets, or give token_file or token" $account.name) -}}
{{- end -}}
{{- if not (regexMatch "^[-._a-zA-Z0-9]+$" $account.name) -}}
{{- fail (printf "account %q: a Secret has no key of that name; give the account a token_file, such as %s/KEY" $account.name (include "yunfu-exporter.tokenFolder" $)) -}}
{{- end -}}
{{- $_ := set $account "token_file" (printf "%s/%s" (include "yunfu-exporter.tokenFolder" $) $account.name) -}}
{{- end -}}
{{- end -}}
{{- range $name, $_ := .Values.tokens.values -}}
{{- $path := printf "%s/%s" (include "yunfu-exporter.tokenFolder" $) $name -}}
{{- $users := list -}}
{{- range $config.accounts -}}{{- if eq (toString .token_file) $path -}}{{- $users = append $users .name -}}{{- end -}}{{- end -}}
{{- if not $users -}}
{{- fail (printf "tokens.values.%s: no account reads it; expected the name of an account that has no token and no token_file" $name) -}}
{{- end -}}
{{- end -}}
{{- if gt (int .Values.shards) 1 -}}
{{- $_ := set $config "shard" (dict "ordinal" "auto" "total" (int .Values.shards)) -}}
{{- end -}}
{{ toYaml $config }}
{{- end }}

{{/* True if the configuration must be a Secret. */}}
{{- define "yunfu-exporter.isSecret" -}}
{{- range .Values.config.accounts -}}
{{- if or .token (contains "@" (default "" .proxy)) }}true{{ end -}}
{{- end -}}
{{- end }}

{{/* The web configuration of the main port */}}

{{- define "yunfu-exporter.certificateSecret" -}}
{{- if .Values.web.certManager.enabled }}{{ include "yunfu-exporter.fullname" . }}-tls{{ else }}{{ .Values.web.tls.secretName }}{{ end -}}
{{- end }}

{{- define "yunfu-exporter.hasTls" -}}
{{- if .Values.web.existingSecret }}{{ if .Values.web.existingSecretHasTls }}true{{ end }}
{{- else if include "yunfu-exporter.certificateSecret" . }}true{{ end -}}
{{- end }}

{{/* The chart's own web configuration; empty if there is none. */}}
{{- define "yunfu-exporter.webConfig" -}}
{{- $web := .Values.web -}}
{{- $config := deepCopy $web.extraConfig -}}
{{- $certificate := include "yunfu-exporter.certificateSecret" . -}}
{{- if and $web.certManager.enabled $web.tls.secretName -}}
{{- fail "web.tls.secretName and web.certManager.enabled: both give a certificate; expected one of them" -}}
{{- end -}}
{{- if and $web.existingSecret (or $certificate $web.basicAuthUsers $web.extraConfig $web.tls.clientCaSecretName) -}}
{{- fail "web.existingSecret is a whole web configuration; expected it alone, without web.tls, web.certManager, web.basicAuthUsers and web.extraConfig" -}}
{{- end -}}
{{- if and $web.tls.clientCaSecretName (not $certificate) -}}
{{- fail "web.tls.clientCaSecretName: clients show certificates under TLS only; give web.tls.secretName or web.certManager too" -}}
{{- end -}}
{{- if $certificate -}}
{{- $tls := dict "cert_file" "/etc/yunfu-exporter/tls/tls.crt" "key_file" "/etc/yunfu-exporter/tls/tls.key" "min_version" $web.tls.minVersion -}}
{{- if $web.tls.clientCaSecretName -}}
{{- $tls = merge $tls (dict "client_auth_type" "RequireAndVerifyClientCert" "client_ca_file" "/etc/yunfu-exporter/client-ca/ca.crt") -}}
{{- end -}}
{{- $_ := set $config "tls_server_config" $tls -}}
{{- end -}}
{{- with $web.basicAuthUsers }}{{ $_ := set $config "basic_auth_users" . }}{{ end -}}
{{- if $config }}{{ toYaml $config }}{{ end -}}
{{- end }}

{{- define "yunfu-exporter.webSecret" -}}
{{- $config := include "yunfu-exporter.webConfig" . -}}
{{- if .Values.web.existingSecret }}{{ .Values.web.existingSecret }}
{{- else if $config }}{{ include "yunfu-exporter.fullname" . }}-web{{ end -}}
{{- end }}

{{/* The state file */}}

{{- define "yunfu-exporter.stateFolder" }}/var/lib/yunfu-exporter{{ end }}

{{/* True if a state file is to outlive its pod. */}}
{{- define "yunfu-exporter.isPersistent" -}}
{{- if and .Values.state.enabled .Values.state.persistence.enabled }}true{{ end -}}
{{- end }}

{{- define "yunfu-exporter.claim" -}}
{{- with .Values.state.persistence -}}
accessModes: {{ toJson .accessModes }}
{{- with .storageClass }}
storageClassName: {{ . | quote }}
{{- end }}
resources:
  requests: {storage: {{ .size }}}
{{- end }}
{{- end }}
