package policy

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func rightsOf(t *testing.T, rules Rules, module string, capabilities ...string) *Rights {
	t.Helper()
	asks, err := ParseAsks(capabilities)
	if err != nil {
		t.Fatal(err)
	}
	return rules.For(module, asks)
}

func TestPathsThatLeadElsewhereAreDenied(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	r := rightsOf(t, Rules{"m": {Read: []string{"/data/**", "s3://bucket/in/**", "here/*", "jdbc:postgresql://db/**"}}}, "m")
	for path, want := range map[string]bool{
		"/data":                     true,
		"/data/a.parquet":           true,
		"/data/x/y/*.csv":           true,
		"/data/x{a,b}/*.csv":        true,
		"file:/data/a":              true,
		"file:///data/a":            true,
		"file://localhost/data/a":   true,
		"FILE:///data/a":            true,
		" /data/a ":                 true,
		"//data/./a":                true,
		"s3://bucket/in/x":          true,
		"s3a://bucket/in/*":         true,
		"s3n://BUCKET/in/x":         true,
		"here/file":                 true,
		wd + "/here/file":           true,
		"jdbc:postgresql://db/name": true,

		"":                            false,
		"/":                           false,
		"/etc/passwd":                 false,
		"/data/../etc/passwd":         false,
		"/data/x/../../etc/passwd":    false,
		"file:///data/../etc":         false,
		"/data/*/../../../etc":        false,
		"/data/{x,../../etc}/y":       false,
		"/data/{x,..}/y":              false,
		"/data/[.]./y":                true, // a name of two dots that brackets spell is no way up
		"/data/%2e%2e/etc":            false,
		"file:///data/%2E%2E/etc":     false,
		"/data/..%2fetc":              false,
		"/data\\..\\etc":              false,
		"/dat*/x":                     false,
		"/d?ta/x":                     false,
		"/{data,etc}/x":               false,
		"/database":                   false,
		"data/x":                      false,
		"here/sub/file":               false,
		"here/../x":                   false,
		"s3://bucket/in/../secret":    false,
		"s3://bucket/secret":          false,
		"s3://other/in/x":             false,
		"hdfs://bucket/in/x":          false,
		"http://bucket/in/x":          false,
		"jdbc:postgresql://other/x":   false,
		"/data/a\nb":                  false,
		"s3://bucket/in%2f..%2fout/x": false,
	} {
		if err := r.CheckPath(Read, path); (err == nil) != want {
			t.Errorf("%q: %v, want allowed %v", path, err, want)
		}
		if err := r.CheckPath(Write, path); err == nil {
			t.Errorf("%q may be written", path)
		}
	}
}

func TestLinksLeadWhereTheyLead(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"in/real/sub", "in/plain", "in/k=1", "in/nested/deep", "in/inside", "in/round", "secret", "elsewhere"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for at, to := range map[string]string{
		"in/link": "../secret", "in/k=1/part": "../../secret", "in/nested/deep/x.csv": "../../../elsewhere", "in/inside/a": "../real", "in/round/back": "..",
		"in/real/sub/gone": "no such",
	} {
		if err := os.Symlink(to, filepath.Join(dir, at)); err != nil {
			t.Fatal(err)
		}
	}
	r := rightsOf(t, Rules{"*": {Read: []string{dir + "/in/**"}, Write: []string{dir + "/in/**"}}}, "m")
	for path, want := range map[string]bool{
		"/in/x": true, "/in/no/such/x": true, "/in/link": false, "/in/link/x": false, "/in/link/no/such": false, "/in/link/*": false, "/secret/x": false,
		// A pattern, or a folder that an engine lists, may come by a link.
		"/in/lin?/x": false, "/in/[l]ink/x": false, "/in/{x,link}/x": false, "/in/l*": false, "/in/*": false, "/in/*/x": false, "/in/**": false, "/in": false,
		"/in/[!x]ink/y": false, "/in/[^x]*/y": false, "/in/nested/*.txt": false,
		"/in/k=1": false, "/in/k=*": false, "/in/nested": false, "/in/nested/*/*.csv": false, "/in/n*d/deep/x.csv": false,
		"/in/round": false, "/in/round/*": false, "/in/r*/back/link/x": false,
		// What is below these leads nowhere, or to what is granted.
		"/in/re*": true, "/in/real": true, "/in/inside": true, "/in/inside/*": true, "/in/i*/a/sub": true, "/in/p*": true, "/in/x*/link": true,
	} {
		for _, right := range []Right{Read, Write} {
			if err := r.CheckPath(right, dir+path); (err == nil) != want {
				t.Errorf("%s %q: %v, want allowed %v", right, path, err, want)
			}
		}
	}
	if err := r.CheckPath(Read, dir+"/in/lin?/x"); err == nil || !strings.Contains(err.Error(), "read "+dir+"/secret (to which the link "+dir+"/in/link leads); in sparkstalk.yaml") {
		t.Errorf("the error is %v", err)
	}
	// What leads elsewhere may be granted as well.
	both := rightsOf(t, Rules{"*": {Read: []string{dir + "/in/**", dir + "/secret/**", dir + "/elsewhere/**"}}}, "m")
	all := rightsOf(t, Rules{"*": {Read: []string{"**"}}}, "m")
	for _, path := range []string{"/in", "/in/*", "/in/round"} {
		for _, r := range []*Rights{both, all} {
			if err := r.CheckPath(Read, dir+path); err != nil {
				t.Errorf("%q: %v", path, err)
			}
		}
	}
}

