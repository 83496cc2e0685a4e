package languages

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/policy"
)

// TestEveryLanguageFetches has tasks make HTTP requests and read the environment,
// as far as the host lets them.
func TestEveryLanguageFetches(t *testing.T) {
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/rates":
			fmt.Fprint(w, ` {"EUR": 1.25, "\u00f6\n": [{"a": "}"}], "CHF": 0.5}`)
		case "/away":
			http.Redirect(w, r, "/rates", http.StatusFound)
		case "/none":
			http.Error(w, "a"+strings.Repeat("ü", 300), http.StatusNotFound)
		case "/latin1":
			fmt.Fprint(w, "stra\xdfe \xf0\x9f\x98\x80 \xc2")
		case "/text":
			fmt.Fprint(w, `{"EUR`, "\\")
		case "/gone":
			panic(http.ErrAbortHandler)
		default:
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			w.Header().Add("X-Answer", "first")
			w.Header().Add("X-Answer", "second")
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprintf(w, "%s %s %s %s", r.Method, r.Header.Get("X-Token"), r.Header.Get("Content-Type"), body)
		}
	}))
	defer served.Close()
	t.Setenv("SPARKSTALK_TEST_ZONE", "Äquator \"0\"")
	t.Setenv("SPARKSTALK_TEST_EMPTY", "")
	t.Setenv("SPARKSTALK_TEST_SECRET", "hidden")
	r := openWith(t, host.Config{Plugins: buildFunctions(t), Spark: proctest.Sail(t), Modules: policy.Rules{"**": {
		HTTP: []string{strings.TrimPrefix(served.URL, "http://")}, Env: []string{"SPARKSTALK_TEST_ZONE", "SPARKSTALK_TEST_EMPTY", "SPARKSTALK_TEST_NONE"},
	}}})
	ungranted := strings.Replace(served.URL, "127.0.0.1", "localhost", 1)
	for _, c := range []struct {
		name, task string
		args       []string
		want       []string // the whole answer, or words of it
	}{
		{"JSON", "rate", []string{served.URL + "/rates", "EUR"}, []string{"1.25"}},
		{"a redirect", "rate", []string{served.URL + "/away", "CHF"}, []string{"0.5"}},
		{"a member that is not there", "rate", []string{served.URL + "/rates", "XXX"}, []string{"KeyError: XXX"}},
		{"another status", "rate", []string{served.URL + "/none?key=secret", "EUR"}, []string{"HTTPError: 404 of " + served.URL + "/none: aüüü", "üüü"}},
		{"what is no UTF-8", "told", []string{served.URL + "/latin1", ""}, []string{`"stra`, " 😀 "}},
		{"what is no JSON", "rate", []string{served.URL + "/text", "EUR"}, []string{"Error"}},
		{"a request", "told", []string{served.URL + "/x", "größer \"\n"}, []string{`[202,"first","` + served.URL + `/x","PUT a\"b  größer \"`, `"]`}},
		{"a request without a body", "told", []string{served.URL + "/x", ""}, []string{`[202,"first","` + served.URL + `/x","PUT a\"b  "]`}},
		{"no redirects", "told", []string{served.URL + "/away", ""}, []string{`[302,"none","` + served.URL + `/away",`}},
		{"a post", "why_not", []string{served.URL + "/x"}, []string{`"POST  text/plain why not?"`}},
		{"an error that is caught", "why_not", []string{ungranted}, []string{`"PermissionError"`}},
		{"no URL", "why_not", []string{""}, []string{`"ValueError"`}},
		{"no answer", "why_not", []string{served.URL + "/gone"}, []string{`"ConnectionError"`}},
		{"a host that is not granted", "told", []string{ungranted, ""}, []string{"PermissionError: TaskHTTP: this worker does not grant the module", "http: [\"localhost:"}},
		{"a host that is not asked for", "told", []string{"https://elsewhere.example.com", ""}, []string{"PermissionError: TaskHTTP: the module", "does not ask for the right to http elsewhere.example.com"}},
		{"a variable", "zone", []string{"SPARKSTALK_TEST_ZONE"}, []string{`"Äquator \"0\""`}},
		{"an empty variable", "zone", []string{"SPARKSTALK_TEST_EMPTY"}, []string{`""`}},
		{"no variable", "zone", []string{"SPARKSTALK_TEST_NONE"}, []string{"null"}},
		{"a variable that is not granted", "zone", []string{"SPARKSTALK_TEST_SECRET"}, []string{"PermissionError: TaskEnv: this worker does not grant the module"}},
		{"a variable that is not asked for", "zone", []string{"PATH"}, []string{"PermissionError: TaskEnv: the module", "does not ask for the right to env PATH"}},
	} {
		for _, language := range withFunctions {
			var args []string
			for _, a := range c.args {
				args = append(args, quoted(a))
			}
			got := call(t, r, language+"."+c.task, "["+strings.Join(args, ",")+"]", nil)
			for _, word := range c.want {
				if !strings.Contains(got, word) || len(got) > 20000 {
					t.Errorf("%s in %s: got %s\nwant %s", c.name, language, got, word)
				}
			}
		}
	}
}

// TestThePageHasWhatIsTested finds each snippet of sdk/lang/README.md in the
// sources of the modules.
func TestThePageHasWhatIsTested(t *testing.T) {
	page, err := os.ReadFile("../../sdk/lang/README.md")
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string]string{}
	for language, files := range map[string][]string{
		"rust": {"rust/src/lib.rs", "rust/src/fetch.rs"}, "ts": {"as/assembly/fetch.ts"}, "c": {"c/functions.c"},
	} {
		for _, name := range files {
			text, err := os.ReadFile("testdata/functions/" + name)
			if err != nil {
				t.Fatal(err)
			}
			sources[language] += string(text)
		}
	}
	blocks := strings.Split(string(page), "\n```")
	for i := 1; i < len(blocks); i += 2 {
		language, code, _ := strings.Cut(blocks[i], "\n")
		if code == "" || !strings.Contains(sources[language], code+"\n") {
			t.Errorf("no source in %s has\n%s", language, code)
		}
	}
	if len(blocks) != 13 {
		t.Errorf("the page has %d snippets", len(blocks)/2)
	}
}
