// Sender is a process that sends as it is told: see send.Child. It is a program
// of its own so that it can be built for 32-bit system calls.
package main

import "unixcap/internal/conformance/send"

func main() { send.BeChild() }
