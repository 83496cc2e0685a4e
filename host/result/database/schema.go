package database

import (
	"context"
	"fmt"
	"strings"
)

// A column is one of Celery's models (celery.backends.database.models).
type column struct{ name, kind string }

// columns are those that are written, in their order. SQLAlchemy's Text and
// String are the same type for both databases but for a length.
func (s *Store) columns() []column {
	d := s.dialect
	list := []column{
		{"task_id", "VARCHAR(155) UNIQUE"}, {"status", "VARCHAR(50)"}, {"result", d.bytes}, {"date_done", d.moment},
		{"traceback", "TEXT"}, {"children", d.bytes},
	}
	if s.cfg.Extended {
		list = append(list, column{"name", "VARCHAR(155)"}, column{"args", d.bytes}, column{"kwargs", d.bytes},
			column{"worker", "VARCHAR(155)"}, column{"retries", "INTEGER"}, column{"queue", "VARCHAR(155)"}, column{"stamps", d.bytes})
	}
	return list
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func in(schema, name string) string {
	if schema == "" {
		return quoted(name)
	}
	return quoted(schema) + "." + quoted(name)
}

func (s *Store) table() string      { return in(s.cfg.Schema, s.cfg.Table) }
func (s *Store) groupTable() string { return in(s.cfg.GroupSchema, s.cfg.GroupTable) }

// cast is a value that stands for a moment. In PostgreSQL the column has no zone
// and gets the time of the session's, as with Celery.
func (s *Store) cast(place string) string {
	if s.dialect.sequence {
		return place + "::timestamptz"
	}
	return place
}

// insertStatement stores a row, or replaces what it says unless that is a success:
// what a client was told must stay.
func (s *Store) insertStatement() string {
	var names, places, sets []string
	if s.dialect.sequence {
		names, places = append(names, "id"), append(places, "nextval('"+strings.ReplaceAll(in(s.cfg.Schema, "task_id_sequence"), "'", "''")+"')")
	}
	for i, c := range s.columns() {
		place := fmt.Sprintf("$%d", i+1)
		if c.name == "date_done" {
			place = s.cast(place)
		}
		names, places = append(names, c.name), append(places, place)
		if c.name != "task_id" {
			sets = append(sets, c.name+" = excluded."+c.name)
		}
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) ON CONFLICT (task_id) DO UPDATE SET %s WHERE %s.status <> 'SUCCESS'",
		s.table(), strings.Join(names, ", "), strings.Join(places, ", "), strings.Join(sets, ", "), quoted(s.cfg.Table))
}

// prepare makes the tables as SQLAlchemy would, and adds columns that an older
// Celery did not have.
func (s *Store) prepare(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready {
		return nil
	}
	var statements []string
	if s.dialect.sequence {
		statements = append(statements, "CREATE SEQUENCE IF NOT EXISTS "+in(s.cfg.Schema, "task_id_sequence"),
			"CREATE SEQUENCE IF NOT EXISTS "+in(s.cfg.GroupSchema, "taskset_id_sequence"))
	}
	list := []string{"id " + s.dialect.id}
	for _, c := range s.columns() {
		list = append(list, c.name+" "+c.kind)
	}
	statements = append(statements,
		fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (%s)", s.table(), strings.Join(list, ", ")),
		fmt.Sprintf("CREATE INDEX IF NOT EXISTS %s ON %s (date_done)", s.index(s.cfg.Schema, "ix_celery_taskmeta_date_done"), s.indexed(s.cfg.Schema, s.cfg.Table)),
		fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (id %s, taskset_id VARCHAR(155) UNIQUE, result %s, date_done %s)", s.groupTable(), s.dialect.id, s.dialect.bytes, s.dialect.moment),
		fmt.Sprintf("CREATE INDEX IF NOT EXISTS %s ON %s (date_done)", s.index(s.cfg.GroupSchema, "ix_celery_tasksetmeta_date_done"), s.indexed(s.cfg.GroupSchema, s.cfg.GroupTable)))
	for _, statement := range statements {
		if _, err := s.db.ExecContext(ctx, statement); err != nil {
			// Two who make a table at once: one of them is told that it exists.
			if _, again := s.db.ExecContext(ctx, statement); again != nil {
				return fmt.Errorf("make Celery's tables: %w", again)
			}
		}
	}
	if err := s.addColumns(ctx); err != nil {
		return err
	}
	s.ready = true
	return nil
}

// index is a name of SQLAlchemy's for an index of date_done: it does not follow
// the table's name. SQLite's indexes name the schema, and not their table.
func (s *Store) index(schema, name string) string {
	if s.dialect.sequence {
		schema = ""
	}
	return in(schema, name)
}

func (s *Store) indexed(schema, table string) string {
	if s.dialect.sequence {
		return in(schema, table)
	}
	return quoted(table)
}

func (s *Store) addColumns(ctx context.Context) error {
	rows, err := s.db.QueryContext(ctx, "SELECT * FROM "+s.table()+" LIMIT 0")
	if err != nil {
		return err
	}
	names, err := rows.Columns()
	if err := rows.Close(); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	have := map[string]bool{}
	for _, n := range names {
		have[n] = true
	}
	for _, c := range s.columns() {
		if have[c.name] {
			continue
		}
		if _, err := s.db.ExecContext(ctx, fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", s.table(), c.name, c.kind)); err != nil {
			return fmt.Errorf("add column %s to %s: %w", c.name, s.table(), err)
		}
	}
	return nil
}
