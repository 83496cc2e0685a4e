package spark_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/spark/sparktest"
)

func conf(t *testing.T, s *spark.Session, call spark.ConfCall) string {
	t.Helper()
	answer, err := s.Conf(t.Context(), call)
	if err != nil {
		t.Fatalf("%+v: %v", call, err)
	}
	var text *string
	if err := json.Unmarshal(answer, &text); err != nil {
		t.Fatal(err)
	}
	if text == nil {
		return "null"
	}
	return *text
}

func TestSettingsThatWereChangedOutliveTheSession(t *testing.T) {
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		const partitions, zone, mine, none = "spark.sql.shuffle.partitions", "spark.sql.session.timeZone", "spark.sparkstalk.mine", "spark.sparkstalk.none"
		s := openWith(t, spark.Config{Remote: remote, Conf: func() map[string]string {
			return map[string]string{zone: "Asia/Tokyo", mine: "host"}
		}})
		for _, call := range []spark.ConfCall{
			{Call: "set", Key: partitions, Value: "7"}, {Call: "set", Key: zone, Value: "Europe/Rome"},
			{Call: "set", Key: none, Value: "1"}, {Call: "unset", Key: none}, {Call: "unset", Key: mine},
		} {
			conf(t, s, call)
		}
		end(t, remote, s.ID())
		if err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.Generation() != 2 {
			t.Fatalf("generation %d", s.Generation())
		}
		otherwise := "otherwise"
		for key, want := range map[string]string{partitions: "7", zone: "Europe/Rome", none: otherwise, mine: otherwise} {
			if got := conf(t, s, spark.ConfCall{Call: "get", Key: key, Default: &otherwise}); got != want {
				t.Errorf("%s is %s, want %s", key, got, want)
			}
		}
	})
}

func TestASettingThatIsRefusedLaterHoldsNobodyUp(t *testing.T) {
	server := sparktest.Start(t, func(o *sparktest.Operation) error { o.Rows(1); return nil })
	s := connect(t, server)
	conf(t, s, spark.ConfCall{Call: "set", Key: "spark.a", Value: "1"})
	server.CloseSessions()
	if err := s.Ping(t.Context()); !errors.Is(err, spark.ErrSessionLost) {
		t.Fatal(err)
	}
	// The first request of the new session marks it, the second is the setting.
	server.Fail("Config", nil, sparktest.Error("CANNOT_MODIFY_CONFIG", "org.apache.spark.sql.AnalysisException", "[CANNOT_MODIFY_CONFIG] no"))
	for range 2 {
		if _, err := ids(t.Context(), s, anything, spark.Options{}); err != nil {
			t.Error(err)
		}
	}
}

func TestChangedSettingsAreLimited(t *testing.T) {
	server := sparktest.Start(t, func(o *sparktest.Operation) error { o.Rows(1); return nil })
	s := connect(t, server)
	for n := range 1000 {
		conf(t, s, spark.ConfCall{Call: "set", Key: fmt.Sprint("spark.a", n), Value: "1"})
	}
	for _, call := range []spark.ConfCall{{Call: "set", Key: "spark.b", Value: "1"}, {Call: "set", Key: "spark.a1", Value: strings.Repeat("x", 1<<20)}} {
		if _, err := s.Conf(t.Context(), call); err == nil || !strings.Contains(err.Error(), "unset some") {
			t.Errorf("%s: %v", call.Key, err)
		}
	}
	conf(t, s, spark.ConfCall{Call: "unset", Key: "spark.a1"})
	conf(t, s, spark.ConfCall{Call: "set", Key: "spark.b", Value: "1"})
}
