// Package monitor shows how a recording goes: closing lines, a status line on a
// terminal, and metrics for Prometheus.
package monitor
