package control

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/celery"
)

// FuzzRequest answers any broadcast: every command's reply is JSON and none
// panics, whatever its arguments.
func FuzzRequest(f *testing.F) {
	paths, err := filepath.Glob("../celery/testdata/*-request*.json")
	if err != nil || len(paths) == 0 {
		f.Fatalf("%d captures, %v", len(paths), err)
	}
	for _, path := range paths {
		f.Add(recording(f, strings.TrimSuffix(filepath.Base(path), ".json")))
	}
	n, _ := node(f, func(*Config) {})
	f.Fuzz(func(t *testing.T, body []byte) {
		request, err := celery.DecodeRequest(celery.Incoming{Body: body, ContentType: celery.ContentType})
		if err != nil {
			return
		}
		if request.Method == "shutdown" || request.Method == "election" {
			return // they have effects outside
		}
		value, _ := n.answer(t.Context(), request)
		if value != nil && celery.Valid(value) != nil || strings.Contains(string(value), "host panic") {
			t.Errorf("%q: %s", body, value)
		}
	})
}
