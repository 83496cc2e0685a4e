package hostfn

import (
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/cache"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

func TestOptionsOfACache(t *testing.T) {
	i := open(t, &session{}, Config{})
	in := i.FrameRange(0, 10, 1, 0)
	frame := i.FrameCacheWith(in, "words", []string{"storage_level", "disk_only", "lazy", "true", "ttl", "1.5"})
	df, err := i.lookup("test", frame)
	if err != nil {
		t.Fatal(err)
	}
	want := spark.Keeping{StorageLevel: "disk_only", Lazy: true, TTL: 1500 * time.Millisecond}
	if got := df.CachedInputs(); len(got) != 1 || got[0].Name != "words" || got[0].Keep != want {
		t.Errorf("inputs = %+v, want words kept as %+v", got, want)
	}
	for _, c := range []struct {
		options []string
		words   []string
	}{
		{[]string{"storage_level", "NONE"}, []string{"FrameCacheWith", "NONE would keep nothing"}},
		{[]string{"storage_level", "TAPE"}, []string{`"TAPE" is unknown`, "MEMORY_AND_DISK", "CHECKPOINT"}},
		{[]string{"lazy", "maybe"}, []string{`lazy is "maybe"`}},
		{[]string{"ttl", "0"}, []string{`ttl is "0"`}},
		{[]string{"ttl", "NaN"}, []string{`ttl is "NaN"`}},
		{[]string{"size", "9"}, []string{`option "size" is unknown; there are storage_level, lazy and ttl`}},
		{[]string{"ttl"}, []string{"FrameCacheWith"}},
	} {
		wantError(t, actionError(i, i.FrameCacheWith(in, "words", c.options)), "ValueError", c.words...)
	}
	for text, want := range map[string]time.Duration{"-3": -1, "1e300": 1<<63 - 1, "1e-300": 1} {
		df, err := i.lookup("test", i.FrameCacheWith(in, "words", []string{"ttl", text}))
		if err != nil || df.CachedInputs()[0].Keep.TTL != want {
			t.Errorf("ttl %s: %v, %v; want %v", text, df.CachedInputs(), err, want)
		}
	}
}

func TestWarmTakesACachedFrameAlone(t *testing.T) {
	s := &session{}
	c := cache.New(cache.Config{Session: s, Private: true})
	for _, test := range []struct {
		give func(i *Invocation) error
		want string
	}{
		{func(i *Invocation) error { return i.ResultJSON([]byte("1")) }, "gave no DataFrame"},
		{func(i *Invocation) error { return i.ResultFrame(i.FrameRange(0, 1, 1, 0), abi.RowArrays) }, "is not a cached one"},
		{func(i *Invocation) error {
			return i.ResultFrame(i.FrameLimit(i.FrameCache(i.FrameRange(0, 1, 1, 0), "x"), 1), abi.RowArrays)
		}, "is not a cached one"},
		{func(i *Invocation) error {
			return i.ResultError([]byte(`{"type":"ValueError","module":"builtins","args":["no"]}`))
		}, "no"},
		{func(i *Invocation) error {
			return i.ResultFrame(i.FrameCache(i.FrameRange(0, 1, 1, 0), "x"), abi.RowArrays)
		}, ""},
	} {
		i := New(Config{Session: s, Cache: c}).Open(t.Context(), Task{Name: "warm:x", Module: "demo", Version: "1", Warm: true})
		if err := test.give(i); err != nil {
			t.Fatal(err)
		}
		hash, err := i.Warm()
		i.Close()
		if test.want != "" {
			wantError(t, err, "ValueError", test.want)
			continue
		}
		e := c.Entries()
		if err != nil || len(e) != 1 || e[0].Hash != hash || !e[0].Warm || e[0].Builder != "warm:x" || e[0].Owners[0].Module != "demo" {
			t.Errorf("Warm = %q, %v; the cache has %+v", hash, err, e)
		}
	}
}
