package sdk

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
)

func TestSchedulesAreInTheManifest(t *testing.T) {
	got := define("a.b", reflect.TypeFor[struct{}](), reflect.TypeFor[int](), []Option{
		Every(90*time.Second, ByTheClock(), With(1, "x"), WithOption("queue", "reports"), WithOption("expires", 30)),
		Crontab("*/5 * * * mon-fri", WithKwarg("letter", "ä")),
	}).spec.Schedule
	want := []abi.Schedule{
		{Every: 90, Relative: true, Args: []json.RawMessage{[]byte("1"), []byte(`"x"`)}, Options: map[string]json.RawMessage{"queue": []byte(`"reports"`), "expires": []byte("30")}},
		{Crontab: "*/5 * * * mon-fri", Kwargs: map[string]json.RawMessage{"letter": []byte(`"ä"`)}},
	}
	a, errA := json.Marshal(got)
	b, errB := json.Marshal(want)
	if errA != nil || errB != nil || string(a) != string(b) {
		t.Errorf("got %s, %v\nwant %s, %v", a, errA, b, errB)
	}
}

func TestASchedulePanicsWithTheTasksName(t *testing.T) {
	for name, o := range map[string]Option{
		"cannot be sent every 0s": Every(0),
		"cannot be encoded":       Crontab("* * * * *", With(func() {})),
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if text, _ := recover().(string); !strings.Contains(text, name) || !strings.Contains(text, "a.b") {
					t.Errorf("panic %q does not say %q", text, name)
				}
			}()
			define("a.b", reflect.TypeFor[struct{}](), reflect.TypeFor[int](), []Option{o})
		})
	}
}
