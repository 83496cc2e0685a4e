package dev

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// handler shows the lines of tasks, from debug on, what became of cached
// DataFrames, and of the host what someone must act on.
type handler struct {
	screen *screen
	attrs  []slog.Attr
	groups []string
	level  slog.Level // from which the host's own lines are shown
}

// Enabled implements [slog.Handler].
func (h *handler) Enabled(context.Context, slog.Level) bool { return true }

// WithAttrs implements [slog.Handler].
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = slices.Concat(h.attrs, attrs)
	return &c
}

// WithGroup implements [slog.Handler]. The groups' names are left out.
func (h *handler) WithGroup(name string) slog.Handler {
	c := *h
	c.groups = append(slices.Clone(h.groups), name)
	return &c
}

// Handle implements [slog.Handler].
func (h *handler) Handle(_ context.Context, r slog.Record) error {
	text, ofTask, ofCache, served, printed := "", false, false, "", ""
	add := func(a slog.Attr) bool {
		for _, inner := range flatten(a) {
			switch inner.Key {
			case logkey.Task:
				served = inner.Value.String()
			case logkey.TaskID, logkey.Module, logkey.Hash:
			case logkey.Text:
				printed = inner.Value.String()
			default:
				ofCache = ofCache || inner.Key == logkey.Cache
				text += fmt.Sprintf(" %s=%v", inner.Key, inner.Value)
			}
		}
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	// What is logged on behalf of a task has its name from before.
	ofTask, served = served != "", ""
	r.Attrs(add)
	if printed != "" { // a line that the module printed
		h.screen.logged(r.Level, printed, "")
		return nil
	}
	if served != "" { // by the worker, for a client
		text = " " + served + text
	}
	if ofTask || served != "" || ofCache && r.Level >= slog.LevelInfo || r.Level >= h.level {
		h.screen.logged(r.Level, r.Message, text)
	}
	return nil
}

func flatten(a slog.Attr) []slog.Attr {
	if a.Value.Kind() != slog.KindGroup {
		return []slog.Attr{a}
	}
	var all []slog.Attr
	for _, inner := range a.Value.Group() {
		all = append(all, flatten(inner)...)
	}
	return all
}
