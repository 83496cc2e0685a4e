package host

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport says which packages of this project a package may import; its
// tests, "...test" packages and host/internal may be imported besides. Data
// flows one way, from the broker to the result, and imports never point back.
var mayImport = map[string][]string{
	"abi":                  {},
	"abi/abitest":          {"abi"},
	"abi/bind":             {"abi", "abi/pyjson"},
	"abi/pyjson":           {},
	"sdk":                  {"abi", "abi/bind", "abi/pyjson", "sdk"},
	"plugins":              {"sdk"},
	"host/beat":            {"host/broker"},
	"host/build":           {"abi", "host/module/rewrite", "host/module/seal"},
	"host/broker":          {},
	"host/broker/rabbitmq": {"host/broker"},
	"host/broker/redis":    {"host/broker"},
	"host/celery":          {},
	"host/result":          {"host/celery"},
	"host/result/database": {"host/result", "host/celery"},
	"host/result/redis":    {"host/result", "host/celery"},
	"host/result/rpc":      {"host/result", "host/celery", "host/broker"},
	"host/event":           {"host/celery", "host/broker"},
	"host/spark":           {"host/spark/sparkpb"},
	"host/spark/sparkpb":   {},
	"host/cache":           {"host/spark"},
	"host/hostfn":          {"abi", "abi/bind", "abi/pyjson", "host/spark", "host/cache", "host/fetch", "host/policy", "host/udf"},
	"host/policy":          {"abi"},
	"host/fetch":           {"abi"},
	"host/udf":             {"abi", "host/module/rewrite", "host/spark"},
	"host/hostfn/wasm":     {"abi"},
	"host/scaffold":        {"sdk/lang"},
	"host/native":          {"sdk"},
	"sdk/lang":             {},
	"host/stubs":           {"abi", "host/celery"},
	"host/term":            {"abi", "host/celery", "host/hostfn"},
	"host/module":          {"abi", "abi/pipe", "host/module/rewrite", "host/module/seal", "host/module/watch"},
	"host/module/rewrite":  {},
	"abi/pipe":             {"abi"},
	"host/module/seal":     {},
	"host/module/watch":    {},
	"host/engine":          {},
	"host/admin":           {},
	"host/canvas":          {"abi", "host/celery", "host/result"},
	"host/control":         {"abi", "host/broker", "host/celery", "host/event", "host/worker"},
	"host/worker":          {"abi", "host/broker", "host/canvas", "host/celery", "host/event", "host/result"},
}

func TestImportsNeverPointBack(t *testing.T) {
	const module = "github.com/sparkstalk/sparkstalk/"
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	listed := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := listed.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, ok := mayImport[name]
		for group := name; !ok && strings.Contains(group, "/"); {
			group = group[:strings.LastIndexByte(group, '/')]
			allowed, ok = mayImport[group]
			ok = ok && !strings.HasPrefix(name, "host/")
		}
		if !ok || strings.HasSuffix(name, "test") {
			continue // the host itself, commands, tests: all of the above
		}
		for _, imported := range p.Imports {
			imported, ours := strings.CutPrefix(imported, module)
			root, _, _ := strings.Cut(imported, "/")
			if ours && !slices.Contains(allowed, imported) && !slices.Contains(allowed, root) && !strings.HasPrefix(imported, "host/internal/") {
				t.Errorf("%s imports %s, which its layer may not", name, imported)
			}
		}
	}
}
