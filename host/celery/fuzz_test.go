package celery

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// bodies are those of all fixtures.
func bodies(f *testing.F) [][]byte {
	var out [][]byte
	for _, fixture := range readFixtures(f) {
		if fixture.Body != "" {
			out = append(out, fixture.body(f))
		}
	}
	for _, v := range values {
		out = append(out, []byte(v))
	}
	return out
}

func FuzzDecode(f *testing.F) {
	for _, fixture := range readFixtures(f) {
		if fixture.Body == "" {
			continue
		}
		headers, err := json.Marshal(fixture.Headers)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(headers, fixture.body(f), ContentType)
	}
	f.Fuzz(func(t *testing.T, headers, body []byte, contentType string) {
		m := Incoming{Body: body, ContentType: contentType}
		if json.Unmarshal(headers, &m.Headers) != nil {
			m.Headers = nil
		}
		// Whatever comes in, what comes out of the rest of the code is the same.
		_, _ = DecodeRequest(m)
		_, _ = DecodeEvents(body)
		_, _ = DecodeReply(body)
		if r, err := DecodeResult(body); err == nil {
			again, err := DecodeResult(r.Encode())
			if err != nil || again.State != r.State || !bytes.Equal(again.Value, r.Value) && !isNull(r.Value) {
				t.Errorf("result %+v came back as %+v, %v", r, again, err)
			}
		}
		task, err := Decode(m)
		if err != nil {
			return
		}
		out := EncodeTask(task)
		if err := Valid(out.Body); err != nil {
			t.Fatalf("encoded body %q: %v", out.Body, err)
		}
		again, err := Decode(asIncoming(out))
		if err != nil {
			t.Fatalf("encoded task does not decode: %v", err)
		}
		if again.ID != task.ID || again.Name != task.Name || !bytes.Equal(again.Arguments(), task.Arguments()) || again.Embed.Composed() != task.Embed.Composed() {
			t.Errorf("task %+v came back as %+v", task, again)
		}
		if err := Valid(task.Arguments()); err != nil {
			t.Errorf("arguments %q: %v", task.Arguments(), err)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, body := range bodies(f) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := Valid(data)
		// Our scanner accepts what the standard library does, and the three words
		// of Python's besides; only its limits are tighter.
		standard := json.Valid(data)
		ours := err == nil
		if standard && !ours && !strings.Contains(err.Error(), "levels") && !strings.Contains(err.Error(), "digits") {
			t.Fatalf("%q: %v", data, err)
		}
		if ours && !standard && !bytes.Contains(data, []byte("NaN")) && !bytes.Contains(data, []byte("Infinity")) {
			t.Fatalf("%q is accepted", data)
		}
		list, listErr := Elements(data)
		object, objectErr := Members(data)
		if !ours {
			if (listErr == nil || objectErr == nil) && !strings.Contains(err.Error(), "levels") {
				t.Fatalf("%q is split though invalid: %v", data, err)
			}
			return
		}
		if listErr == nil {
			if err := Valid(AppendArray(nil, list)); err != nil {
				t.Fatalf("%q: %v", data, err)
			}
		}
		if objectErr == nil {
			if err := Valid(object.Append(nil)); err != nil {
				t.Fatalf("%q: %v", data, err)
			}
		}
		for _, limit := range []int{0, 7} {
			if s := SafeRepr(data, limit); utf8.Valid(data) && !utf8.ValidString(s) {
				t.Fatalf("%q prints as %q", data, s)
			}
		}
		_ = Repr(data)
		_ = checkSpecials(data)
	})
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2026-11-23T14:15:06.311636+00:00", "2030-W01-1T12", "2030001T120000Z", "20300101"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := ParseTime(s)
		if err != nil {
			return
		}
		if again, err := ParseTime(FormatTime(at)); err != nil || !again.Equal(at) {
			t.Errorf("%q: %v came back as %v, %v", s, at, again, err)
		}
	})
}
