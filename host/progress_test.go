package host

import (
	"encoding/json"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/hostfn"
	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestSparksProgressIsTheStateThatPythonSees(t *testing.T) {
	t.Parallel()
	for name, backend := range map[string]string{"rpc": "", "redis": proctest.Redis(t)} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, func(c *Config) { c.Spark, c.ResultBackend = proctest.Spark(t), backend })
			hosttest.Eventually(t, w.heard.Connected)
			out, err := w.client("states", "test.slow_query").Output()
			if err != nil {
				t.Fatal(err)
			}
			var seen [][2]json.RawMessage
			if err := json.Unmarshal(out, &seen); err != nil {
				t.Fatal(err)
			}
			reports, before := 0, hostfn.SparkProgress{}
			for _, s := range seen {
				if string(s[0]) != `"PROGRESS"` {
					continue
				}
				reports++
				var p hostfn.SparkProgress
				if err := json.Unmarshal(s[1], &p); err != nil {
					t.Fatal(err)
				}
				if p.Total < 1 || p.Stages < 1 || p.Fraction < before.Fraction || p.Fraction >= 1 {
					t.Errorf("got %+v after %+v", p, before)
				}
				before = p
			}
			if last := string(seen[len(seen)-1][0]); reports == 0 || last != `"REVOKED"` {
				t.Errorf("%d reports, at last %s; saw %s", reports, last, out)
			}
		})
	}
}
