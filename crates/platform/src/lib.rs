//! What every process needs: start-up, configuration, telemetry, lifecycle, health, HTTP, retry, clock, secrets.
