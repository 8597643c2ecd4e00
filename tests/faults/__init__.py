"""Whatever happens to broker, sidecar, network or disk: every message once, in order."""
