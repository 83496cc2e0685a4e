package module

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

// TestCompileBombs has modules that the estimate lets pass, just so, and that take the
// compiler far longer, or more memory, than it may take. Others are served
// meanwhile, and the compiler ends when it is refused.
func TestCompileBombs(t *testing.T) {
	times, measured := hostileTimes(t)
	if !measured {
		times = 1
	}
	// Each function takes about 3 s, as the estimate reckons.
	ifs := slices.Concat(slices.Repeat(slices.Concat(at(0), []byte{0x04, 0x40, end}), 8600), []byte{end})
	// Each sum has all that came before it to keep.
	var sums []byte
	for range 40_000 {
		sums = append(sums, at(0)...)
	}
	sums = slices.Concat(sums, slices.Repeat([]byte{0x6a}, 40_000-1), []byte{0x1a, end})
	for _, test := range []struct {
		name, want string
		kind       Kind
		more       [][]byte
		change     func(*Config)
	}{
		{"of time", "longer than 1s", CompileTimeout, slices.Repeat([][]byte{ifs}, 20), func(c *Config) { c.CompileTimeout = time.Second }},
		{"of memory", "(setting module_compile_mib)", OverLimit, slices.Repeat([][]byte{sums}, 20), func(c *Config) { c.CompileMiB = 128 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg, log := apart(t)
			test.change(&cfg)
			put(t, cfg, "a-good.wasm", small("t.good", 1))
			path := put(t, cfg, "bad.wasm", asm{manifest: manifest("t.bomb"), more: test.more}.bytes())
			r := open(t, cfg)
			quiet := watchOther(t, r, func() { time.Sleep(200 * time.Millisecond) })
			others := watchOther(t, r, func() {
				for range times {
					r.take(r.attemptAnew(t.Context(), path, true))
					info := only(t, r, "bad.wasm", Refused)
					if info.Kind != test.kind || !strings.Contains(info.Reason, test.want) {
						t.Fatalf("refused as %s: %s\n%s", info.Kind, info.Reason, log)
					}
				}
			})
			r.engine.busy.Wait() // the compiler has ended
			if measured {
				fmt.Printf("| compile bomb %s | %d | %s | %.2f | %.2f |\n", test.name, times, test.kind, ms(p99(others)), ms(p99(quiet)))
				harmed(t, others, quiet, time.Millisecond)
			}
		})
	}
}
