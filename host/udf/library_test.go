package udf

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/udf/jarsource"
)

const testHash = "0123456789abcdef0123456789abcdef"

func testLibrary() *Library {
	return New([]byte("\x00asm\x01\x00\x00\x00"), testHash, []abi.FunctionSpec{
		{Name: "Slug", Params: []abi.FunctionParam{{Name: "title", Type: "string"}}, Returns: "string"},
		{Name: "dice", Returns: "bigint", Nondeterministic: true},
		{Name: "noisy", Params: []abi.FunctionParam{{Type: "bigint"}}, Returns: "bigint", Nondeterministic: true},
		{Name: "total", Params: []abi.FunctionParam{{Type: "bigint"}}, Returns: "bigint", Aggregate: true},
		{Name: "both", Params: []abi.FunctionParam{{Type: "string"}, {Type: "bigint"}}, Returns: "bigint", Nondeterministic: true},
	}, DefaultMemoryMiB)
}

func TestTheJarIsOfTheseSources(t *testing.T) {
	want, err := jarsource.Hash("java")
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(runtimeJar), int64(len(runtimeJar)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open(jarsource.HashFile)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(f)
	if err != nil || strings.TrimSpace(string(got)) != want {
		t.Errorf("sparkstalk-udf.jar was made from other sources than those in java/: run scripts/gen-udf (%v)", err)
	}
}

func TestSQLTextGetsTheSessionsNames(t *testing.T) {
	l := testLibrary()
	for text, want := range map[string]string{
		"SELECT slug(title) FROM pages":             "SELECT slug_01234567(@(title)) FROM pages",
		"SELECT SLUG (a), slug( slug(b) )":          "SELECT slug_01234567 (@(a)), slug_01234567( @(slug_01234567(@(b))) )",
		"SELECT dice(), noisy (7)":                  "SELECT dice_01234567(rand(0)), noisy_01234567 (rand(0), 7)",
		"SELECT 'slug(x)', \"slug(\" -- slug(y)":    "SELECT 'slug(x)', \"slug(\" -- slug(y)",
		"SELECT db.slug(x), slug, t.slug, `slug`":   "SELECT db.slug(x), slug, t.slug, `slug`",
		"SELECT /* slug( */ r'\\' , slug('x')":      "SELECT /* slug( */ r'\\' , slug_01234567(@('x'))",
		"slug(a) + slugs(b) + total(c)":             "slug_01234567(@(a)) + slugs(b) + total_01234567(c)",
		"slug(concat(a, b)[0] || 'it''s' -- c\n)":   "slug_01234567(@(concat(a, b)[0] || 'it''s') -- c\n)",
		"both(f(a, (b)), 2), both(slug(a),dice())":  "both_01234567(rand(0), @(f(a, (b))), 2), both_01234567(rand(0), @(slug_01234567(@(a))),dice_01234567(rand(0)))",
		"both(total(a)::STRUCT<a: INT, b: INT>, 1)": "both_01234567(rand(0), total_01234567(a)::STRUCT<a: INT, b: INT>, 1)",
		"slug(*), slug(t.*), slug(2 * n), slug()":   "slug_01234567(*), slug_01234567(t.*), slug_01234567(@(2 * n)), slug_01234567()",
		"slug(DISTINCT a), slug(a, b), slug((a":     "slug_01234567(DISTINCT a), slug_01234567(a, b), slug_01234567((a",
		"slug(a)), slug(b)":                         "slug_01234567(@(a))), slug_01234567(@(b))",
		"":                                          "",
	} {
		got, _ := l.SQL(text)
		got = strings.NewReplacer("CAST(CAST(", "@(", " AS STRING) AS BINARY)", ")").Replace(got)
		if got != want {
			t.Errorf("SQL(%q) is %q; want %q", text, got, want)
		}
	}
	if _, calls := l.SQL("SELECT slug(a), total(b)"); len(calls) != 2 || calls[0].Name != "slug_01234567" || !calls[1].Aggregate {
		t.Errorf("it calls %v", calls)
	}
	var none *Library
	if got, calls := none.SQL("SELECT slug(a)"); got != "SELECT slug(a)" || calls != nil {
		t.Errorf("without functions SQL gives %q, %v", got, calls)
	}
	if _, err := none.Call("slug", nil); err == nil || !strings.Contains(err.Error(), "declares none") {
		t.Errorf("without functions Call gives %v", err)
	}
	if none.Functions() != nil {
		t.Error("a library without functions has some")
	}
}

func TestTheModulesJarHasItsFileAndAClassForEachFunction(t *testing.T) {
	l := testLibrary()
	jars := l.Functions()[0].Jars
	data, err := jars[1].Data()
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	want := "wasm/" + testHash + ".wasm"
	for i := range l.list {
		want += " " + className(testHash, i, DefaultMemoryMiB) + ".class"
	}
	if got := strings.Join(names, " "); got != want {
		t.Errorf("the jar has %s; want %s", got, want)
	}
	if class := l.Functions()[3].Class; class != "io.sparkstalk.udf.module_"+testHash+".Function3" {
		t.Errorf("the class is %s", class)
	}
}

func TestACallNeedsItsArguments(t *testing.T) {
	l := testLibrary()
	for name, args := range map[string][]*spark.Column{"slug": nil, "dice": {spark.Lit(1)}, "nothing": nil} {
		if _, err := l.Call(name, args); err == nil || !strings.Contains(err.Error(), name) && !strings.Contains(err.Error(), "Slug") {
			t.Errorf("%s with %d arguments: %v", name, len(args), err)
		}
	}
}

func TestALongDescriptionIsRefused(t *testing.T) {
	if _, err := class("a/B", functionBase, strings.Repeat("x", 1<<16), 1, ""); err == nil || !strings.Contains(err.Error(), "a/B") {
		t.Errorf("a class with 64 KiB of text: %v", err)
	}
}

func TestHostsWithOtherSettingsHaveOtherNames(t *testing.T) {
	specs := []abi.FunctionSpec{{Name: "slug", Params: []abi.FunctionParam{{Type: "string"}}, Returns: "string"}}
	of := func(memoryMiB int) *spark.Function {
		return New([]byte("\x00asm\x01\x00\x00\x00"), testHash, specs, memoryMiB).Functions()[0]
	}
	a, b := of(DefaultMemoryMiB), of(64)
	if a.Name == b.Name || a.Class == b.Class || a.Jars[1].Name == b.Jars[1].Name || a.Jars[0].Name != b.Jars[0].Name {
		t.Errorf("with 256 MiB it is %s of %s in %s, with 64 %s of %s in %s", a.Name, a.Class, a.Jars[1].Name, b.Name, b.Class, b.Jars[1].Name)
	}
}
