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

	misuse error // the first command that was given to SQL
	// How many seeds and names of observations the session has given.
	seeds        uint64
	observations int
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
//
// A query is lazy. A command, such as INSERT or CREATE TABLE, would not run
// before an action needs its result, and would run again for each. It is for
// [Session.Exec]; given to SQL it fails the task, also if nothing comes of the
// DataFrame.
func (s *Session) SQL(query string, args ...any) *DataFrame {
	return s.frame(func(b *builder) abi.Frame {
		if word := commandWord(query); word != "" {
			b.failed(wrongType("SQL is for queries and %s is a command: run it with Exec, which runs it now and returns its error", word))
			if s.misuse == nil {
				s.misuse = b.err
			}
			return 0
		}
		q := b.query(query, args)
		if b.err != nil {
			return 0
		}
		result := b.host.FrameSQL(q.text, q.names, q.args)
		if len(q.tables) > 0 {
			result = b.host.FrameWithRelations(result, q.tables)
		}
		return result
	})
}

// Exec runs a SQL command, such as INSERT, CREATE TABLE or SHOW TABLES, at once
// and once, and returns its result. Parameters are those of [Session.SQL], but
// for DataFrames: write those with [DataFrame.Write].
func (s *Session) Exec(command string, args ...any) (*DataFrame, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	b := &builder{session: s, host: s.host}
	q := b.query(command, args)
	if len(q.tables) > 0 {
		b.failed(wrongType("Exec: a command reads no DataFrame; write it with DataFrame.Write"))
	}
	if b.err != nil {
		return nil, b.err
	}
	handle, err := s.host.ActionSQL(q.text, q.names, q.args)
	if err != nil {
		return nil, err
	}
	return &DataFrame{session: s, handle: handle}, nil
}

// Misuse returns what the task did wrong in a place that can return no error.
// The SDK asks when the task has returned without one.
func (s *Session) Misuse() error { return s.misuse }

// commands are the words that begin SQL commands which change something.
var commands = []string{
	"ALTER", "ANALYZE", "CACHE", "CALL", "CLEAR", "COMMENT", "CREATE", "DELETE", "DROP", "EXECUTE", "INSERT", "LOAD", "MERGE", "MSCK", "OPTIMIZE",
	"REFRESH", "REPAIR", "REPLACE", "RESET", "SET", "TRUNCATE", "UNCACHE", "UPDATE", "USE", "VACUUM",
}

// commandWord returns the word that makes a SQL text a command, in capitals, or
// nothing.
func commandWord(text string) string {
	text = strings.TrimLeft(text, " \t\r\n")
	end := strings.IndexFunc(text, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
	if end < 0 {
		end = len(text)
	}
	if word := strings.ToUpper(text[:end]); slices.Contains(commands, word) {
		return word
	}
	return ""
}

// sqlText is a SQL text with its parameters, and the frames that it reads.
type sqlText struct {
	text   string
	names  []string
	args   []abi.Expr
	tables []abi.Frame
}

func (b *builder) query(text string, args []any) sqlText {
	q := sqlText{text: text}
	if len(args) == 1 {
		if named, ok := args[0].(map[string]any); ok {
			args = nil
			for _, name := range slices.Sorted(maps.Keys(named)) {
				df, ok := named[name].(*DataFrame)
				if !ok {
					q.names, args = append(q.names, name), append(args, named[name])
					continue
				}
				table := "_" + name // not that of a table which the query reads besides
				q.text = strings.ReplaceAll(q.text, "{"+name+"}", "`"+table+"`")
				if handle := b.frame(df); b.err == nil {
					q.tables = append(q.tables, b.host.FrameAlias(handle, table))
				}
			}
		}
	}
	q.args = make([]abi.Expr, len(args))
	for i, a := range args {
		q.args[i] = b.expr(Lit(a))
	}
	return q
}

// Raw is a plan made elsewhere: a serialized spark.connect.Relation of Spark
// Connect's protocol that describes rows. It may hold no commands and no
// functions of its own. The module asks for it with sdk.Needs("raw_plans"), and
// the worker's setting capabilities must grant it.
func (s *Session) Raw(relation []byte) *DataFrame {
	return s.frame(func(b *builder) abi.Frame { return b.host.FrameRaw(relation) })
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
