package spark

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/sparkstalk/sparkstalk/abi"
)

// A Session is a task call's way to Spark. It is the host's one warm session,
// shared by all tasks, so it needs no start and no stop. Tasks get theirs from
// sdk.Context.Spark.
type Session struct {
	host  abi.Host
	ended atomic.Bool
}

// NewSession returns a Session that asks host. The SDK makes one for each call
// of a task; it is exported for tests of code that takes a Session.
func NewSession(host abi.Host) *Session { return &Session{host: host} }

// End makes every later action and every later plan of the session an error.
// The SDK calls it when the task has returned: the host forgets the call's
// DataFrames then.
func (s *Session) End() { s.ended.Store(true) }

// check returns why the session cannot be used.
func (s *Session) check() error {
	if s.ended.Load() {
		return abi.Errorf("RuntimeError", "a DataFrame lives as long as the task call that made it, and that call has ended; use sdk.Cached to share one")
	}
	return nil
}

// frame makes a DataFrame of a handle, which build asks the host for.
func (s *Session) frame(build func(b *builder) abi.Frame) *DataFrame {
	b := &builder{session: s, host: s.host}
	if b.err = s.check(); b.err != nil {
		return &DataFrame{session: s, err: b.err}
	}
	handle := build(b)
	return &DataFrame{session: s, handle: handle, err: b.err}
}

// Read returns a reader of files.
func (s *Session) Read() *Reader { return &Reader{session: s} }

// Table returns a table or view of the catalog.
func (s *Session) Table(name string) *DataFrame {
	return s.frame(func(b *builder) abi.Frame { return b.host.FrameTable(name, nil) })
}

// SQL returns the result of a query. Its parameters are replaced by args: by
// position where the query has "?", or by name where it has ":name" and the one
// argument is a map[string]any. Values are what [Lit] takes. A value of that map
// may also be a DataFrame, which the query reads as a table named {name}:
//
//	s.SQL("SELECT * FROM {sales} WHERE total > :least", map[string]any{"sales": sales, "least": 10})
func (s *Session) SQL(query string, args ...any) *DataFrame {
	return s.frame(func(b *builder) abi.Frame {
		var names []string
		var tables []abi.Frame
		if len(args) == 1 {
			if named, ok := args[0].(map[string]any); ok {
				args = nil
				for _, name := range slices.Sorted(maps.Keys(named)) {
					df, ok := named[name].(*DataFrame)
					if !ok {
						names, args = append(names, name), append(args, named[name])
						continue
					}
					table := "_" + name // not that of a table which the query reads besides
					query = strings.ReplaceAll(query, "{"+name+"}", "`"+table+"`")
					if handle := b.frame(df); b.err == nil {
						tables = append(tables, b.host.FrameAlias(handle, table))
					}
				}
			}
		}
		handles := make([]abi.Expr, len(args))
		for i, a := range args {
			handles[i] = b.expr(Lit(a))
		}
		if b.err != nil {
			return 0
		}
		result := b.host.FrameSQL(query, names, handles)
		if len(tables) > 0 {
			result = b.host.FrameWithRelations(result, tables)
		}
		return result
	})
}

// Range returns one column, id, with the numbers from start to end, end
// excluded. There is no row if end is not above start.
func (s *Session) Range(start, end int64) *DataFrame { return s.RangeStep(start, end, 1, 0) }

// RangeStep is [Session.Range] in steps other than 1, which may be negative.
// Zero partitions leaves their number to Spark.
func (s *Session) RangeStep(start, end, step int64, partitions int) *DataFrame {
	return s.frame(func(b *builder) abi.Frame {
		n := b.int32("RangeStep", partitions)
		if b.err != nil {
			return 0
		}
		return b.host.FrameRange(start, end, step, n)
	})
}
