package abi_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
)

// filled has a limit's own number, or n if that is not zero, in each field.
func filled(n int) (l abi.Limits) {
	v := reflect.ValueOf(&l).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.CanFloat() {
			f.SetFloat(float64(n))
		} else {
			f.SetInt(int64(n))
		}
	}
	return l
}

func TestTheSmallerLimitHolds(t *testing.T) {
	none, two, five := abi.Limits{}, filled(2), filled(5)
	for name, c := range map[string]struct{ got, want abi.Limits }{
		"smaller within larger":  {two.Within(five), two},
		"larger within smaller":  {five.Within(two), two},
		"none within some":       {none.Within(two), two},
		"some within none":       {two.Within(none), two},
		"some over others":       {two.Over(five), two},
		"none over some":         {none.Over(five), five},
		"one field over another": {abi.Limits{Rows: 7}.Over(abi.Limits{Rows: 1, Cursors: 3}), abi.Limits{Rows: 7, Cursors: 3}},
		"fields apart":           {abi.Limits{Rows: 7, TimeLimit: 0.5}.Within(abi.Limits{Rows: 1, TimeLimit: 1.5}), abi.Limits{Rows: 1, TimeLimit: 0.5}},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, c.got, c.want)
		}
	}
	for _, c := range []struct {
		limits abi.Limits
		want   string
	}{
		{filled(1), ""}, {abi.DefaultLimits, ""}, {abi.Limits{CPULimit: -0.5}, "cpu_limit is -0.5: it cannot be negative"},
		{abi.Limits{MemoryMiB: 5000}, "memory_mib is 5000: it cannot be more than 4096"},
	} {
		if err := c.limits.Check(); (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%+v: %v", c.limits, err)
		}
	}
	if _, err := abi.ParseManifest([]byte(`{"abi":1,"tasks":[{"name":"a"}],"limits":{"rows":-1}}`)); err == nil || !strings.Contains(err.Error(), "limits: rows is -1") {
		t.Errorf("a manifest with a negative limit: %v", err)
	}
}
