//! HTTP for clients of Open Connectors' API.
