package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/dolthub/vitess/go/mysql"
	"github.com/dolthub/vitess/go/sqltypes"
	"github.com/dolthub/vitess/go/vt/proto/query"
)

// An entry is what the server was asked, as it understood it, and what it
// answered. It is one line of JSON.
type entry struct {
	Connection uint32 `json:"connection"`
	Op         string `json:"op"`
	Request    string `json:"request"`
	Args       []any  `json:"args,omitempty"`
	Rows       int    `json:"rows"` // returned or affected
	ErrorCode  int    `json:"error_code,omitempty"`
}

// A recorder stands before the server's own handler and writes down what goes
// through, for those who want to compare.
type recorder struct {
	mysql.Handler
	mutex sync.Mutex
	file  *os.File
}

func (r *recorder) write(c *mysql.Conn, e entry, err error) error {
	e.Connection = c.ConnectionID
	if err != nil {
		e.ErrorCode = mysql.ERUnknownError
		var known *mysql.SQLError
		if errors.As(err, &known) {
			e.ErrorCode = known.Num
		}
	}
	line, failed := json.Marshal(e)
	if failed == nil {
		r.mutex.Lock()
		defer r.mutex.Unlock()
		_, failed = r.file.Write(append(line, '\n'))
	}
	if err != nil {
		return err // as it is: what it is wrapped in has no code
	}
	return failed
}

// count adds a result's rows to e's.
func (e *entry) count(res *sqltypes.Result) {
	e.Rows += len(res.Rows)
	if len(res.Fields) == 0 {
		e.Rows += int(res.RowsAffected)
	}
}

func (r *recorder) ComInitDB(c *mysql.Conn, name string) error {
	return r.write(c, entry{Op: "init_db", Request: name}, r.Handler.ComInitDB(c, name))
}

func (r *recorder) ComQuery(ctx context.Context, c *mysql.Conn, text string, callback mysql.ResultSpoolFn) error {
	e := entry{Op: "query", Request: strings.Clone(text)}
	err := r.Handler.ComQuery(ctx, c, text, func(res *sqltypes.Result, more bool) error {
		e.count(res)
		return callback(res, more)
	})
	return r.write(c, e, err)
}

func (r *recorder) ComPrepare(ctx context.Context, c *mysql.Conn, text string, p *mysql.PrepareData) ([]*query.Field, error) {
	e := entry{Op: "stmt_prepare", Request: strings.Clone(text)}
	fields, err := r.Handler.ComPrepare(ctx, c, text, p)
	return fields, r.write(c, e, err)
}

func (r *recorder) ComStmtExecute(ctx context.Context, c *mysql.Conn, p *mysql.PrepareData, callback func(*sqltypes.Result) error) error {
	e := entry{Op: "stmt_execute", Request: p.PrepareStmt}
	for i := range p.ParamsCount {
		v := p.BindVars[fmt.Sprintf("v%d", i+1)]
		if v == nil || v.Type == sqltypes.Null {
			e.Args = append(e.Args, nil)
			continue
		}
		e.Args = append(e.Args, string(v.Value))
	}
	err := r.Handler.ComStmtExecute(ctx, c, p, func(res *sqltypes.Result) error {
		e.count(res)
		return callback(res)
	})
	return r.write(c, e, err)
}
