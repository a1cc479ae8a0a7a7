// Command server is a MySQL server in memory, for a machine that has none.
// It ends on a signal.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/sirupsen/logrus"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: server SOCKET")
		os.Exit(2)
	}
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func serve(socket string) error {
	logrus.SetLevel(logrus.ErrorLevel)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	databases := memory.NewDBProvider()
	s, err := server.NewServer(server.Config{Listener: listener, Version: "8.0.33-demo"},
		sqle.NewDefault(databases), sql.NewContext, memory.NewSessionBuilder(databases), nil)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { s.Close() })
	return s.Start()
}
