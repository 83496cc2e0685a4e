package module

import (
	"strings"
	"testing"
)

func TestAModuleThatTwoFilesHave(t *testing.T) {
	paths := []string{"/m/x.so", "/m/x.wasm", "/m/y.wasm", "/m/x.wasm.so"}
	for module, want := range map[string]string{
		"x.so": "/m/x.so", "x.wasm": "/m/x.wasm", "y": "/m/y.wasm", "y.wasm": "/m/y.wasm", "x.wasm.so": "/m/x.wasm.so",
		"x": "2 files have that name, say which: x.so, x.wasm", "z": "unknown; there are: x, x.wasm, y",
	} {
		got, err := Pick(paths, module)
		if err != nil {
			got = err.Error()
		}
		if got != want && (err == nil || !strings.HasSuffix(got, want)) {
			t.Errorf("Pick %s = %s, want %s", module, got, want)
		}
	}
}