func TestTheSmallerOfBothHolds(t *testing.T) {
	rules := Rules{
		"*":      {Read: []string{"/pub/**"}, Send: []string{"pub.*"}},
		"rep*":   {Read: []string{"/rep/**"}, SQL: true, ReadTable: []string{"sales.*"}, Env: []string{"TZ"}},
		"report": {RawPlans: true, HTTP: []string{"api.example.com"}},
	}
	for _, test := range []struct {
		module string
		asks   []string
		right  Right
		what   string
		want   string // in the denial; empty is none
	}{
		{"report", nil, Read, "/pub/x", ""},
		{"report", nil, Read, "/rep/x", ""},
		{"other", nil, Read, "/rep/x", "this worker does not grant the module other the right to read /rep/x; in sparkstalk.yaml these lines do:\nmodules:\n  other:\n    read: [\"/rep/x\"]"},
		{"report", []string{"read:/pub/**"}, Read, "/pub/x", ""},
		{"report", []string{"read:/pub/**"}, Read, "/rep/x", `does not ask for the right to read /rep/x; its manifest names it in capabilities, the Go SDK with sdk.Needs("read:/rep/x")`},
		{"report", []string{"read:/pub/**"}, SQL, "", `does not ask for the right to sql; its manifest names it in capabilities, the Go SDK with sdk.Needs("sql")`},
		{"report", []string{"read"}, Read, "/rep/x", ""},
		{"report", []string{"read"}, Read, "/etc/x", "does not grant"},
		{"report", nil, SQL, "", ""},
		{"other", nil, SQL, "", "modules:\n  other:\n    sql: true"},
		{"report", nil, RawPlans, "", "does not ask"},
		{"report", []string{"raw_plans"}, RawPlans, "", ""},
		{"report", []string{"raw_plans"}, SQL, "", ""},
		{"repair", []string{"raw_plans"}, RawPlans, "", "does not grant"},
		{"report", nil, Env, "TZ", "does not ask"},
		{"report", []string{"env:TZ"}, Env, "TZ", ""},
		{"report", []string{"env:TZ"}, Env, "HOME", "does not ask"},
		{"report", []string{"env"}, Env, "HOME", "does not grant"},
		{"report", []string{"http:api.example.com"}, HTTP, "api.example.com", ""},
		{"other", nil, Send, "pub.x", ""},
		{"other", nil, Send, "private.x", "does not grant"},
		{"report", nil, Conf, "spark.x", "does not grant"},
	} {
		r := rightsOf(t, rules, test.module, test.asks...)
		err := r.Check(test.right, test.what)
		if test.right == Read {
			err = r.CheckPath(test.right, test.what)
		}
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s asks %q, %s %s: %v, want …%s…", test.module, test.asks, test.right, test.what, err, test.want)
		}
		if _, ok := errors.AsType[*Denial](err); err != nil && !ok {
			t.Errorf("%v is no Denial", err)
		}
	}
	r := rightsOf(t, rules, "report")
	for name, want := range map[string]bool{"sales.orders": true, "`Sales`.`orders`": true, "hr.people": false, "orders": false} {
		if err := r.CheckTable(ReadTable, name); (err == nil) != want {
			t.Errorf("table %s: %v", name, err)
		}
	}
}

