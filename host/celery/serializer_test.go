package celery

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestBodiesAreReadAsKombuReadsThem(t *testing.T) {
	const each, seeds = 300, 4
	var questions []question
	for _, s := range serializers[1:] {
		for seed := range seeds {
			questions = append(questions, question{"bodies", []any{s.name, seed, each}})
		}
	}
	for i, answer := range ask(t, questions) {
		s := serializers[1+i/seeds]
		var cases [][2]string
		if err := json.Unmarshal(answer, &cases); err != nil || len(cases) != each {
			t.Fatalf("%d cases: %v: %s", len(cases), err, answer)
		}
		for _, c := range cases {
			body, err := base64.StdEncoding.DecodeString(c[0])
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.toJSON(body)
			if err != nil || string(got) != c[1] {
				t.Errorf("%s %q\n got %s, %v\nwant %s", s.name, body, got, err, c[1])
			}
		}
	}
}

// By hand: what no dump of Python's writes but its loader reads.
func TestForeignYAMLIsReadAsPyYAMLReadsIt(t *testing.T) {
	texts := []string{
		"yes", "No", "on", "OFF", "y", "010", "08", "0b101", "0x1F", "-0x1f", "1_000", "1:30", "1:30.5", "+12", "1.", ".5", "1e3", "1.0e+3", "-.inf", ".NaN", "~",
		"2026-01-02", "2026-1-2 3:04:05", "2026-01-02T03:04:05Z", "2026-01-02t03:04:05.67 -3:30", "2026-01-02 03:04:05 +1", "2026-13-02x", "'2026-01-02'",
		"!!str 12", "!!int '12'", "!!float 1", "!!binary aGk=", "!!set {b, a}", "!!null ''", "!!bool 'yes'", "a b\n  c", ">\n  folded\n  text\n\n  more\n", "|+\n  kept\n\n",
		"base: &b {x: 1, y: 2}\nown: {<<: *b, y: 3}", "[&a [1], *a, *a]", "{a: 1, a: 2}", "- - 1\n  - 2\n- 3", "? a\n: b", "\"a\\u00e9\\x41\\\n  b\"", "[a, b: c]", "# only\n1", "--- 1",
	}
	var questions []question
	for _, text := range texts {
		questions = append(questions, question{"read", []any{"yaml", base64.StdEncoding.EncodeToString([]byte(text))}})
	}
	for i, want := range ask(t, questions) {
		var value string
		if json.Unmarshal(want, &value) != nil && !strings.Contains(texts[i], "!!set") {
			t.Fatalf("%q: Python says %s", texts[i], want)
		}
		if strings.Contains(texts[i], "!!set") {
			value = `["b", "a"]` // kombu's JSON has no sets to compare with
		}
		if got, err := yamlToJSON([]byte(texts[i])); err != nil || string(got) != value {
			t.Errorf("%q\n got %s, %v\nwant %s", texts[i], got, err, value)
		}
	}
}

func TestHostileBodiesAreRefusedQuickly(t *testing.T) {
	laughs := "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), ", "))
	}
	for name, c := range map[string]struct {
		read func([]byte) (json.RawMessage, error)
		body string
		want string
	}{
		"yaml aliases":        {yamlToJSON, laughs, "written out"},
		"yaml flow depth":     {yamlToJSON, strings.Repeat("[", 100_000), "depth"},
		"yaml levels":         {yamlToJSON, strings.Repeat("[", MaxDepth+2) + strings.Repeat("]", MaxDepth+2), "levels"},
		"yaml block depth":    {yamlToJSON, strings.Repeat("- ", 100_000), "depth"},
		"yaml key depth":      {yamlToJSON, strings.Repeat("? ", 100_000), "depth"},
		"yaml itself":         {yamlToJSON, "&a [*a]", "*a"},
		"yaml python tag":     {yamlToJSON, "!!python/object/apply:os.system [ls]", "tag"},
		"yaml two documents":  {yamlToJSON, "--- 1\n--- 2\n", "more than one"},
		"yaml no text":        {yamlToJSON, "a\xff", "UTF-8"},
		"yaml list as key":    {yamlToJSON, "{[1]: 2}", "key"},
		"msgpack depth":       {msgpackToJSON, strings.Repeat("\x91", 100_000), "levels"},
		"msgpack large array": {msgpackToJSON, "\xdd\xff\xff\xff\xff", "msgpack"},
		"msgpack large text":  {msgpackToJSON, "\xdb\xff\xff\xff\xffabc", "msgpack"},
		"msgpack large bytes": {msgpackToJSON, "\xc6\xff\xff\xff\xffabc", "msgpack"},
		"msgpack extension":   {msgpackToJSON, "\xd4\x05\x00", "0xd4"},
		"msgpack two values":  {msgpackToJSON, "\x01\x02", "behind"},
		"msgpack no text":     {msgpackToJSON, "\xa1\xff", "UTF-8"},
		"msgpack list as key": {msgpackToJSON, "\x81\x91\x01\x02", "key"},
	} {
		start := time.Now()
		got, err := c.read([]byte(c.body))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %.100s, %v; want an error with %q", name, got, err, c.want)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s took %v", name, took)
		}
	}
}

func TestDecompressorsAskForNoMoreMemoryThanAllowed(t *testing.T) {
	// The xz file asks for a dictionary of 4 GiB, the zstd frame for a window of 1 GiB.
	hugeXZ := "\xfd7zXZ\x00\x00\x01\x69\x22\xde\x36\x02\x00\x21\x01\x28\x00\x00\x00"
	hugeZstd := "\x28\xb5\x2f\xfd\x00\xa0\x01\x00\x00"
	for method, body := range map[string]string{"xz": hugeXZ, "zstd": hugeZstd} {
		if out, err := decompress(method, []byte(body), 1<<20); err == nil {
			t.Errorf("%s: got %d bytes", method, len(out))
		}
	}
}

func TestAcceptNamesWhatIsNotRead(t *testing.T) {
	types, err := Accept([]string{"json", "application/x-msgpack", "yaml"})
	if err != nil || strings.Join(types, " ") != "application/json application/x-msgpack application/x-yaml" {
		t.Errorf("got %v, %v", types, err)
	}
	for _, bad := range []string{"pickle", "application/x-python-serialize", "xml"} {
		if _, err := Accept([]string{"json", bad}); err == nil || !strings.Contains(err.Error(), "msgpack") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestPickleIsNotParsedWhateverIsAccepted(t *testing.T) {
	m := Incoming{Headers: headers2(nil), Body: []byte("\x80\x04."), ContentType: "application/x-python-serialize"}
	d := Decoder{Accept: []string{m.ContentType}}
	if _, err := d.Decode(m); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
}

func FuzzSerializers(f *testing.F) {
	for _, s := range []string{"- - 1\n- y: 2\n", "a: &x [1, *x]\n", "!!binary aGk=", "? a\n: b", "{<<: {a: 1}}", "\x93\x91\x01\x81\xa1y\xc4\x02\x00\xff\xc0", "'a\n b'"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, s := range serializers[1:] {
			out, err := s.toJSON(body)
			if err == nil {
				err = Valid(out)
			} else {
				continue
			}
			if err != nil {
				t.Errorf("%s made %q of %q: %v", s.name, out, body, err)
			}
			if bytes.Contains(out, []byte("\n")) {
				t.Errorf("%s made a line break of %q", s.name, body)
			}
		}
	})
}
