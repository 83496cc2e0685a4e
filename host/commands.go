package host

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/admin"
	"github.com/sparkstalk/sparkstalk/host/cache"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// CacheReport is what a host has cached, as commands and programs see it.
type CacheReport struct {
	Hostname   string        `json:"hostname"`
	Engine     string        `json:"engine"`
	Generation uint64        `json:"generation"` // of the Spark session now
	Stats      cache.Stats   `json:"stats"`
	Entries    []cache.Entry `json:"entries"` // the one used last is first
}

// FindHost returns the running host of this machine that the configuration
// means: the one of its Hostname, or the only one if that is empty.
func FindHost(cfg Config) (admin.Host, error) {
	name := ""
	if cfg.Hostname != "" {
		var err error
		if name, err = Nodename(cfg.Hostname); err != nil {
			return admin.Host{}, err
		}
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return admin.Host{}, err
	}
	return admin.Find(cfg.runDir(), name)
}

// runDir is where the processes of this machine keep what is theirs alone.
func (c Config) runDir() string { return filepath.Join(c.Home, "run") }

// listen opens the socket for commands. A host without one serves tasks all the
// same.
func (h *Host) listen(ctx context.Context) {
	server, err := admin.Listen(ctx, h.cfg.runDir(), admin.Host{Hostname: h.cfg.Hostname, Version: Version}, h.log)
	if err != nil {
		h.log.Warn("commands such as sparkstalk cache will not find this host", logkey.Error, err)
		return
	}
	h.admin = server
	h.listenModules(server)
	server.Handle("GET /cache", func(*http.Request) (any, error) { return h.runtime.CacheReport(), nil })
	server.Handle("GET /cache/{id}", func(r *http.Request) (any, error) {
		report := h.runtime.CacheReport()
		report.Entries = slices.DeleteFunc(report.Entries, func(e cache.Entry) bool { return !e.Is(r.PathValue("id")) })
		if len(report.Entries) == 0 {
			return nil, notCached(r.PathValue("id"))
		}
		return report, nil
	})
	server.Handle("DELETE /cache/{id}", func(r *http.Request) (any, error) {
		n := h.runtime.cache.Forget(r.PathValue("id"))
		if n == 0 {
			return nil, notCached(r.PathValue("id"))
		}
		return n, nil
	})
	server.Handle("DELETE /cache", func(*http.Request) (any, error) {
		n := 0
		for _, e := range h.runtime.cache.Entries() {
			n += h.runtime.cache.Forget(e.Hash)
		}
		return n, nil
	})
	server.Handle("POST /cache/warm", func(r *http.Request) (any, error) {
		name := r.FormValue("cache")
		results := h.runtime.Warm(r.Context(), name)
		if len(results) == 0 && name != "" {
			return nil, admin.NotFound("no module wants a cached DataFrame %q to be warm: its sdk.Cached has no sdk.Warm", name)
		}
		return results, nil
	})
}

func notCached(id string) error {
	return admin.NotFound("nothing is cached under the name %q, and no plan's hash begins so (it takes 8 digits or more); "+
		"`sparkstalk cache ls` lists what is", id)
}

// CacheReport describes what is cached now.
func (r *Runtime) CacheReport() CacheReport {
	report := CacheReport{
		Hostname: r.cfg.Hostname, Engine: r.engine.Name(), Generation: r.session.Generation(),
		Stats: r.cache.Stats(), Entries: r.cache.Entries(),
	}
	slices.SortFunc(report.Entries, func(a, b cache.Entry) int { return b.LastUsed.Compare(a.LastUsed) })
	return report
}

// String is one line about the whole of it.
func (r CacheReport) String() string {
	limit := func(n int64, text string) string {
		if n == 0 {
			return "no limit"
		}
		return text
	}
	s := r.Stats
	return fmt.Sprintf("%s on %s (session %d): %d entries of %s, %s of %s; %d hits of %d uses, %d builds, %d failed, %d evicted, %d expired, %d lost",
		r.Hostname, r.Engine, r.Generation, s.Entries, limit(int64(s.MaxEntries), fmt.Sprint(s.MaxEntries)),
		Size(s.Bytes), limit(s.MaxBytes, Size(s.MaxBytes)), s.Hits, s.Uses, s.Builds, s.Failures, s.Evictions, s.Expired, s.Lost)
}

// Size writes a number of bytes for people.
func Size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n)/1024, 0
	for f >= 1024 && unit < len(units)-1 {
		f, unit = f/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", f, units[unit])
}
