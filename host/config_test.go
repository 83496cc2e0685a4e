package host

import (
	"strings"
	"testing"
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
	if _, err := (Config{TaskDefaultRateLimit: "often"}).withDefaults(); err == nil || !strings.Contains(err.Error(), "task_default_rate_limit") {
		t.Errorf("got %v", err)
	}
}
