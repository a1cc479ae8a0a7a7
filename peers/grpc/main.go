// Command grpc is a server and a client of grpc-go on a UNIX socket, for the tests.
// They speak the service of gRPC's interoperability tests. The server writes down
// what it was asked and what it answered, a line of JSON for each call.
package main

import (
	"fmt"
	"os"
)

func main() {
	var err error
	switch {
	case len(os.Args) == 4 && os.Args[1] == "server":
		err = serve(os.Args[2], os.Args[3])
	case len(os.Args) == 3 && os.Args[1] == "client":
		err = talk(os.Args[2])
	default:
		fmt.Fprintln(os.Stderr, "usage: grpc server SOCKET RECORD | grpc client SOCKET")
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "grpc:", err)
		os.Exit(1)
	}
}
