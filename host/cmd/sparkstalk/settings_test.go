package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/sparkstalk/sparkstalk/host"
)

// load reads settings as a command line would, in an empty folder.
func load(t *testing.T, file string, env map[string]string, args ...string) (host.Config, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, name := range []string{"CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "SPARK_REMOTE", "CONSUMER_PRIORITY"} {
		t.Setenv(name, "")
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
	if file != "" {
		if err := os.WriteFile("sparkstalk.yaml", []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	s := newSettings(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return s.config()
}

func TestFlagsWinOverEnvironmentOverFile(t *testing.T) {
	file := "broker: amqp://file\nresult_backend: redis://file\nspark: local[1]\nconcurrency: 3\nqueues: [a, b]\nqueue_args: {x-max-priority: 10}\n"
	env := map[string]string{"CELERY_BROKER_URL": "amqp://env", "SPARKSTALK_CONCURRENCY": "5", "SPARK_REMOTE": "sc://env", "CONSUMER_PRIORITY": "-4"}
	cfg, err := load(t, file, env, "--broker", "amqp://flag", "-Q", "x,y", "--acks-late", "--prefetch-multiplier", "0", "--without-gossip")
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"broker":"amqp://flag"`, `"result_backend":"redis://file"`, `"spark":"sc://env"`, `"concurrency":5`, `"queues":["x","y"]`,
		`"queue_args":{"x-max-priority":10}`, `"consumer_priority":-4`, `"task_acks_late":true`, `"prefetch_multiplier":0`, `"worker_gossip":false`, `"worker_mingle":null`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}

func TestConcurrencyAutoIsTheDefault(t *testing.T) {
	cfg, err := load(t, "concurrency: 3\n", nil, "-c", "auto")
	if err != nil || cfg.Concurrency != 0 {
		t.Errorf("concurrency %d, %v", cfg.Concurrency, err)
	}
}

func TestEngineSettings(t *testing.T) {
	file := "spark_conf: {spark.a: '1', spark.b: '2'}\nspark_jars: [x.jar, y]\n"
	cfg, err := load(t, file, map[string]string{"SPARK_CONNECT_AUTHENTICATE_TOKEN": "secret", "SPARKSTALK_SPARK_MEMORY": "2g"},
		"--conf", "spark.b=a,b=c", "--conf", "spark.c=", "--spark-tls-ca", "ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"spark_conf":{"spark.a":"1","spark.b":"a,b=c","spark.c":""}`, `"spark_jars":["x.jar","y"]`,
		`"spark_token":"secret"`, `"spark_memory":"2g"`, `"spark_tls_ca":"ca.pem"`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	if _, err := load(t, "", nil, "--conf", "nothing"); err == nil || !strings.Contains(err.Error(), `flag --conf: "nothing" is not NAME=VALUE`) {
		t.Errorf("a flag without a value: %v", err)
	}
}

func TestBadSettingsAreNamedWithTheirSource(t *testing.T) {
	_, err := load(t, "", map[string]string{"SPARKSTALK_GRACE": "soon"}, "-c", "many", "-l", "loud")
	for _, want := range []string{`environment SPARKSTALK_GRACE: "soon"`, `flag --concurrency: "many"`, `loglevel "loud"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %s", err, want)
		}
	}
	if _, err := load(t, "brokr: x\n", nil); err == nil || !strings.Contains(err.Error(), "brokr") {
		t.Errorf("a misspelt setting: %v", err)
	}
	if _, err := load(t, "", nil, "--config", filepath.Join("no", "such.yaml")); err == nil || !strings.Contains(err.Error(), "such.yaml") {
		t.Errorf("a missing file: %v", err)
	}
}

func TestArgumentsAreJSONOrText(t *testing.T) {
	a := arguments{args: "[1]", kwargs: `{"a": 2}`}
	args, kwargs, err := a.parse([]string{"text", "2.50", "b=[1, 2]", "c=some words", "null"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(map[string]any{"args": args, "kwargs": kwargs})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"args":[1,"text",2.50,null],"kwargs":{"a":2,"b":[1,2],"c":"some words"}}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, bad := range []arguments{{args: "null"}, {args: "{}"}, {kwargs: "null"}, {kwargs: "[]"}} {
		if _, _, err := bad.parse(nil); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

func TestBeatSettings(t *testing.T) {
	file := `
timezone: Europe/Berlin
beat_cron_starting_deadline: 60
beat_schedule:
  report:
    task: demo.WordCount
    schedule: {crontab: {minute: [0, 30], hour: "8-17", day_of_week: mon-fri}}
    args: [/data]
    kwargs: {first_letter: b}
    options: {queue: reports, expires: 600}
  often: {task: demo.simple_sum, schedule: 30.0, args: [3]}
  line: {task: demo.simple_sum, schedule: "*/5 * * * *"}
`
	cfg, err := load(t, file, nil, "-B", "--schedule", "x.json", "--max-interval", "5")
	if err != nil {
		t.Fatal(err)
	}
	if !cfg.Beat || cfg.BeatScheduleFilename != "x.json" || cfg.BeatMaxLoopInterval != 5 || *cfg.BeatCronStartingDeadline != 60 {
		t.Errorf("got %+v", cfg)
	}
	if len(cfg.BeatSchedule) != 3 {
		t.Errorf("entries %v", cfg.BeatSchedule)
	}
	for name, e := range cfg.BeatSchedule {
		if err := e.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if e := cfg.BeatSchedule["report"]; string(e.Args) != `["/data"]` || !strings.Contains(string(e.Options), `"reports"`) {
		t.Errorf("entry %s %s", e.Args, e.Options)
	}
	cfg, err = load(t, "", map[string]string{"SPARKSTALK_BEAT_SCHEDULE": `{"a": {"task": "t", "schedule": 5}}`})
	if err != nil || string(cfg.BeatSchedule["a"].Schedule) != "5" {
		t.Errorf("from the environment: %v, %v", cfg.BeatSchedule, err)
	}
	cfg, err = load(t, "", map[string]string{"SPARKSTALK_BROKER_TRANSPORT_OPTIONS": `{"visibility_timeout": 5}`})
	if err != nil || cfg.BrokerTransportOptions.VisibilityTimeout != 5 {
		t.Errorf("options from the environment: %+v, %v", cfg.BrokerTransportOptions, err)
	}
	if _, err = load(t, "beat_schedule: {a: {task: t, when: 5}}", nil); err == nil {
		t.Error("a member that is unknown was taken")
	}
}
