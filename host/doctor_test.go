package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestDoctorFindsWhatIsWrongAndTheWayOut(t *testing.T) {
	t.Parallel()
	plugins := t.TempDir()
	hosttest.Drop(t, hosttest.Build(t, "../plugins/demo", "1"), plugins, "demo.wasm")
	broken := t.TempDir()
	hosttest.Drop(t, hosttest.Build(t, "../plugins/demo", "1"), broken, "demo.wasm")
	if err := os.WriteFile(filepath.Join(broken, "bad.wasm"), []byte("no module"), 0o600); err != nil {
		t.Fatal(err)
	}
	well := func() Config {
		return Config{Broker: proctest.RabbitMQ(t), ResultBackend: proctest.Redis(t), Spark: proctest.Sail(t), Plugins: plugins}
	}
	for name, c := range map[string]struct {
		change func(*Config)
		check  string // that is not ok
		status string
		detail string
		way    string
	}{
		"nothing":             {func(*Config) {}, "", "", "", ""},
		"no broker":           {func(c *Config) { c.Broker = "amqp://guest:secret@127.0.0.1:1//" }, "broker", CheckFailed, "connection refused", "CELERY_BROKER_URL"},
		"Redis as broker":     {func(c *Config) { c.Broker = c.ResultBackend }, "", "", "", ""},
		"wrong password":      {func(c *Config) { c.Broker = strings.Replace(c.Broker, "guest:guest", "guest:secret", 1) }, "broker", CheckFailed, "refuses user", "CELERY_BROKER_URL"},
		"no kind of broker":   {func(c *Config) { c.Broker = "kafka://h" }, "broker", CheckFailed, "not served", "--broker"},
		"no result backend":   {func(c *Config) { c.ResultBackend = "redis://:secret@127.0.0.1:1" }, "result_backend", CheckFailed, "connection refused", "CELERY_RESULT_BACKEND"},
		"no kind of backend":  {func(c *Config) { c.ResultBackend = "mongodb://127.0.0.1" }, "result_backend", CheckFailed, "not served", "--result-backend"},
		"no folder":           {func(c *Config) { c.Plugins = filepath.Join(plugins, "none") }, "modules", CheckFailed, "no such file", "--plugins"},
		"no modules":          {func(c *Config) { c.Plugins = t.TempDir() }, "modules", CheckWarning, "0 modules", "sparkstalk build"},
		"a broken module":     {func(c *Config) { c.Plugins = broken }, "module bad", CheckWarning, "wasm", "sparkstalk build"},
		"no Spark":            {func(c *Config) { c.Spark = "sc://127.0.0.1:1" }, "engine", CheckFailed, "connection refused", "SPARK_REMOTE"},
		"no kind of engine":   {func(c *Config) { c.Spark = "flink" }, "engine", CheckFailed, "not known", "--spark"},
		"not installed":       {func(c *Config) { c.Spark, c.Home = "local[1]", t.TempDir() }, "engine", CheckFailed, "not installed", "sparkstalk engine install local"},
		"a home of no folder": {func(c *Config) { c.Home = "/dev/null/home" }, "home", CheckFailed, "not a directory", "--home"},
		"bad settings":        {func(c *Config) { c.Concurrency, c.SparkMemory = -1, "much" }, "settings", CheckFailed, "concurrency", "settings"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := well()
			c.change(&cfg)
			var wrong []Check
			for _, check := range Doctor(t.Context(), cfg) {
				if check.Status != CheckOK {
					wrong = append(wrong, check)
				}
				if strings.Contains(check.Detail+check.Way, "secret") {
					t.Errorf("a password is told: %+v", check)
				}
			}
			if c.check == "" {
				if len(wrong) != 0 {
					t.Errorf("found %+v", wrong)
				}
				return
			}
			// Without a home nothing else can be looked at.
			if len(wrong) == 0 || wrong[0].Name != c.check || wrong[0].Status != c.status || len(wrong) > 1 && c.check != "home" {
				t.Fatalf("found %+v, want %s of %s alone", wrong, c.status, c.check)
			}
			if got := wrong[0]; !strings.Contains(got.Detail, c.detail) || !strings.Contains(got.Way, c.way) {
				t.Errorf("found %+v, want %q and the way %q", got, c.detail, c.way)
			}
		})
	}
}

func TestDoctorFindsNoJava(t *testing.T) {
	t.Setenv("JAVA_HOME", t.TempDir())
	plugins := t.TempDir()
	hosttest.Drop(t, hosttest.Build(t, "../plugins/demo", "1"), plugins, "demo.wasm")
	checks := Doctor(t.Context(), Config{Broker: proctest.RabbitMQ(t), ResultBackend: proctest.Redis(t), Spark: "local[1]", Plugins: plugins})
	if last := checks[len(checks)-1]; last.Status != CheckFailed || !strings.Contains(last.Detail, "JAVA_HOME has none") || !strings.Contains(last.Detail, "install") {
		t.Errorf("found %+v", last)
	}
}

func TestDoctorLooksAtWhoMayWriteModules(t *testing.T) {
	cfg, err := Config{Plugins: t.TempDir(), Home: t.TempDir()}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	for mode, warned := range map[os.FileMode]bool{0o755: false, 0o777: true} {
		if err := os.Chmod(cfg.Plugins, mode); err != nil {
			t.Fatal(err)
		}
		checks := checkModules(t.Context(), cfg)
		last := checks[len(checks)-1]
		if got := last.Name == "modules folder" && last.Status == CheckWarning && strings.Contains(last.Way, "chmod go-w "+cfg.Plugins); got != warned {
			t.Errorf("mode %v: found %+v", mode, checks)
		}
	}
}
