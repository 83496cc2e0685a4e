package database

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// A dialect is what databases differ in.
type dialect struct {
	driver            string // of database/sql
	dsn               string
	id, bytes, moment string // types of columns
	moments           string // how a moment is written
	// sequence says that ids come from a sequence, as SQLAlchemy has it.
	sequence bool
	// passes reports whether an error may pass by itself.
	passes func(error) bool
	// connections is how many there may be at once.
	connections int
}

// parse takes apart a URL of SQLAlchemy's, with or without Celery's db+ in front
// and a driver's name behind the database's. Its errors show no password.
func parse(raw string) (dialect, error) {
	text := strings.TrimPrefix(strings.TrimPrefix(raw, "db+"), "database+")
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return dialect{}, errors.New("database URL: give db+postgresql://user:password@host/database or db+sqlite:///file")
	}
	switch name, _, _ := strings.Cut(scheme, "+"); name {
	case "postgresql", "postgres":
		return postgres(rest)
	case "sqlite":
		return sqliteOf(rest)
	default:
		return dialect{}, fmt.Errorf("database %q is not served: there are postgresql and sqlite", name)
	}
}

func postgres(rest string) (dialect, error) {
	u, err := url.Parse("postgres://" + rest)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the URL
		}
		if strings.Contains(err.Error(), "port") || strings.Contains(err.Error(), "userinfo") {
			err = errors.New("host and port cannot be told apart from the password")
		}
		return dialect{}, fmt.Errorf("database URL: %w (characters such as / ? # @ : %% in a user name or password are written %%2F and so on)", err)
	}
	if _, err := pgconn.ParseConfig(u.String()); err != nil {
		return dialect{}, fmt.Errorf("database URL %s: not one of PostgreSQL's (parameters are libpq's, such as sslmode)", u.Redacted())
	}
	return dialect{
		driver: "pgx", dsn: u.String(), id: "INTEGER NOT NULL PRIMARY KEY", bytes: "BYTEA", moment: "TIMESTAMP WITHOUT TIME ZONE",
		moments: "2006-01-02 15:04:05.000000Z07", passes: postgresPasses, sequence: true, connections: 8,
	}, nil
}

// postgresPasses holds for a server that is away, starts, stops or is too full,
// and for statements that met others. A user or a database that is not there does
// not pass.
func postgresPasses(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return true // it did not come from the server
	}
	switch e.Code[:2] {
	case "08", "40", "53", "55", "57":
		return true
	}
	return false
}

func sqliteOf(rest string) (dialect, error) {
	path, query, _ := strings.Cut(rest, "?")
	path, ok := strings.CutPrefix(path, "/")
	if !ok || path == "" || path == ":memory:" {
		return dialect{}, errors.New("database URL: SQLite needs a file that clients and workers share: db+sqlite:///relative or db+sqlite:////absolute")
	}
	if query != "" {
		return dialect{}, fmt.Errorf("database URL: SQLite's parameters are not served: %s", query)
	}
	path, err := url.PathUnescape(path)
	if err != nil {
		return dialect{}, fmt.Errorf("database URL: %w", err)
	}
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: "_pragma=busy_timeout(5000)&_txlock=immediate"}
	return dialect{
		driver: "sqlite", dsn: file.String(), id: "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT", bytes: "BLOB", moment: "DATETIME",
		moments: "2006-01-02 15:04:05.000000", passes: sqlitePasses, connections: 1,
	}, nil
}

// sqlitePasses holds for a file that another process writes.
func sqlitePasses(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch e.Code() & 0xff {
	case sqlitelib.SQLITE_BUSY, sqlitelib.SQLITE_LOCKED, sqlitelib.SQLITE_FULL, sqlitelib.SQLITE_IOERR:
		return true
	}
	return false
}
