package policy

import (
	"slices"
	"strings"
	"testing"
)

func TestGrantsToAllModules(t *testing.T) {
	for _, test := range []struct {
		rules  Rules
		grants []string
		right  Right
		what   string
		want   bool
	}{
		{nil, []string{"http=api.example.com"}, HTTP, "api.example.com", true},
		{nil, []string{"env=A", "env=B*"}, Env, "B2", true},
		{nil, []string{"env=A", "env=B*"}, Env, "C", false},
		{nil, []string{"env=A"}, SQL, "", true}, // data is open as it was
		{nil, []string{"raw_plans"}, RawPlans, "", true},
		{Rules{}, []string{"env"}, Env, "X", true},
		{Rules{}, []string{"env"}, SQL, "", false},
		{Rules{}, []string{"sql"}, SQL, "", true},
		{Rules{}, []string{"read=/data/**"}, Read, "/data/x", true},
		{Rules{}, []string{"read=/data/**"}, Write, "/data/x", false},
		{Rules{"**": {Env: []string{"A"}}}, []string{"env=B"}, Env, "A", true},
		{Rules{"m": {Env: []string{"A"}}}, nil, Env, "B", false},
	} {
		rules, err := test.rules.Allow(test.grants)
		if err != nil {
			t.Fatal(err)
		}
		if err := rightsOf(t, rules, "m", string(test.right)).Check(test.right, test.what); (err == nil) != test.want {
			t.Errorf("%v with %q: %s %s: %v", test.rules, test.grants, test.right, test.what, err)
		}
	}
	before := Rules{"**": {Env: make([]string, 1, 8)}}
	if _, err := before.Allow([]string{"env=A"}); err != nil || len(before["**"].Env) != 1 || before["**"].Env[:2][1] != "" {
		t.Errorf("the rules themselves were changed: %v, %v", before, err)
	}
}

func TestGrantsThatAreNone(t *testing.T) {
	for grant, want := range map[string]string{
		"fly": `no right "fly"`, "sql=x": "takes no pattern", "env=": "nothing stands behind", "http=a/b": "is no host", "": "no right",
	} {
		if _, err := (Rules{}).Allow([]string{grant}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", grant, err, want)
		}
	}
}

func TestWhatIsAskedForAndNotGranted(t *testing.T) {
	asks := []string{"env:A", "env:B", "http:api.example.com", "http:*.example.org", "raw_plans", "read:/data"}
	for _, test := range []struct {
		rules Rules
		want  string
	}{
		{nil, "--allow 'env=A' --allow 'env=B' --allow 'http=*.example.org' --allow 'http=api.example.com' --allow raw_plans"},
		{Rules{"m": {Env: []string{"*"}, HTTP: []string{"x.example.org"}, Read: []string{"/data"}}}, "--allow 'http=api.example.com' --allow raw_plans"},
		{Rules(nil).AllowAll(), ""},
	} {
		if got := strings.Join(rightsOf(t, test.rules, "m", asks...).Missing(), " "); got != test.want {
			t.Errorf("%v: got %s\nwant %s", test.rules, got, test.want)
		}
	}
	if got := rightsOf(t, nil, "m", "env").Missing(); !slices.Equal(got, []string{"--allow env"}) {
		t.Errorf("got %q", got)
	}
	if got := allow(Env, "it's"); got != `--allow 'env=it'\''s'` {
		t.Errorf("got %s", got)
	}
}
