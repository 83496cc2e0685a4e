package spark

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// pythonRemote is how testdata/remote.py writes a connection string's parts.
type pythonRemote struct {
	Address   string            `json:"address"`
	TLS       bool              `json:"tls"`
	Token     string            `json:"token"`
	UserID    string            `json:"user_id"`
	SessionID string            `json:"session_id"`
	UserAgent string            `json:"user_agent"`
	Headers   map[string]string `json:"headers"`
}

func TestConnectionStringsAreReadAsByPySpark(t *testing.T) {
	const id = "7b2f0a4c-8a52-4f8e-9f5a-0b1f3ad2f6d1"
	cases := []struct{ text, unlike string }{ // unlike says why we differ
		{text: "sc://localhost"},
		{text: "sc://localhost/"},
		{text: "sc://localhost:15003/;user_id=ann"},
		{text: "sc://h/;token=a%2Fb%3D"},
		{text: "sc://h/;use_ssl=true"},
		{text: "sc://h/;use_ssl=TRUE;token=t;user_id=ann;user_agent=me;session_id=" + id + ";x-a=1;x-b=a%20b"},
		{text: "sc://h/;use_ssl=false"},
		{text: "sc://[::1]:7/;user_agent=me%2F1"},
		{text: "http://h"},
		{text: "sc://"},
		{text: "sc://h/path"},
		{text: "sc://h/;token"},
		{text: "sc://h/;session_id=no-uuid"},
		{text: "sc://localhost/;token=t"},
		{text: "sc://127.0.0.1/;token=t", unlike: "for PySpark only the name localhost is this machine"},
		{text: "sc://h/;token=t;use_ssl=false", unlike: "PySpark does not let go of TLS; ours asks for spark_plaintext_token"},
		{text: "sc://h/;use_ssl=maybe", unlike: "a mistyped value must not mean no TLS"},
		{text: "sc://h/;a=b=c", unlike: "a value may have an equals sign, as tokens do"},
		{text: "sc://h/;X-A=1", unlike: "gRPC refuses upper case at each call; ours lowers it"},
	}
	var texts []string
	for _, c := range cases {
		texts = append(texts, c.text)
	}
	input, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(proctest.PySpark(t), "testdata/remote.py")
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var theirs []*pythonRemote
	if err := json.Unmarshal(out, &theirs); err != nil {
		t.Fatal(err)
	}
	for n, c := range cases {
		r, err := parseRemote(c.text)
		var ours *pythonRemote
		if err == nil {
			local := r.token != "" && r.host == "localhost" // PySpark's local credentials encrypt nothing
			r.complete(Config{})
			ours = &pythonRemote{r.address, r.tls || local, r.token, r.userID, r.sessionID, r.userAgent, r.headers}
			if r.userAgent == "" {
				ours.UserAgent = "_SPARK_CONNECT_PYTHON"
			}
		}
		a, b := jsonText(t, ours), jsonText(t, theirs[n])
		if same := a == b; same != (c.unlike == "") {
			t.Errorf("%s: ours %s, PySpark's %s, unlike: %q", c.text, a, b, c.unlike)
		}
	}
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