// What a rule grants, a manifest asks for and a key may be granted must agree,
// for each right.
func TestAKeyHoldsWhatItSignsToWhatItMay(t *testing.T) {
	all := []string{"**"}
	rules := Rules{"m": {
		Read: []string{"/data/**", "/etc/**"}, Write: all, ReadTable: all, WriteTable: all, Send: all, Env: all, HTTP: all, Conf: all, SQL: true, RawPlans: true,
	}}
	check := func(r *Rights, right Right, what string) error {
		switch right {
		case Read, Write:
			return r.CheckPath(right, what)
		case ReadTable, WriteTable:
			return r.CheckTable(right, what)
		case HTTP:
			return r.CheckURL(&url.URL{Scheme: "https", Host: what})
		}
		return r.Check(right, what)
	}
	const byKey = "is signed by the key k, which may not be granted the right to "
	for _, test := range []struct {
		key, asks []string
		right     Right
		what      string
		want      string // in the denial; empty is none
	}{
		{[]string{"raw_plans"}, nil, Read, "/data/x", ""}, // the key leaves data to the rules
		{[]string{"raw_plans"}, nil, SQL, "", ""},
		{nil, nil, Write, "/out", ""},
		{[]string{"read:/data/*"}, nil, Read, "/data/x/y", ""},
		{[]string{"read:/data/*"}, nil, Read, "/etc/passwd", byKey + "read /etc/passwd"}, // though it asks for all without a word
		{[]string{"read:/data/*"}, []string{"read"}, Read, "/etc/passwd", byKey},
		{[]string{"read:/data/*"}, []string{"read:/data/../etc/**"}, Read, "/etc/passwd", byKey},
		{[]string{"read:/data/*"}, nil, Read, "/data/../etc/passwd", byKey},
		{[]string{"read:/*"}, nil, Read, "/home/x", "does not grant"},
		{[]string{"read:/data/*"}, nil, Write, "/data/x", byKey + "write /data/x"},
		{[]string{"read:/data/*"}, nil, SQL, "", byKey + "sql"},
		{[]string{"read:/data/*"}, nil, Send, "mail.send", byKey},
		{[]string{"read:/data/*"}, nil, Conf, "spark.x", byKey},
		{[]string{"read*"}, nil, ReadTable, "sales.x", ""},
		{[]string{"read*"}, nil, WriteTable, "sales.x", byKey},
		{[]string{"write_table:reports.*"}, nil, WriteTable, "reports.a.b", ""},
		{[]string{"write_table:reports.*"}, nil, WriteTable, "sales.x", byKey},
		{[]string{"*"}, []string{"http", "env", "raw_plans"}, HTTP, "example.com", ""},
		{[]string{"http:*.example.com"}, []string{"http"}, HTTP, "api.example.com", ""},
		{[]string{"http:*.example.com"}, []string{"http"}, HTTP, "evil.net", byKey + "http evil.net"},
		{[]string{"http:api.*"}, []string{"http"}, HTTP, "api.example.com", ""},
		{[]string{"env:TZ"}, []string{"env"}, Env, "HOME", byKey + "env HOME"},
		{nil, []string{"env"}, Env, "TZ", byKey},
		{nil, []string{"http"}, HTTP, "example.com", byKey},
		{nil, []string{"raw_plans"}, RawPlans, "", byKey},
		{[]string{"*"}, nil, Env, "TZ", "does not ask"},
	} {
		most, err := ParseKey(test.key)
		if err != nil {
			t.Fatal(err)
		}
		for name, rules := range map[string]Rules{"rules": rules, "no rules": nil} {
			if rules == nil && (test.want == "does not grant" || !inData(test.right)) {
				continue
			}
			err := check(rightsOf(t, rules, "m", test.asks...).Signed("k", most), test.right, test.what)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%s: a key for %q, asks %q, %s %s: %v, want …%s…", name, test.key, test.asks, test.right, test.what, err, test.want)
			}
		}
	}
	if _, err := ParseKey([]string{"fly"}); err == nil {
		t.Error("a key may be granted what there is not")
	}
}

