package spark_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/engine"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

func TestTLSToEachEngine(t *testing.T) {
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		target := strings.TrimPrefix(remote, "sc://")
		front, asking := proctest.TLS(t, target, false), proctest.TLS(t, target, true)
		for name, c := range map[string]struct {
			at     string
			params string
			tls    spark.TLS
			want   string // in the error; empty means that it works
		}{
			"own authority":           {front.Address, "use_ssl=true", spark.TLS{CA: front.CA}, ""},
			"authority means TLS":     {front.Address, "", spark.TLS{CA: front.CA}, ""},
			"unknown authority":       {front.Address, "use_ssl=true", spark.TLS{}, "spark_tls_ca"},
			"other authority":         {front.Address, "", spark.TLS{CA: asking.CA}, "spark_tls_ca"},
			"certificate of its own":  {asking.Address, "", spark.TLS{CA: asking.CA, Cert: asking.Cert, Key: asking.Key}, ""},
			"no certificate":          {asking.Address, "", spark.TLS{CA: asking.CA}, "spark_tls_cert"},
			"other's certificate":     {asking.Address, "", spark.TLS{CA: asking.CA, Cert: front.Cert, Key: front.Key}, "spark_tls_cert"},
			"server that has no TLS":  {target, "use_ssl=true", spark.TLS{}, "use_ssl"},
			"name that is not signed": {strings.Replace(front.Address, "127.0.0.1", "127.0.0.2", 1), "", spark.TLS{CA: front.CA}, "127.0.0.2"},
		} {
			t.Run(name, func(t *testing.T) {
				// Over a minute of patience: what cannot get better is not waited for.
				cfg := spark.Config{Remote: "sc://" + c.at + "/;" + c.params, TLS: c.tls, Patience: 100 * time.Second}
				if strings.HasPrefix(c.at, "127.0.0.2") {
					cfg.Address = func() string { return front.Address }
				}
				n, err := openWith(t, cfg).Count(t.Context(), spark.Range(0, 5, 1, 1), spark.Options{})
				switch {
				case c.want == "" && (n != 5 || err != nil):
					t.Errorf("got %d, %v", n, err)
				case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, spark.ErrUnavailable)):
					t.Errorf("got %v, want an error that says %s", err, c.want)
				}
			})
		}
	})
}

func TestBadTLSFilesAreNamed(t *testing.T) {
	front := proctest.TLS(t, "127.0.0.1:1", false)
	for want, files := range map[string]spark.TLS{
		"no-such.pem":          {CA: "no-such.pem"},
		"holds no certificate": {CA: front.Key},
		"two files":            {Cert: front.Cert},
		"certificate for":      {Cert: front.Key, Key: front.Cert},
	} {
		if _, err := spark.Open(spark.Config{Remote: "sc://localhost", TLS: files}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %s", files, err, want)
		}
	}
}

func TestTokensAreTakenAsPySparkTakesThem(t *testing.T) {
	e := proctest.StartEngineWith(t, engine.Config{Spec: "local[1]", Conf: map[string]string{"spark.connect.authenticate.token": "right"}})
	front := proctest.TLS(t, e.Address(), false)
	for _, token := range []string{"right", "wrong", ""} {
		t.Run(token, func(t *testing.T) {
			remote := "sc://" + strings.Replace(front.Address, "127.0.0.1", "localhost", 1) + "/;use_ssl=true"
			cfg := spark.Config{Remote: remote, Token: token, TLS: spark.TLS{CA: front.CA}}
			_, err := openWith(t, cfg).Count(t.Context(), spark.Range(0, 5, 1, 1), spark.Options{})
			class, message := "counted", ""
			if refused, ok := errors.AsType[*spark.Error](err); ok {
				_, class = refused.Exception()
				message = refused.Message
			} else if err != nil {
				t.Fatal(err)
			}
			if token != "" {
				remote += ";token=" + token
			}
			cmd := exec.Command(proctest.PySpark(t), "testdata/count.py", remote)
			cmd.Env = append(cmd.Environ(), "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH="+front.CA)
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("PySpark: %v", err)
			}
			if theirs := string(out); !strings.HasPrefix(theirs, class) || !strings.Contains(theirs, message) {
				t.Errorf("ours: %s %s\nPySpark: %s", class, message, theirs)
			}
			if (token == "right") != (class == "counted") {
				t.Errorf("token %q: %s", token, class)
			}
		})
	}
}
