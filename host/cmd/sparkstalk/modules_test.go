package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/module"
	"github.com/sparkstalk/sparkstalk/host/module/seal"
)

func TestMain(m *testing.M) { proctest.Main(m) }

// tiny is a module whose only task, t.x, gives the digit at its end.
const tiny = "AGFzbQEAAAABGAVgAAF/YAF/AX9gAn9/AX5gAABgAX8BfgI6Ag1zcGFya3N0YWxrX3YxC3Jlc3VsdF9qc29uAAINc3BhcmtzdGFsa192MQxhY3Rpb25f" +
	"Y291bnQABAMDAgABBQMBAAEHMQMGbWVtb3J5AgATc3BhcmtzdGFsa19kZXNjcmliZQACDnNwYXJrc3RhbGtfcnVuAAMMAQIKGwILAEEQQSIQABpBAAsNAEGA" +
	"gAJBARAAGkEACwswAgBBEAsieyJhYmkiOjEsInRhc2tzIjpbeyJuYW1lIjoidC54In1dfQBBgIACCwEx"

func tinyModule(t *testing.T, digit byte) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(tiny)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] = digit
	return data
}

// commander runs commands in a folder with a home of its own.
type commander struct {
	t    *testing.T
	home string
}

// run returns what a command printed. It fails the test unless the error has
// these words, or is none if they are empty.
func (c commander) run(failure string, args ...string) string {
	c.t.Helper()
	var out, trouble bytes.Buffer
	cmd := root()
	cmd.SetOut(&out)
	cmd.SetErr(&trouble)
	cmd.SetArgs(append(args, "--home", c.home))
	err := cmd.ExecuteContext(c.t.Context())
	switch text := fmt.Sprint(out.String(), err); {
	case failure == "" && err != nil:
		c.t.Fatalf("%q: %v\n%s%s", args, err, out.String(), trouble.String())
	case failure != "" && (err == nil || !strings.Contains(text, failure)):
		c.t.Fatalf("%q: %v\n%s\nwant …%s…", args, err, out.String(), failure)
	}
	return out.String()
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestKeysAndSignaturesOnTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	c := commander{t, filepath.Join(dir, "home")}
	write(t, "m.wasm", tinyModule(t, '1'))
	c.run("not sealed", "verify", "m.wasm")
	c.run("", "seal", "m.wasm")
	if out := c.run("", "verify", "m.wasm"); !strings.Contains(out, "not signed") {
		t.Errorf("verify: %s", out)
	}
	c.run("", "keygen", "team")
	c.run("exists", "keygen", "team")
	c.run("", "keygen", "other")
	if info, err := os.Stat("team.key"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("team.key: %v, %v", info, err)
	}
	c.run("it is not signed", "verify", "m.wasm", "--key", "team.pub")
	c.run("", "sign", "m.wasm", "--key", "team.key", "--version", "7", "-o", "signed.wasm")
	if out := c.run("", "verify", "signed.wasm", "--key", "team.pub"); !strings.Contains(out, "as version 7") {
		t.Errorf("verify: %s", out)
	}
	c.run("another key signed it", "verify", "signed.wasm", "--key", "other.pub")
	data, err := os.ReadFile("signed.wasm")
	if err != nil {
		t.Fatal(err)
	}
	data[60] ^= 1
	write(t, "forged.wasm", data)
	c.run("FAILED", "verify", "signed.wasm", "forged.wasm")
	write(t, "broken.wasm", tinyModule(t, '1')[:60])
	c.run("needs", "seal", "broken.wasm")
	if s, err := seal.Read(data); s != nil || err == nil {
		t.Errorf("Read = %+v, %v", s, err)
	}
	// A host that wants signatures, by its settings.
	public, err := os.ReadFile("team.pub")
	if err != nil {
		t.Fatal(err)
	}
	write(t, "sparkstalk.yaml", []byte("require_signed: true\nmodule_keys:\n  - name: team\n    key: "+strings.TrimSpace(string(public))+"\n    tasks: [t.*]\n"))
	if err := os.Mkdir("plugins", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join("plugins", "a.wasm"), tinyModule(t, '1'))
	c.run("", "sign", "m.wasm", "--key", "team.key", "-o", filepath.Join("plugins", "b.wasm"))
	c.run("none of this host's module_keys", "sign", "m.wasm", "--key", "other.key", "-o", filepath.Join("plugins", "c.wasm"))
	var infos []module.Info
	if err := json.Unmarshal([]byte(c.run("", "modules", "--folder", "--json")), &infos); err != nil {
		t.Fatal(err)
	}
	if len(infos) != 2 || infos[0].Kind != module.Unsigned || infos[1].State != module.Serving || infos[1].SignedBy != "team" {
		t.Errorf("modules: %+v", infos)
	}
	t.Setenv("SPARKSTALK_MODULE_KEYS", `[{"name": "x", "key": "ed25519:AAAA", "tasks": ["*"]}]`)
	c.run("module key x: public key", "modules", "--folder")
}

