package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"

	"github.com/sparkstalk/sparkstalk/host"
)

// FuzzSettings reads any sparkstalk.yaml, and its text as the value of each
// setting in the environment.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{
		"broker: amqp://u:p@h/v\nqueues: [a, b]\nconcurrency: 8\ntask_acks_late: true\n", "beat_schedule:\n  x: {task: a, schedule: 30, args: [1]}\n",
		"spark_conf: {a: b}\ntask_routes: {'a.*': q}\n", "[1]", "a: &x [*x]", "task_annotations: {'*': {rate_limit: 1/s}}", "true", "3.5", "a=b\nc=d", `{"x-max-priority": 10}`, "~", "- - -",
	} {
		f.Add([]byte(seed))
	}
	s := newSettings(pflag.NewFlagSet("fuzz", pflag.ContinueOnError))
	s.file = filepath.Join(f.TempDir(), "sparkstalk.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(s.file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		var cfg host.Config
		for _, err := range s.readFile(&cfg) {
			if err.Error() == "" {
				t.Errorf("%q: an error without a word", text)
			}
		}
		for _, field := range configFields(&cfg) {
			_ = set(field, string(text)) // errors are answers to nonsense; a panic is not
		}
	})
}
