"""Stands in for the settings of metrics-service, which configure dispatcherd with a file."""

from apps.tasks.dispatcherd_config import ensure_configured

ensure_configured()
