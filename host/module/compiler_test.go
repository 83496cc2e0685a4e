package module

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// compilerArg makes the test's program a compiler.
const compilerArg = "compile-module"

// apart is a configuration whose modules are compiled in a process of their own.
func apart(t *testing.T) (Config, *logged) {
	cfg, log := cached(t)
	cfg.Compiler = []string{os.Args[0], compilerArg}
	return cfg, log
}

func TestModulesAreCompiledInAnotherProcess(t *testing.T) {
	cfg, log := apart(t)
	put(t, cfg, "m.wasm", small("t.x", 1))
	r := open(t, cfg)
	if got := result(t, r, "t.x"); got != "1" {
		t.Errorf("t.x gave %s", got)
	}
	files := entries(t, cfg)
	if len(files) != 1 {
		t.Fatalf("entries: %q", files)
	}
	if s, err := readEntrySeal(files[0] + sealSuffix); err != nil || s.module == anyModule {
		t.Errorf("seal: %+v, %v", s, err)
	}
	// What is there is not compiled again.
	cfg.Compiler = []string{filepath.Join(t.TempDir(), "none")}
	if got := result(t, open(t, cfg), "t.x"); got != "1" {
		t.Errorf("t.x gave %s", got)
	}
	if text := log.String(); strings.Contains(text, "level=WARN") {
		t.Errorf("log:\n%s", text)
	}
	// Without a compiler the host does it.
	put(t, cfg, "m.wasm", small("t.x", 2))
	if got := result(t, open(t, cfg), "t.x"); got != "2" {
		t.Errorf("t.x gave %s", got)
	}
	if text := log.String(); !strings.Contains(text, "the compiler does not start") {
		t.Errorf("log:\n%s", text)
	}
}

func TestWhatTheCompilerRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		file   []byte
		change func(*Config)
		kind   Kind
		want   string
	}{
		"a type error":    {asm{manifest: manifest("t.x"), run: []byte{0x6a, end}}.bytes(), func(*Config) {}, Invalid, "it does not compile: "},
		"too much time":   {goGuest(t), func(c *Config) { c.CompileTimeout = time.Millisecond }, CompileTimeout, "longer than 1ms"},
		"too much memory": {goGuest(t), func(c *Config) { c.CompileMiB = 32 }, OverLimit, "more than 32 MiB of memory"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, log := apart(t)
			cfg.Trusted = []string{"m"} // the compiler's word is asked for, not the rewriter's
			test.change(&cfg)
			put(t, cfg, "m.wasm", test.file)
			r := open(t, cfg)
			if info := only(t, r, "m.wasm", Refused); info.Kind != test.kind || !strings.Contains(info.Reason, test.want) {
				t.Errorf("refused as %s: %s\n%s", info.Kind, info.Reason, log)
			}
			r.engine.busy.Wait() // the compiler has ended, in time or not
		})
	}
}
