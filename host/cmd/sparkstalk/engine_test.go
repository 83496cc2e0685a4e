package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

func TestDoctorAndEngineStatusShowWhatAnEngineHas(t *testing.T) {
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		c := commander{t: t, home: t.TempDir()}
		sail := strings.HasSuffix(t.Name(), "/sail")
		lacks := []spark.Feature{spark.FeaturePersist, spark.FeatureProgress, spark.FeatureArtifacts}

		// has is what Spark has and Sail lacks; both have checkpoints.
		check := func(where string, has, lack []spark.Feature) {
			t.Helper()
			if !slices.Contains(has, spark.FeatureCheckpoint) {
				t.Errorf("%s: it has %v, without %s", where, has, spark.FeatureCheckpoint)
			}
			for _, f := range lacks {
				if slices.Contains(lack, f) != sail || slices.Contains(has, f) == sail {
					t.Errorf("%s: is %s lacking? It has %v and lacks %v", where, f, has, lack)
				}
			}
		}

		var status struct{ Capabilities *spark.Capabilities }
		if err := json.Unmarshal([]byte(c.run("", "engine", "status", remote, "--json")), &status); err != nil || status.Capabilities == nil {
			t.Fatalf("engine status --json: %v, %v", status, err)
		}
		can := status.Capabilities
		check("engine status", can.Has, can.Lacks)
		text := c.run("", "engine", "status", remote)
		for _, words := range []string{can.Engine + " " + can.Version + " has [", "lacks [", string(spark.FeatureCheckpoint)} {
			if !strings.Contains(text, words) {
				t.Errorf("engine status has no %q:\n%s", words, text)
			}
		}

		var doctor struct{ Checks []host.Check }
		out := c.run("", "doctor", "--json", "--broker", proctest.RabbitMQ(t), "--result-backend", "disabled://", "--spark", remote, "--plugins", t.TempDir())
		if err := json.Unmarshal([]byte(out), &doctor); err != nil {
			t.Fatal(err)
		}
		features := map[string][]spark.Feature{}
		for _, found := range doctor.Checks {
			for name := range strings.SplitSeq(found.Detail, ", ") {
				features[found.Name] = append(features[found.Name], spark.Feature(name))
			}
		}
		check("doctor", features["engine has"], features["engine lacks"])
	})
}
