// Package database keeps results in PostgreSQL or SQLite as Celery's db+… result
// backend does, so that its clients and workers read them and ours read theirs.
//
// Celery 5.7 stores results as its result_serializer encodes them, JSON here.
// Older versions pickled them; such rows cannot be read.
package database

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/backoff"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/result"
)

// A Config says which database and how. URL is required.
type Config struct {
	// URL is db+postgresql://user:password@host:port/database, with libpq's
	// parameters, or db+sqlite:///file, as SQLAlchemy and Celery write them.
	URL string
	// Table is Celery's database_table_names["task"] and Schema its
	// database_table_schemas["task"]. Empty means celery_taskmeta, and none.
	Table, Schema string
	// GroupTable and GroupSchema are the same for "group", which are only cleaned up.
	// Empty means celery_tasksetmeta, and none.
	GroupTable, GroupSchema string
	// Extended adds the columns of result_extended.
	Extended bool
	// Expires is how old results become before [Store.Cleanup] deletes them. Zero
	// means a day; negative, for ever.
	Expires time.Duration
	// Log receives a line when the database goes away and when it is back. Nil is
	// silent.
	Log *slog.Logger
}

// A Store is a database that keeps results.
type Store struct {
	cfg     Config
	dialect dialect
	db      *sql.DB
	log     *slog.Logger
	insert  string

	mu    sync.Mutex
	ready bool // the tables are there
}

var (
	_ result.Store   = (*Store)(nil)
	_ result.Reader  = (*Store)(nil)
	_ result.Cleaner = (*Store)(nil)
)

// New returns a Store that connects when it is first used. The error says what is
// wrong with the URL, without its password.
func New(cfg Config) (*Store, error) {
	d, err := parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("result backend: %w", err)
	}
	db, err := sql.Open(d.driver, d.dsn)
	if err != nil {
		return nil, fmt.Errorf("result backend: %w", err)
	}
	db.SetMaxOpenConns(d.connections)
	db.SetConnMaxIdleTime(time.Hour)
	if cfg.Table == "" {
		cfg.Table = "celery_taskmeta"
	}
	if cfg.GroupTable == "" {
		cfg.GroupTable = "celery_tasksetmeta"
	}
	if cfg.Expires == 0 {
		cfg.Expires = 24 * time.Hour
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{cfg: cfg, dialect: d, db: db, log: cfg.Log}
	s.insert = s.insertStatement()
	return s, nil
}

// Store implements [result.Store].
func (s *Store) Store(ctx context.Context, r celery.Result, _ result.Reply) error {
	values := s.row(r)
	return s.persist(ctx, fmt.Sprintf("store %s of task %s", r.State, r.TaskID), func() error {
		_, err := s.db.ExecContext(ctx, s.insert, values...)
		return err
	})
}

// row are the values of a result's columns, in the order of columns.
func (s *Store) row(r celery.Result) []any {
	value, traceback := r.Value, r.Traceback
	if r.Exception != nil {
		value, traceback = r.Exception.Document(), r.Exception.Traceback
	}
	if len(value) == 0 {
		value = json.RawMessage("null")
	}
	row := []any{r.TaskID, r.State, []byte(value), s.moment(r.DateDone), orNull(traceback), children(r.Children)}
	if !s.cfg.Extended {
		return row
	}
	text := func(key string) any {
		t, ok := celery.Text(r.Extra.Get(key))
		if !ok {
			return nil
		}
		return t
	}
	raw := func(key string) any {
		if v := r.Extra.Get(key); len(v) > 0 {
			return []byte(v)
		}
		return nil
	}
	var retries any
	var n int64
	if json.Unmarshal(r.Extra.Get("retries"), &n) == nil && r.Extra.Get("retries") != nil {
		retries = n
	}
	return append(row, text("name"), raw("args"), raw("kwargs"), text("worker"), retries, text("queue"), stamps(r.Extra))
}

// stamps are Celery's {"stamped_headers": …, "stamps": …}, nil without any.
func stamps(extra celery.Object) any {
	names, err := celery.Elements(extra.Get("stamped_headers"))
	if err != nil || len(names) == 0 {
		return nil
	}
	var values celery.Object
	for _, n := range names {
		if name, ok := celery.Text(n); ok && extra.Get(name) != nil {
			values = append(values, celery.Member{Key: name, Value: extra.Get(name)})
		}
	}
	return celery.Object{{Key: "stamped_headers", Value: extra.Get("stamped_headers")}, {Key: "stamps", Value: values.Append(nil)}}.Append(nil)
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// children are NULL where there are none, as Celery writes them.
func children(raw json.RawMessage) any {
	if list, err := celery.Elements(raw); celery.IsNull(raw) || err == nil && len(list) == 0 {
		return nil
	}
	return []byte(raw)
}

// moment is a time in UTC, as SQLAlchemy writes it; NULL for none.
func (s *Store) moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(s.dialect.moments)
}

