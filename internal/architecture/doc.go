// Package architecture has only tests. They hold the repository to the rules
// of who may import whom, which CONTRIBUTING.md explains.
package architecture
