// Command shop is a small shop that talks to a MySQL server: what there is to
// see in it, good and bad, is for record and analyze to find.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"github.com/go-sql-driver/mysql"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: shop SOCKET")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

// run has two connections: one shows pages, the other one counts money.
func run(ctx context.Context, socket string) error {
	if err := create(ctx, socket); err != nil {
		return err
	}
	db, err := open(socket, "shop")
	if err != nil {
		return err
	}
	defer db.Close()
	pages, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer pages.Close()
	accounts, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer accounts.Close()

	counted := make(chan error, 1)
	go func() { counted <- count(ctx, accounts) }()
	return errors.Join(show(ctx, pages), <-counted)
}

func open(socket, database string) (*sql.DB, error) {
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr, c.DBName = "root", "unix", socket, database
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// create makes the shop's tables.
func create(ctx context.Context, socket string) error {
	db, err := open(socket, "")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	return statements(ctx, db,
		"create database shop",
		"use shop",
		"create table customers (id int primary key, name varchar(40) not null)",
		"create table orders (id int primary key, customer int not null, cents int not null)",
		"insert into customers values (1, 'Ada'), (2, 'Grace'), (3, 'Edsger'), (4, 'Barbara'), (5, 'Dennis')",
		"insert into orders values (1, 1, 1999), (2, 2, 500), (3, 5, 12000), (4, 3, 250), (5, 1, 4200), (6, 4, 999), "+
			"(7, 2, 7450), (8, 5, 310), (9, 3, 8800), (10, 4, 1250), (11, 1, 640), (12, 2, 5300)")
}

// show shows the list of orders. It asks for the customer of each order by
// itself, the classic 1 + N.
func show(ctx context.Context, c *sql.Conn) error {
	orders, err := pairs(c.QueryContext(ctx, "select id, customer from orders order by id"))
	if err != nil {
		return err
	}
	for _, order := range orders {
		query := fmt.Sprintf("select name from customers where id = %d", order[1])
		var name string
		if err := c.QueryRowContext(ctx, query).Scan(&name); err != nil {
			return err
		}
	}
	// Two that fail: a customer there is already, and a table there is not.
	return errors.Join(
		refused(ctx, c, "insert into customers values (3, 'Alan')", 1062),
		refused(ctx, c, "select text from reviews where product = 7", 1146))
}

// count has a prepared statement for large orders, a payment in a
// transaction, and a report that takes its time.
func count(ctx context.Context, c *sql.Conn) error {
	large, err := c.PrepareContext(ctx, "select id, cents from orders where cents > ? order by cents desc")
	if err != nil {
		return err
	}
	defer large.Close()
	for _, cents := range []int{1000, 5000, 10000} {
		if _, err := pairs(large.QueryContext(ctx, cents)); err != nil {
			return err
		}
	}
	if err := statements(ctx, c, "begin", "update orders set cents = cents - 500 where id = 2", "commit"); err != nil {
		return err
	}
	var sum, slept int
	return c.QueryRowContext(ctx, "select sum(cents), sleep(0.25) from orders").Scan(&sum, &slept)
}

type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func statements(ctx context.Context, to execer, list ...string) error {
	for _, s := range list {
		if _, err := to.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// refused returns an error unless the server refuses a statement with a code.
func refused(ctx context.Context, to execer, statement string, code uint16) error {
	_, err := to.ExecContext(ctx, statement)
	var refusal *mysql.MySQLError
	if !errors.As(err, &refusal) || refusal.Number != code {
		return fmt.Errorf("%s: want error %d, got %w", statement, code, err)
	}
	return nil
}

// pairs reads rows of two numbers.
func pairs(rows *sql.Rows, err error) ([][2]int, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list [][2]int
	for rows.Next() {
		var p [2]int
		if err := rows.Scan(&p[0], &p[1]); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, rows.Err()
}