// Get implements [result.Reader].
func (s *Store) Get(ctx context.Context, taskID string) (r celery.Result, found bool, err error) {
	err = s.persist(ctx, "read the result of task "+taskID, func() error {
		r, found, err = s.get(ctx, taskID)
		return err
	})
	return r, found, err
}

func (s *Store) get(ctx context.Context, taskID string) (celery.Result, bool, error) {
	var (
		state           string
		value, children []byte
		traceback       sql.NullString
		done            sql.NullTime
		document        = celery.Object{{Key: "task_id", Value: celery.Quote(taskID)}}
		add             = func(key string, raw json.RawMessage) {
			document = append(document, celery.Member{Key: key, Value: raw})
		}
		asJSON = func(raw []byte) json.RawMessage { return json.RawMessage(append([]byte(nil), raw...)) }
		query  = "SELECT status, result, traceback, children, " + s.cast("date_done") + " FROM " + s.table() + " WHERE task_id = $1"
		err    = s.db.QueryRowContext(ctx, query, taskID).Scan(&state, &value, &traceback, &children, &done)
	)
	if errors.Is(err, sql.ErrNoRows) {
		return celery.Result{}, false, nil
	}
	if err != nil {
		return celery.Result{}, false, err
	}
	add("status", celery.Quote(state))
	if len(value) > 0 {
		add("result", asJSON(value))
	}
	if traceback.Valid {
		add("traceback", celery.Quote(traceback.String))
	}
	if len(children) > 0 {
		add("children", asJSON(children))
	}
	if done.Valid {
		add("date_done", celery.Quote(celery.FormatTime(done.Time.UTC())))
	}
	r, err := celery.DecodeResult(document.Append(nil))
	if err != nil {
		return celery.Result{}, false, &refusedError{fmt.Errorf("task %s: not as Celery 5.7 with JSON stores it: %w", taskID, err)}
	}
	return r, true, nil
}

// Wait returns the final state of a task, waiting for it as long as ctx lasts. It
// asks again and again, as Celery's client does.
func (s *Store) Wait(ctx context.Context, taskID string) (celery.Result, error) {
	for {
		r, found, err := s.Get(ctx, taskID)
		if err != nil || found && r.Ready() {
			return r, err
		}
		select {
		case <-ctx.Done():
			return celery.Result{}, fmt.Errorf("result of task %s: %w", taskID, context.Cause(ctx))
		case <-time.After(pollEvery):
		}
	}
}

const pollEvery = 500 * time.Millisecond

// Cleanup implements [result.Cleaner].
func (s *Store) Cleanup(ctx context.Context) error {
	if s.cfg.Expires < 0 {
		return nil
	}
	before := s.moment(time.Now().Add(-s.cfg.Expires))
	return s.persist(ctx, "delete expired results", func() error {
		for _, table := range []string{s.table(), s.groupTable()} {
			if _, err := s.db.ExecContext(ctx, "DELETE FROM "+table+" WHERE date_done < "+s.cast("$1"), before); err != nil {
				return err
			}
		}
		return nil
	})
}

// Ping asks the database whether it is there and lets this client in.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.db.PingContext(ctx); err != nil {
		return fmt.Errorf("result backend: %w", err)
	}
	return nil
}

// Close implements [result.Store].
func (s *Store) Close() error { return s.db.Close() }

// A refusedError does not pass by itself.
type refusedError struct{ error }

func (e *refusedError) Unwrap() error { return e.error }

// Pauses between tries while the database is away.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 5 * time.Second
)

// persist makes the tables, once, and runs an operation until it succeeds, the
// database refuses it for good, or ctx ends. what says what is being done.
func (s *Store) persist(ctx context.Context, what string, operation func() error) error {
	wait := backoff.Backoff{First: firstPause, Max: lastPause}
	for try := 1; ; try++ {
		err := s.prepare(ctx)
		if err == nil {
			err = operation()
		}
		_, refused := errors.AsType[*refusedError](err)
		switch {
		case err == nil:
			if try > 1 {
				s.log.InfoContext(ctx, "result backend is back", logkey.Attempt, try, logkey.Work, what)
			}
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w (last try: %w)", what, context.Cause(ctx), err)
		case refused || !s.dialect.passes(err):
			return fmt.Errorf("%s: %w", what, err)
		case try == 1:
			s.log.WarnContext(ctx, "result backend is away: trying until it is back", logkey.Error, err, logkey.Work, what)
		}
		wait.Sleep(ctx, nil)
	}
}
