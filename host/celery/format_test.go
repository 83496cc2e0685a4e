package celery

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// What is written in another format is what kombu reads of it: the same values.
func TestBodiesAreWrittenAsKombuReadsThem(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	written := []string{
		`"` + strings.Repeat("k", 2000) + `"`, `{"` + strings.Repeat("k", 2000) + `": 1, "b": 2}`, `"\u0085\u2028\ud83d\ude00\u0000 #: - ? @x &x *x !x %"`,
		`{"yes": "no", "0x1f": "010", "1:30": "1e3", "~": "null", "2026-01-02": "2026-01-02", "<<": "=", "": ""}`, `1e+16`, `1.5e-07`, `-Infinity`, `NaN`,
		`[0, -1, 127, 128, -33, 2147483648, -9223372036854775808, 18446744073709551615, -0.0]`, `{"__type__": "base64", "__value__": "//4="}`,
	}
	for _, v := range values {
		s, ok := special([]byte(v))
		switch {
		case strings.Contains(v, "__type__") && (!ok || s.kind != "bytes"):
		case v == `1180591620717411303424`, strings.Contains(v, `"\ud83d\ude00 \udb40\udc01"`):
		default:
			written = append(written, v)
		}
	}
	for range 300 {
		written = append(written, randomValue(random, 0))
	}
	var questions []question
	var wants []question
	for _, name := range []string{"msgpack", "yaml"} {
		f, err := ParseFormat(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range written {
			e, err := f.Encode([]byte(v))
			if err != nil {
				t.Fatalf("%s of %s: %v", name, v, err)
			}
			questions = append(questions, question{"read", []any{name, base64.StdEncoding.EncodeToString(e.Body)}})
			wants = append(wants, question{"again", []any{v}})
			if back, err := f.Decode(e.Body); err != nil || Valid(back) != nil {
				t.Errorf("%s of %s: read again %s, %v", name, v, back, err)
			}
		}
	}
	got, want := ask(t, questions), ask(t, wants)
	for i := range got {
		if string(got[i]) != string(want[i]) {
			t.Errorf("%v of %v\n got %s\nwant %s", questions[i].Args[0], wants[i].Args[0], got[i], want[i])
		}
	}
}

func TestFormatsNameWhatTheyCannotWrite(t *testing.T) {
	for _, name := range []string{"pickle", "application/x-python-serialize", "xml"} {
		if _, err := ParseFormat(name); err == nil || !strings.Contains(err.Error(), "yaml") {
			t.Errorf("%s: %v", name, err)
		}
	}
	packed, err := ParseFormat("application/x-msgpack")
	if err != nil || packed.Name() != "msgpack" {
		t.Fatal(packed.Name(), err)
	}
	if _, err := packed.Encode([]byte("18446744073709551616")); err == nil || !strings.Contains(err.Error(), "18446744073709551616") {
		t.Errorf("a large number: %v", err)
	}
	if _, err := packed.Encode([]byte("{")); err == nil {
		t.Error("what is no JSON was written")
	}
	for method, want := range map[string]string{"bzip2": "not written", "xz": "not written", "rar": "not known", "": "", "zlib": ""} {
		err := CheckCompression(method)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// A result backend of Python's reads what ours keeps, packed in any way.
func TestCodecsAreCelerys(t *testing.T) {
	document := []byte(`{"status": "SUCCESS", "result": {"n": [1, 2.5, "é"]}, "traceback": null, "children": [], "date_done": null, "task_id": "t"}`)
	var questions []question
	for _, name := range []string{"json", "msgpack", "yaml"} {
		for _, method := range []string{"", "gzip", "brotli", "zstd"} {
			f, err := ParseFormat(name)
			if err != nil {
				t.Fatal(err)
			}
			c := Codec{Format: f, Compression: method}
			kept, err := c.Encode(document)
			if err != nil {
				t.Fatal(err)
			}
			questions = append(questions, question{"kept", []any{name, base64.StdEncoding.EncodeToString(kept)}})
			if r, err := c.DecodeResult(kept); err != nil || r.State != StateSuccess || r.TaskID != "t" {
				t.Errorf("%s %s: %+v, %v", name, method, r, err)
			}
			if r, err := c.DecodeResult(document); err != nil || r.State != StateSuccess {
				t.Errorf("%s %s, kept as JSON: %+v, %v", name, method, r, err)
			}
		}
	}
	for i, answer := range ask(t, questions) {
		var got Object
		if err := json.Unmarshal(answer, new(any)); err != nil {
			t.Fatal(err)
		}
		got, err := Members(answer)
		if err != nil || string(got.Get("status")) != `"SUCCESS"` || string(got.Get("value")) != quotedJSON(`{"n": [1, 2.5, "é"]}`) {
			t.Errorf("%v: %s, %v", questions[i].Args[0], answer, err)
		}
	}
}

// quotedJSON is text as the judge quotes it, whose answers are JSON in JSON.
func quotedJSON(value string) string {
	value = strings.ReplaceAll(value, "é", `\u00e9`)
	return fmt.Sprintf("%q", value)
}

func FuzzFormats(f *testing.F) {
	for _, v := range values {
		f.Add([]byte(v))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if Valid(value) != nil {
			return
		}
		for _, name := range []string{"msgpack", "yaml"} {
			format, err := ParseFormat(name)
			if err != nil {
				t.Fatal(err)
			}
			e, err := format.Encode(value)
			if err != nil {
				continue // a number too large
			}
			back, err := format.Decode(e.Body)
			if err != nil {
				t.Fatalf("%s of %q is %q: %v", name, value, e.Body, err)
			}
			if Valid(back) != nil {
				t.Errorf("%s of %q is %q, which is read as %q", name, value, e.Body, back)
			}
		}
	})
}
