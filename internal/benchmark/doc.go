// Command benchmark measures what recording costs, side by side with what others
// cost, and writes docs/benchmarks.md. `make bench` runs it, as root.
//
// Everything that is compared is measured in turn, several times over, and the
// medians are compared: the machine may be noisy, and is so for all alike.
package main
