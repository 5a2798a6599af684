{{/* The pod of the Deployment or the StatefulSet */}}
{{- define "yunfu-exporter.pod" -}}
{{- $isSharded := gt (int .Values.shards) 1 -}}
{{- $webSecret := include "yunfu-exporter.webSecret" . -}}
metadata:
  labels:
    {{- toYaml (merge (include "yunfu-exporter.selector" . | fromYaml) .Values.podLabels .Values.commonLabels) | nindent 4 }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "yunfu-exporter.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  {{- with include "yunfu-exporter.pullSecrets" . }}
  imagePullSecrets:
    {{- . | trim | nindent 4 }}
  {{- end }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: exporter
      image: {{ include "yunfu-exporter.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - serve
        - --config=/etc/yunfu-exporter/config/yunfu.yaml
        - --auto_reload=true
        - --listen=:10042
        - --health_listen=:10043
        {{- if $webSecret }}
        - --web_config_file=/etc/yunfu-exporter/web/{{ empty .Values.web.existingSecret | ternary "web.yaml" .Values.web.existingSecretKey }}
        {{- end }}
        {{- if .Values.state.enabled }}
        - --state_file={{ include "yunfu-exporter.stateFolder" . }}/state.db
        {{- end }}
        {{- if and $isSharded .Values.existingConfig.secretName }}
        - --shard.ordinal=auto
        - --shard.total={{ .Values.shards }}
        {{- end }}
        {{- range .Values.extraArgs }}
        - {{ . | quote }}
        {{- end }}
      {{- if or $isSharded .Values.env }}
      env:
        {{- if $isSharded }}
        - name: POD_INDEX  # from Kubernetes 1.28 on; before, it is empty and the pod's name has it
          valueFrom:
            fieldRef:
              fieldPath: metadata.labels['apps.kubernetes.io/pod-index']
        {{- end }}
        {{- with .Values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
      {{- with .Values.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - {name: metrics, containerPort: 10042, protocol: TCP}
        - {name: health, containerPort: 10043, protocol: TCP}
      startupProbe:
        {{- include "yunfu-exporter.probe" (list "/healthz" .Values.startupProbe) | nindent 8 }}
      livenessProbe:
        {{- include "yunfu-exporter.probe" (list "/healthz" .Values.livenessProbe) | nindent 8 }}
      readinessProbe:
        {{- include "yunfu-exporter.probe" (list "/readyz" .Values.readinessProbe) | nindent 8 }}
      {{- with .Values.lifecycle }}
      lifecycle:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      volumeMounts:
        - {name: config, mountPath: /etc/yunfu-exporter/config, readOnly: true}
        {{- if include "yunfu-exporter.hasTokens" . }}
        - {name: tokens, mountPath: {{ include "yunfu-exporter.tokenFolder" . }}, readOnly: true}
        {{- end }}
        {{- if $webSecret }}
        - {name: web, mountPath: /etc/yunfu-exporter/web, readOnly: true}
        {{- end }}
        {{- if include "yunfu-exporter.certificateSecret" . }}
        - {name: tls, mountPath: /etc/yunfu-exporter/tls, readOnly: true}
        {{- end }}
        {{- if .Values.web.tls.clientCaSecretName }}
        - {name: client-ca, mountPath: /etc/yunfu-exporter/client-ca, readOnly: true}
        {{- end }}
        {{- if .Values.state.enabled }}
        - {name: state, mountPath: {{ include "yunfu-exporter.stateFolder" . }}}
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    - name: config
      {{- if .Values.existingConfig.secretName }}
      secret:
        secretName: {{ .Values.existingConfig.secretName }}
        defaultMode: 0440
        items: [{key: {{ .Values.existingConfig.key | quote }}, path: yunfu.yaml}]
      {{- else if include "yunfu-exporter.isSecret" . }}
      secret: {secretName: {{ include "yunfu-exporter.fullname" . }}-config, defaultMode: 0440}
      {{- else }}
      configMap: {name: {{ include "yunfu-exporter.fullname" . }}-config, defaultMode: 0440}
      {{- end }}
    {{- if include "yunfu-exporter.hasTokens" . }}
    - name: tokens
      projected:
        defaultMode: 0440
        sources:
          {{- range .Values.tokens.existingSecrets }}
          - secret:
              {{- toYaml . | nindent 14 }}
          {{- end }}
          {{- if .Values.tokens.values }}
          - secret: {name: {{ include "yunfu-exporter.fullname" . }}-tokens}
          {{- end }}
    {{- end }}
    {{- if $webSecret }}
    - name: web
      secret: {secretName: {{ $webSecret }}, defaultMode: 0440}
    {{- end }}
    {{- with include "yunfu-exporter.certificateSecret" . }}
    - name: tls
      secret: {secretName: {{ . }}, defaultMode: 0440}
    {{- end }}
    {{- with .Values.web.tls.clientCaSecretName }}
    - name: client-ca
      secret: {secretName: {{ . }}, defaultMode: 0440, items: [{key: ca.crt, path: ca.crt}]}
    {{- end }}
    {{- if and .Values.state.enabled (not (include "yunfu-exporter.isPersistent" .)) }}
    - name: state
      emptyDir: {}
    {{- else if and .Values.state.enabled (not $isSharded) }}
    - name: state
      persistentVolumeClaim: {claimName: {{ default (printf "%s-state" (include "yunfu-exporter.fullname" .)) .Values.state.persistence.existingClaim }}}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- range $key := list "nodeSelector" "tolerations" "affinity" "priorityClassName" "runtimeClassName" "dnsPolicy" "dnsConfig" "hostAliases" }}
  {{- with index $.Values $key }}
  {{ $key }}: {{ if kindIs "string" . }}{{ . }}{{ else }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- end }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    - {{- toYaml (merge (dict) . (dict "labelSelector" (dict "matchLabels" (include "yunfu-exporter.selector" $ | fromYaml)))) | nindent 6 }}
    {{- end }}
  {{- end }}
{{- end }}

{{- define "yunfu-exporter.probe" -}}
{{ toYaml (merge (dict "httpGet" (dict "path" (index . 0) "port" "health")) (index . 1)) }}
{{- end }}
