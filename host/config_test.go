package host

import (
	"strings"
	"testing"
	"time"
)

func TestCelerysNamesOfSettings(t *testing.T) {
	four, zero := 4, 0
	cfg, err := Config{
		BrokerURL: "redis://h", WorkerConcurrency: 3, WorkerPrefetchMultiplier: &four, WorkerSendTaskEvents: true, WorkerStateDB: "revoked.json",
	}.withDefaults()
	if err != nil || cfg.Broker != "redis://h" || cfg.Concurrency != 3 || *cfg.PrefetchMultiplier != 4 || !cfg.TaskEvents || cfg.StateDB != "revoked.json" {
		t.Errorf("got %+v, %v", cfg, err)
	}
	cfg, err = Config{Broker: "amqp://h", BrokerURL: "redis://h", PrefetchMultiplier: &zero, WorkerPrefetchMultiplier: &four}.withDefaults()
	if err != nil || cfg.Broker != "amqp://h" || *cfg.PrefetchMultiplier != 0 {
		t.Errorf("got %+v, %v", cfg, err)
	}
	seen := map[string]bool{}
	for _, m := range settings(cfg, true) {
		if seen[m.Key] {
			t.Errorf("setting %s is told twice", m.Key)
		}
		seen[m.Key] = true
	}
	if !seen["broker_url"] || !seen["worker_concurrency"] {
		t.Error("a setting with a name of Celery's is not told")
	}
	for _, c := range []struct {
		cfg  Config
		want *time.Location
	}{{Config{}, time.UTC}, {Config{EnableUTC: new(bool)}, time.Local}, {Config{Timezone: "UTC", EnableUTC: new(bool)}, time.UTC}} {
		if zone, err := c.cfg.zone(); err != nil || zone != c.want {
			t.Errorf("%+v: %v, %v", c.cfg.Timezone, zone, err)
		}
	}
	forgetful := Config{RequireSigned: true, ModuleVersions: -1}
	if _, err := forgetful.withDefaults(); err == nil || !strings.Contains(err.Error(), "module_versions is negative") {
		t.Errorf("got %v", err)
	}
	if _, err := (Config{TaskDefaultRateLimit: "often"}).withDefaults(); err == nil || !strings.Contains(err.Error(), "task_default_rate_limit") {
		t.Errorf("got %v", err)
	}
}