func TestModulesOfARunningHost(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	c := commander{t, filepath.Join(dir, "home")}
	if err := os.Mkdir("plugins", 0o755); err != nil {
		t.Fatal(err)
	}
	place := func(digit byte) {
		t.Helper()
		write(t, ".next", tinyModule(t, digit))
		c.run("", "seal", ".next", "-o", filepath.Join("plugins", "m.wasm"))
	}
	place('1')
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	h, err := host.Open(ctx, host.Config{
		Home: c.home, Plugins: "plugins", Broker: proctest.RabbitMQ(t), Spark: proctest.Sail(t), Queues: []string{proctest.Name(t)}, Mingle: new(bool),
	})
	if err != nil {
		t.Fatal(err)
	}
	run, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(run, context.Background()) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("host ended with %v", err)
		}
	})
	report := func() host.ModulesReport {
		t.Helper()
		var r host.ModulesReport
		if err := json.Unmarshal([]byte(c.run("", "modules", "--json")), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	await := func(ok func(module.Info) bool) module.Info {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			r := report()
			if len(r.Modules) > 0 && ok(r.Modules[0]) {
				return r.Modules[0]
			}
			if time.Now().After(end) {
				t.Fatalf("modules: %+v", r.Modules)
			}
		}
	}
	first := await(func(m module.Info) bool { return m.State == module.Serving })
	if !first.Sealed || len(first.Tasks) != 1 || first.MemoryBytes == 0 {
		t.Errorf("Info = %+v", first)
	}
	place('2')
	second := await(func(m module.Info) bool { return m.State == module.Serving && m.Hash != first.Hash })
	// It is kept right after it began to serve.
	for end := time.Now().Add(time.Minute); len(report().Versions["m.wasm"]) < 2; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("versions: %+v", report().Versions)
		}
	}
	if out := c.run("", "modules", "rollback", "m"); !strings.Contains(out, first.Hash[:12]) || !strings.Contains(out, "rolled back") {
		t.Errorf("rollback: %s", out)
	}
	out := c.run("", "modules")
	for _, words := range []string{"serving, rolled back", first.Hash[:12], second.Hash[:12], "rolled back to", "t.x", "folder plugins"} {
		if !strings.Contains(out, words) {
			t.Errorf("modules has no %q:\n%s", words, out)
		}
	}
	if out := c.run("", "modules", "versions", "m"); !strings.Contains(out, second.Hash[:12]) || strings.Count(out, "serves") != 1 {
		t.Errorf("versions: %s", out)
	}
	if out := c.run("", "modules", "reload", "m"); !strings.Contains(out, second.Hash[:12]) {
		t.Errorf("reload: %s", out)
	}
	if m := report().Modules[0]; m.Hash != second.Hash || m.RolledBack {
		t.Errorf("Info = %+v", m)
	}
	c.run("module n: unknown; there are: m", "modules", "rollback", "n")
	c.run("no version is kept whose hash begins with ffff", "modules", "rollback", "m", "ffff")
	c.run("module n: unknown; there are: m", "modules", "versions", "n")
	if err := os.Remove(filepath.Join("plugins", "m.wasm")); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); len(report().Modules) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("modules: %+v", report().Modules)
		}
	}
}

func TestModulesWithoutAHost(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	c := commander{t, filepath.Join(dir, "home")}
	c.run("folder of modules", "modules")
	if err := os.Mkdir("plugins", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join("plugins", "m.wasm"), tinyModule(t, '1'))
	if out := c.run("", "modules"); !strings.Contains(out, "serving") || !strings.Contains(out, "t.x") {
		t.Errorf("modules: %s", out)
	}
	c.run("no host of this user runs", "modules", "rollback", "m")
}

// A Go plugin has the columns that a WASM module has, but for what is the host's.
func TestNativeModulesAreListed(t *testing.T) {
	wasm := module.Info{Name: "a", State: module.Serving, Hash: "0123456789abcdef", LoadedAt: time.Now(), Calls: 3, Errors: 2, Traps: 1, Instances: 4, MemoryBytes: 5 << 20}
	native := wasm
	native.Name, native.Native, native.Instances, native.MemoryBytes, native.Trial = "b", true, 0, 0, 7
	var out bytes.Buffer
	if err := listModules(&out, []module.Info{wasm, native}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"MODULE STATE VERSION SIGNED BY LOADED CALLS ERRORS TRAPS INSTANCES MEMORY TASKS",
		"a serving 0123456789ab - 0s ago 3 2 1 4 5.0 MiB",
		"b serving, on trial for 7 calls, native 0123456789ab - 0s ago 3 2 1 - -",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
