package cache

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

func TestMain(m *testing.M) { proctest.Main(m) }

// session is a Session without an engine. It can fail and wait in ways that a
// real one cannot be brought to at a given moment. Its zero value works.
type session struct {
	// before runs at the beginning of each Checkpoint, with its number from 1.
	before func(ctx context.Context, n int, df *spark.DataFrame) error

	mu         sync.Mutex
	generation uint64
	n          int
	built      []*spark.DataFrame
	options    []spark.Options
	live       map[string]bool              // relations of this generation
	sizes      map[string]spark.Size        // by the frame that reads them
	size       func(*spark.DataFrame) int64 // what a new relation takes; nil is 1
	released   []string

	views    *views // nil lacks them
	settings string
	handles  int // on others' rows

	unmeasurable  bool
	cannotPersist bool
	collide       bool                          // semantic hashes of all plans are the same
	levels        map[string]spark.StorageLevel // by what the plan means
	lazy          int                           // checkpoints asked to be lazy
	persists      int
	counted       int
}

func (s *session) Checkpoint(ctx context.Context, df *spark.DataFrame, opt spark.Options) (spark.Checkpoint, error) {
	s.mu.Lock()
	s.n++
	n := s.n
	generation := s.generation
	s.options = append(s.options, opt)
	s.mu.Unlock()
	if s.before != nil {
		if err := s.before(ctx, n, df); err != nil {
			return spark.Checkpoint{}, err
		}
	}
	if ctx.Err() != nil {
		return spark.Checkpoint{}, context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation != generation {
		return spark.Checkpoint{}, fmt.Errorf("checkpoint: %w", spark.ErrSessionLost)
	}
	if s.live == nil {
		s.live = make(map[string]bool)
	}
	id := fmt.Sprintf("relation-%d", n)
	s.live[id] = true
	s.built = append(s.built, df)
	bytes := int64(1)
	if s.size != nil {
		bytes = s.size(df)
	}
	s.note(spark.Relation(id), bytes)
	return spark.Checkpoint{RelationID: id, Generation: generation}, nil
}

func (s *session) LazyCheckpoint(ctx context.Context, df *spark.DataFrame, opt spark.Options) (spark.Checkpoint, error) {
	s.mu.Lock()
	s.lazy++
	s.mu.Unlock()
	return s.Checkpoint(ctx, df, opt)
}

// server locks and returns what is persisted, for all sessions of a server.
func (s *session) server() (levels map[string]spark.StorageLevel, unlock func()) {
	if s.views != nil {
		s.views.mu.Lock()
		return s.views.levels, s.views.mu.Unlock
	}
	s.mu.Lock()
	if s.levels == nil {
		s.levels = make(map[string]spark.StorageLevel)
	}
	return s.levels, s.mu.Unlock
}

// meaning is what the fake tells plans apart by: an alias changes nothing.
func meaning(df *spark.DataFrame) string {
	return strings.ReplaceAll(df.String(), "alias twin ← ", "")
}

func (s *session) Persist(_ context.Context, df *spark.DataFrame, level spark.StorageLevel) error {
	levels, unlock := s.server()
	levels[meaning(df)] = level
	unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.persists++
	s.note(df, 1)
	return nil
}

func (s *session) Unpersist(_ context.Context, df *spark.DataFrame, _ bool) error {
	levels, unlock := s.server()
	defer unlock()
	delete(levels, meaning(df))
	return nil
}

func (s *session) StorageLevel(_ context.Context, df *spark.DataFrame) (spark.StorageLevel, error) {
	if s.cannotPersist {
		return spark.StorageLevel{}, &spark.LacksError{Engine: "Fake", Feature: spark.FeaturePersist}
	}
	levels, unlock := s.server()
	defer unlock()
	return levels[meaning(df)], nil
}

func (s *session) persistedNow(df *spark.DataFrame) bool {
	levels, unlock := s.server()
	defer unlock()
	return levels[meaning(df)].Kept()
}

// note notes what Measure says of df. s.mu is held.
func (s *session) note(df *spark.DataFrame, bytes int64) {
	if s.sizes == nil {
		s.sizes = make(map[string]spark.Size)
	}
	s.sizes[df.String()] = spark.Size{Rows: 1, Bytes: bytes, From: spark.SizeFromEngine}
}

func (s *session) SemanticHash(_ context.Context, df *spark.DataFrame) (int32, error) {
	if s.collide {
		return 7, nil
	}
	h := fnv.New32()
	_, _ = h.Write([]byte(meaning(df)))
	return int32(h.Sum32()), nil
}

func (s *session) SameSemantics(_ context.Context, df, other *spark.DataFrame) (bool, error) {
	return meaning(df) == meaning(other), nil
}

func (s *session) Count(ctx context.Context, df *spark.DataFrame, _ spark.Options) (int64, error) {
	s.mu.Lock()
	s.counted++
	n := s.counted
	s.mu.Unlock()
	if s.before != nil {
		if err := s.before(ctx, n, df); err != nil {
			return 0, err
		}
	}
	return 1, nil
}

// views are the global ones of a server that fake sessions share.
type views struct {
	mu    sync.Mutex
	named map[string]*spark.DataFrame

	levels map[string]spark.StorageLevel // of what is persisted
}

func (v *views) get(df *spark.DataFrame) (*spark.DataFrame, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for name, found := range v.named {
		a, _ := spark.Table("global_temp."+name, nil).Hash() // the text of a plan is cut
		if b, _ := df.Hash(); a == b {
			return found, nil
		}
	}
	return nil, &spark.Error{Condition: "TABLE_OR_VIEW_NOT_FOUND", Message: df.String()}
}

func (s *session) Lacks(_ context.Context, feature spark.Feature) error {
	if s.views == nil {
		return &spark.LacksError{Engine: "Fake", Feature: feature}
	}
	return nil
}

func (s *session) Scope(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "scope" + s.settings, nil
}

func (s *session) DefineView(_ context.Context, df *spark.DataFrame, name string, global bool) (uint64, error) {
	if !global {
		if _, err := s.views.get(df); err != nil {
			return 0, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.handles++
		return s.generation, nil
	}
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	s.views.named[name] = df
	return s.Generation(), nil
}

func (s *session) DropView(_ context.Context, name string, global bool) error {
	if !global {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.handles--
		return nil
	}
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	delete(s.views.named, name)
	return nil
}

func (s *session) GlobalViews(_ context.Context, prefix string) ([]string, error) {
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	var names []string
	for name := range s.views.named {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names, nil
}

func (s *session) Texts(_ context.Context, df *spark.DataFrame) ([]string, error) {
	if s.views == nil {
		return nil, &spark.Error{Condition: "TABLE_OR_VIEW_NOT_FOUND", Message: df.String()}
	}
	found, err := s.views.get(df)
	if err != nil {
		return nil, err
	}
	return []string{strings.Split(found.Queries()[0], "'")[1]}, nil
}

func (s *session) Release(_ context.Context, checkpoint spark.Checkpoint) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if checkpoint.Generation != s.generation || !s.live[checkpoint.RelationID] {
		return fmt.Errorf("release %s: %w", checkpoint.RelationID, spark.ErrRelationGone)
	}
	delete(s.live, checkpoint.RelationID)
	s.released = append(s.released, checkpoint.RelationID)
	return nil
}

// Measure answers with what was said of the relation when it was built.
func (s *session) Measure(_ context.Context, df *spark.DataFrame, _ spark.Options) (spark.Size, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size, ok := s.sizes[df.String()]
	if !ok || s.unmeasurable {
		return spark.Size{}, fmt.Errorf("measure %s: %w", df, spark.ErrRelationGone)
	}
	return size, nil
}

func (s *session) Generation() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generation
}

// replace is what a restarted engine does to a session.
func (s *session) replace() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation++
	s.live = nil
}

func (s *session) builds() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.built)
}

func (s *session) isLive(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live[id]
}

func (s *session) liveCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}

// frame returns a DataFrame that differs from those with another n.
func frame(n int) *spark.DataFrame { return spark.Range(0, int64(n), 1, 0) }

// cached returns frame n as a cached one.
func cached(n int) *spark.DataFrame { return frame(n).Cached(fmt.Sprint("frame", n)) }

// use makes one use of df and ends it.
func use(t testing.TB, c *Cache, df *spark.DataFrame) {
	t.Helper()
	_, lease, err := c.Use(t.Context(), df, spark.Options{})
	if err != nil {
		t.Fatalf("Use: %v", err)
	}
	lease.Release()
}

// entry returns what the cache tells of the plan with the given name.
func entryOf(t testing.TB, c *Cache, name string) Entry {
	t.Helper()
	for _, e := range c.Entries() {
		if e.Name == name {
			return e
		}
	}
	t.Fatalf("no entry %q among %+v", name, c.Entries())
	return Entry{}
}
