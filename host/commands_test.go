package host

import (
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestCommandsSeeAndChangeTheCache(t *testing.T) {
	t.Parallel()
	w := serve(t, func(cfg *Config) { cfg.Spark = proctest.Sail(t); cfg.Hostname = proctest.Name(t) + "@here" })
	h, err := FindHost(w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path string, out any) error { return h.Call(t.Context(), method, path, nil, out) }
	wantError := func(method, path, words string) {
		t.Helper()
		if err := ask(method, path, nil); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s %s = %v, want %q", method, path, err, words)
		}
	}
	wantError("GET", "/cache/numbers", "nothing is cached under the name")
	wantError("DELETE", "/cache/numbers", "nothing is cached under the name")
	wantError("POST", "/cache/warm?cache=numbers", "no module wants a cached DataFrame")

	w.cachedModule("a1")
	w.eventually("numbers is warm and measured", func() bool {
		e := w.numbers()
		return len(e) == 1 && e[0].Measured
	})
	var report CacheReport
	if err := ask("GET", "/cache", &report); err != nil {
		t.Fatal(err)
	}
	if report.Hostname != w.cfg.Hostname || len(report.Entries) != 1 || report.Entries[0].Rows != 1000 || report.Entries[0].Bytes < 8000 || report.Stats.Entries != 1 {
		t.Errorf("GET /cache = %+v", report)
	}
	if !strings.Contains(report.String(), ": 1 entries of 64, ") {
		t.Errorf("in words: %s", report)
	}
	hash := report.Entries[0].Hash
	if err := ask("GET", "/cache/"+hash[:8], &report); err != nil || len(report.Entries) != 1 {
		t.Errorf("GET by hash = %+v, %v", report, err)
	}
	var n int
	if err := ask("DELETE", "/cache/"+hash, &n); err != nil || n != 1 {
		t.Errorf("DELETE = %d, %v", n, err)
	}
	w.runtime.warmer.wake()
	time.Sleep(200 * time.Millisecond)
	if e := w.numbers(); len(e) != 0 {
		t.Errorf("what was evicted by hand came back by itself: %+v", e)
	}
	var results []WarmResult
	if err := ask("POST", "/cache/warm?cache=numbers", &results); err != nil || len(results) != 1 || results[0].Hash != hash || string(results[0].Key) != "1000" {
		t.Errorf("warm = %+v, %v", results, err)
	}
	if e := w.numbers(); len(e) != 1 || e[0].Hash != hash {
		t.Errorf("after warm: %+v", e)
	}
	if err := ask("DELETE", "/cache", &n); err != nil || n != 1 {
		t.Errorf("DELETE all = %d, %v", n, err)
	}
}
