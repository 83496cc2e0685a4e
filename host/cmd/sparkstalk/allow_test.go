package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/build"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/scaffold"
)

const asking = `package main

import "github.com/sparkstalk/sparkstalk/sdk"

type args struct {
	URL string ` + "`arg:\"url\"`" + `
}

func init() {
	sdk.Needs("env:SPARKSTALK_TEST_ZONE")
	sdk.Needs("http:localhost:*")
	sdk.Task("asks.zone", func(ctx *sdk.Context, _ struct{}) (string, error) {
		zone, err := ctx.Env("SPARKSTALK_TEST_ZONE")
		return zone, err
	})
	sdk.Task("asks.get", func(ctx *sdk.Context, a args) (string, error) {
		answer, err := ctx.HTTP().Get(a.URL)
		if err != nil {
			return "", err
		}
		return string(answer.Body), nil
	})
	sdk.Task("asks.count", func(ctx *sdk.Context, _ struct{}) (int64, error) {
		return ctx.Spark().SQL("SELECT 1").Count()
	})
}

func main() {}
`

// TestWhatIsDeniedSaysHowItIsAllowed calls what a module may not do, and again
// with the flags that the errors name.
func TestWhatIsDeniedSaysHowItIsAllowed(t *testing.T) {
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "hello") }))
	defer served.Close()
	t.Setenv("SPARKSTALK_TEST_ZONE", "Vienna")
	dir := filepath.Join(t.TempDir(), "asks")
	if _, err := scaffold.New(scaffold.Config{Dir: dir, Version: host.Version}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(asking), 0o666); err != nil {
		t.Fatal(err)
	}
	plugins := t.TempDir()
	if _, err := build.Build(t.Context(), dir, build.Options{Out: filepath.Join(plugins, "asks.wasm")}); err != nil {
		t.Fatal(err)
	}
	c := commander{t, t.TempDir()}
	url := strings.Replace(served.URL, "127.0.0.1", "localhost", 1)
	port := url[strings.LastIndex(url, ":")+1:]
	run := func(failure string, words ...string) string {
		t.Helper()
		return c.run(failure, append([]string{"run", "--plugins", plugins, "--spark", proctest.Sail(t), "--json"}, words...)...)
	}
	for _, test := range []struct {
		task, flag, answer string
		args               []string
	}{
		{"asks.zone", "--allow 'env=SPARKSTALK_TEST_ZONE'", `"Vienna"`, nil},
		{"asks.get", "--allow 'http=localhost:" + port + "'", `"hello"`, []string{url}},
	} {
		denied := run("exit status 1", append([]string{test.task}, test.args...)...)
		if !strings.Contains(denied, "PermissionError") || !strings.Contains(denied, test.flag) {
			t.Errorf("%s: the error names no %s:\n%s", test.task, test.flag, denied)
		}
		name, pattern, _ := strings.Cut(strings.ReplaceAll(test.flag, "'", ""), " ")
		if got := run("", append([]string{test.task, name, pattern}, test.args...)...); !strings.Contains(got, `"result":`+test.answer) {
			t.Errorf("%s with %s: got %s", test.task, test.flag, got)
		}
	}
	// Rights to data stay as open as they were.
	if got := run("", "asks.count", "--allow", "env=X", "--allow", "http=example.com"); !strings.Contains(got, `"result":1`) {
		t.Errorf("got %s", got)
	}
	if got := run(`there is no right \"fly\"`, "asks.count", "--allow", "fly=x"); strings.Contains(got, "result") {
		t.Errorf("got %s", got)
	}
}