func TestWithoutRulesDataIsOpenAndTheRestIsNot(t *testing.T) {
	var none Rules
	r := rightsOf(t, none, "m", "env", "raw_plans")
	for right, want := range map[Right]bool{Read: true, Write: true, SQL: true, Send: true, Env: false, RawPlans: false, HTTP: false} {
		if err := r.Check(right, "x"); (err == nil) != want {
			t.Errorf("%s: %v", right, err)
		}
	}
	if err := rightsOf(t, none.AllowAll(), "m", "env").Check(Env, "x"); err != nil {
		t.Error(err)
	}
	if err := rightsOf(t, Rules{}, "m").CheckPath(Read, "/x"); err == nil {
		t.Error("empty rules grant something")
	}
	if err := rightsOf(t, none, "m", "read:/a/**").CheckPath(Read, "/b"); err == nil {
		t.Error("a module gets what it does not ask for")
	}
}

func TestLimitsOfTheClosestRule(t *testing.T) {
	rules := Rules{"*": {Limits: Limits{TimeLimit: 60, Rows: 10}}, "rep*": {Limits: Limits{TimeLimit: 5}}}
	defaults := Limits{Rows: 1000, Cursors: 8}
	if l := rules.Limits("report", defaults, Limits{}); l != (Limits{TimeLimit: 5, Rows: 10, Cursors: 8}) {
		t.Errorf("limits %+v", l)
	}
	if l := rules.Limits("report", defaults, Limits{TimeLimit: 60, Rows: 3, Cursors: 100, LogLines: 7}); l != (Limits{TimeLimit: 5, Rows: 3, Cursors: 8, LogLines: 7}) {
		t.Errorf("limits of a module that asks: %+v", l)
	}
	isolated := Rules{"*": {Isolation: InProcess}, "rep*": {Isolation: InHost}}
	if !isolated.Isolated("other") || isolated.Isolated("report") || rules.Isolated("report") {
		t.Error("Isolated goes by another rule")
	}
	if err := (Rules{"*": {Isolation: "jail"}}).Check(); err == nil || !strings.Contains(err.Error(), `isolation is "jail"; it can be host or process`) {
		t.Errorf("Check: %v", err)
	}
	if err := (Rules{"[": {}, "a": {Limits: Limits{Rows: -1}}, "b": {Read: []string{""}}}).Check(); err == nil ||
		!strings.Contains(err.Error(), `"[" is no pattern`) || !strings.Contains(err.Error(), "rows is -1") || !strings.Contains(err.Error(), "b: read has an empty pattern") {
		t.Errorf("Check: %v", err)
	}
}

func TestCapabilitiesThatMakeNoSense(t *testing.T) {
	for text, want := range map[string]string{
		"fly": `there is no right "fly"; there are conf, env`, "sql:x": "sql takes no pattern", "read:": "nothing stands behind the colon",
		"read:" + strings.Repeat("*", 2000): "longer than 1024 bytes",
	} {
		if _, err := ParseAsks([]string{text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want …%s…", text, err, want)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"/data/x", "/data/../x", "s3://b/%2e%2e/x", "/data/{a,b}/*", "file:///data/[.]./x"} {
		f.Add(s)
	}
	r := Rules{"m": {Read: []string{"/no-such-data/**"}}}.For("m", nil)
	f.Fuzz(func(t *testing.T, raw string) {
		if r.CheckPath(Read, raw) != nil {
			return
		}
		names, err := NormalPath(raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if name != "/no-such-data" && !strings.HasPrefix(name, "/no-such-data/") || strings.Contains(name, "/../") || strings.HasSuffix(name, "/..") {
				t.Errorf("%q is allowed as %q", raw, name)
			}
		}
	})
}
