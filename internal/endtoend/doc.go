// Package endtoend tests the two programs as their users run them, on real
// servers and clients, against what those say of themselves and against
// Wireshark's tools. It has tests only.
package endtoend
