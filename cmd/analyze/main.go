// Command analyze reads what record wrote and tells who said what to whom,
// what was answered, and how long it took.
package main

import "os"

func main() { os.Exit(run(os.Args[1:])) }
