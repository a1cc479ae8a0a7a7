// Command benchmark measures what recording and analysing cost, side by side with
// what others cost, and writes docs/benchmarks.md. `make bench` runs it, as root;
// with -analyze it measures analysing only.
//
// Everything that is compared is measured in turn, several times over, and the
// medians are compared: the machine may be noisy, and is so for all alike.
package main
