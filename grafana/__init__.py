"""The dashboards as code: ``python -m grafana.build`` writes them, in English and Chinese, to ``grafana/dashboards``."""
