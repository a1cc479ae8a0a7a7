// Command server is a MySQL server in memory, for a machine that has none.
// It ends on a signal. With a second name it writes down there what it is asked
// and what it answers.
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
	"github.com/dolthub/vitess/go/mysql"
	"github.com/sirupsen/logrus"
)

func main() {
	if len(os.Args) != 2 && len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: server SOCKET [RECORD]")
		os.Exit(2)
	}
	if err := serve(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func serve(socket string, record []string) error {
	logrus.SetLevel(logrus.ErrorLevel)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	wrap := func(h mysql.Handler) (mysql.Handler, error) { return h, nil }
	if len(record) > 0 {
		file, err := os.Create(record[0])
		if err != nil {
			return err
		}
		defer file.Close()
		wrap = func(h mysql.Handler) (mysql.Handler, error) { return &recorder{Handler: h, file: file}, nil }
	}
	databases := memory.NewDBProvider()
	s, err := server.NewServerWithHandler(server.Config{Listener: listener, Version: "8.0.33-demo"},
		sqle.NewDefault(databases), sql.NewContext, memory.NewSessionBuilder(databases), nil, wrap)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { s.Close() })
	return s.Start()
}
