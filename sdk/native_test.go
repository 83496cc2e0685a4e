package sdk_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/sdk"
)

// keeper is a host that keeps a result.
type keeper struct {
	abi.Unsupported
	last []byte
}

func (*keeper) TaskArgs() []byte             { return []byte(`{"args":[],"kwargs":{}}`) }
func (k *keeper) ResultJSON(v []byte) error  { k.last = v; return nil }
func (k *keeper) ResultError(v []byte) error { k.last = v; return nil }

func TestWhatAPluginRegistersIsItsOwn(t *testing.T) {
	before := len(sdk.Manifest().Tasks)
	load := func(answer string) *sdk.Module {
		m, err := sdk.Load(func() error {
			// A name that is registered twice in one module is a panic.
			sdk.Task("native.answer", func(*sdk.Context, struct{}) (string, error) { return answer, nil })
			sdk.Needs("raw_plans")
			sdk.Limit(sdk.Limits{Rows: 100})
			sdk.Limit(sdk.Limits{Rows: 500, TimeLimit: 1.5})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	one, two := load("one"), load("two")
	for want, m := range map[string]*sdk.Module{`"one"`: one, `"two"`: two} {
		h := &keeper{}
		if code := m.Run(h, 0); code != 0 || string(h.last) != want {
			t.Errorf("got %d, %s, want %s", code, h.last, want)
		}
		if code := m.Run(h, 1); code != 1 {
			t.Errorf("the second of one tasks returned %d", code)
		}
		if code := m.Describe(h); code != 0 || strings.Count(string(h.last), `"name":"native.answer"`) != 1 || !strings.Contains(string(h.last), "raw_plans") ||
			!strings.Contains(string(h.last), `"limits":{"time_limit":1.5,"rows":100}`) {
			t.Errorf("got %d, %s", code, h.last)
		}
	}
	if after := len(sdk.Manifest().Tasks); after != before {
		t.Errorf("the process itself has %d tasks, had %d", after, before)
	}
}

func TestLoadTellsErrorsAndPanics(t *testing.T) {
	failed := errors.New("failed")
	if _, err := sdk.Load(func() error { return failed }); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	_, err := sdk.Load(func() error { panic("no such thing") })
	if err == nil || !strings.Contains(err.Error(), "panic: no such thing") || !strings.Contains(err.Error(), "native_test.go") {
		t.Errorf("got %v", err)
	}
	if m, err := sdk.Load(func() error { return nil }); err != nil || m == nil {
		t.Errorf("got %v after a panic", err)
	}
}
