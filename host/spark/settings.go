package spark

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// What is kept of the settings that callers change: so many of them, and so many
// bytes of keys and values.
const (
	maxKeptSettings = 1000
	maxKeptBytes    = 1 << 20
)

// kept are the settings that callers have changed, for the sessions that follow.
type kept struct {
	gate chan struct{} // held while one is changed, so that the engine's order is ours

	mu     sync.Mutex
	values map[string]*string // nil for one that was unset though the host sets it
}

func newKept() kept { return kept{gate: make(chan struct{}, 1), values: make(map[string]*string)} }

// room reports whether one more fits.
func (k *kept) room(key, value string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	size := len(key) + len(value)
	for other, v := range k.values {
		if other == key {
			continue
		}
		size += len(other)
		if v != nil {
			size += len(*v)
		}
	}
	_, known := k.values[key]
	if !known && len(k.values) >= maxKeptSettings || size > maxKeptBytes {
		return wrongArgument("conf.set: %d settings of this session were changed, and %d of %d KiB in all are as much as may be; unset some", len(k.values), maxKeptSettings, maxKeptBytes>>10)
	}
	return nil
}

// change sets a setting, or unsets it if there is no value, and keeps that for
// the sessions that follow.
func (s *Session) change(ctx context.Context, key string, value *string) error {
	select {
	case s.kept.gate <- struct{}{}:
		defer func() { <-s.kept.gate }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	operation := unsetConf(key)
	if value != nil {
		if err := s.kept.room(key, *value); err != nil {
			return err
		}
		operation = setConf(map[string]string{key: *value})
	}
	for range 3 {
		generation := s.Generation()
		if _, err := s.setting(ctx, operation); err != nil {
			return err
		}
		s.keep(key, value)
		// A session that was opened meanwhile may have neither seen the one nor the other.
		if s.Generation() == generation {
			return nil
		}
	}
	return fmt.Errorf("set %s: %w: replaced again and again", key, ErrSessionLost)
}

func (s *Session) keep(key string, value *string) {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	if value == nil {
		delete(s.kept.values, key)
		if s.cfg.Conf == nil {
			return
		}
		if _, ours := s.cfg.Conf()[key]; !ours {
			return
		}
	}
	s.kept.values[key] = value
}

// restore gives a new session what callers had changed in those before it. What
// the engine now refuses is told and no longer kept: it must not hold up tasks
// that have nothing to do with it.
func (s *Session) restore(ctx context.Context, g *generation) error {
	s.kept.mu.Lock()
	values := maps.Clone(s.kept.values)
	s.kept.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(values)) {
		value := values[key]
		operation := unsetConf(key)
		if value != nil {
			operation = setConf(map[string]string{key: *value})
		}
		err := s.configureWith(ctx, g, operation)
		if _, refused := errors.AsType[*Error](err); refused && !errors.Is(err, ErrSessionLost) && !errors.Is(err, ErrUnavailable) {
			s.cfg.Log.Warn("the new Spark session refuses a setting that a task had changed; it is as the engine has it", logkey.Setting, key, logkey.Error, err)
			s.kept.mu.Lock()
			if s.kept.values[key] == value {
				delete(s.kept.values, key)
			}
			s.kept.mu.Unlock()
			continue
		}
		if err != nil {
			return fmt.Errorf("setting %s of the Spark session: %w", key, err)
		}
	}
	return nil
}

// configure gives a new session the settings it begins with.
func (s *Session) configure(ctx context.Context, g *generation) error {
	if s.cfg.Conf != nil {
		if conf := s.cfg.Conf(); len(conf) > 0 {
			if err := s.configureWith(ctx, g, setConf(conf)); err != nil {
				return fmt.Errorf("settings of the Spark session (%s): %w", strings.Join(slices.Sorted(maps.Keys(conf)), ", "), err)
			}
		}
	}
	return s.restore(ctx, g)
}

func (s *Session) configureWith(ctx context.Context, g *generation, operation *sparkpb.ConfigRequest_Operation) error {
	_, err := patiently(ctx, s, func() (struct{}, error) {
		if _, err := s.client.Config(ctx, s.config(g, operation)); err != nil {
			return struct{}{}, s.fail(ctx, g, err)
		}
		return struct{}{}, nil
	})
	return err
}

func setConf(conf map[string]string) *sparkpb.ConfigRequest_Operation {
	op := &sparkpb.ConfigRequest_Set{}
	for _, key := range slices.Sorted(maps.Keys(conf)) {
		value := conf[key]
		op.Pairs = append(op.Pairs, &sparkpb.KeyValue{Key: key, Value: &value})
	}
	return &sparkpb.ConfigRequest_Operation{OpType: &sparkpb.ConfigRequest_Operation_Set{Set: op}}
}

func unsetConf(key string) *sparkpb.ConfigRequest_Operation {
	return &sparkpb.ConfigRequest_Operation{OpType: &sparkpb.ConfigRequest_Operation_Unset{
		Unset: &sparkpb.ConfigRequest_Unset{Keys: []string{key}},
	}}
}
