package module

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
)

func TestRefusals(t *testing.T) {
	good := asm{manifest: manifest("t.x")}
	with := func(change func(*asm)) []byte {
		a := good
		change(&a)
		return a.bytes()
	}
	imported := func(module, name string, kind ...byte) []byte {
		return with(func(a *asm) { a.imports = [][]byte{slices.Concat(str(module), str(name), kind)} })
	}
	whole := good.bytes()
	zero := 0
	for _, test := range []struct {
		name string
		file []byte
		kind Kind
		want string // in the reason
	}{
		{"empty", nil, NotWasm, "empty"},
		{"text", []byte("hello"), NotWasm, `begins with "hell"`},
		{"short text", []byte("hi"), NotWasm, `begins with "hi"`},
		{"elf", []byte("\x7fELF\x02\x01"), NotWasm, "not a WebAssembly module"},
		{"magic cut", []byte("\x00as"), Truncated, "header"},
		{"header only", whole[:8], MissingExport, "sparkstalk_describe"},
		{"version 2", append([]byte("\x00asm\x02\x00\x00\x00"), whole[8:]...), NotWasm, "version 2"},
		{"component", []byte("\x00asm\x0d\x00\x01\x00"), NotWasm, "component"},
		{"cut in a section", whole[:len(whole)-5], Truncated, "section data needs"},
		{"cut before the data", whole[:len(whole)-len(good.sections()[7])], Truncated, "before its data: 2 segments"},
		{"section 77", append(slices.Clone(whole), 77, 1, 0), Invalid, "does not compile"},
		{"trailing byte", append(slices.Clone(whole), 0), Truncated, "size of section custom"},
		{"body with a type error", with(func(a *asm) { a.run = []byte{0x6a, end} }), Invalid, "does not compile"},
		{"too many pages", with(func(a *asm) { a.memory = append([]byte{0}, leb(60000)...) }), OverLimit, "60000 pages of 64 KiB, the limit is 8192 (setting memory_mib)"},
		{"import of a later version", imported("sparkstalk_v2", "frame_new", 0, 2), AbiTooNew, "ABI version 2 (it imports sparkstalk_v2.frame_new), this host speaks 1 to 1"},
		{"unknown function", imported("sparkstalk_v1", "frame_fold", 0, 2), ForbiddenImport, "sparkstalk_v1.frame_fold, which this host does not have"},
		{"unknown WASI function", imported("wasi_snapshot_preview1", "fork", 0, 2), ForbiddenImport, "wasi_snapshot_preview1.fork"},
		{"foreign module", imported("env", "system", 0, 2), ForbiddenImport, "env.system; there are only sparkstalk_v1 and wasi_snapshot_preview1"},
		{"import of another type", imported("sparkstalk_v1", "result_error", 0, 1), ForbiddenImport, "result_error as (i32) -> i32, the host has it as (i32, i32) -> i64"},
		{"imported memory", with(func(a *asm) {
			a.imports = [][]byte{slices.Concat(str("env"), str("memory"), []byte{2, 1, 1, 2})}
			a.memory = []byte{}
		}), ForbiddenImport, "memory env.memory"},
		{"imported global", imported("env", "g", 3, tI32, 0), ForbiddenImport, "global env.g"},
		{"imported table", imported("env", "t", 1, 0x70, 0, 1), ForbiddenImport, "table env.t"},
		{"no describe", with(func(a *asm) { a.exports = map[string]string{"sparkstalk_describe": ""} }), MissingExport, "no function sparkstalk_describe"},
		{"no run", with(func(a *asm) { a.exports = map[string]string{"sparkstalk_run": "run"} }), MissingExport, "no function sparkstalk_run"},
		{"run of another type", with(func(a *asm) { a.runType = &zero; a.run = []byte{0x41, 0, end} }), MissingExport, "sparkstalk_run as () -> i32, not as (i32) -> i32"},
		{"no memory", with(func(a *asm) { a.exports = map[string]string{"memory": ""} }), MissingExport, "no memory named memory"},
		{"memory of another name", with(func(a *asm) { a.exports = map[string]string{"memory": "mem"} }), MissingExport, "no memory named memory"},
		{"describe traps", with(func(a *asm) { a.describe = bodyTrap }), DescribeFailed, "unreachable"},
		{"describe loops", with(func(a *asm) { a.describe = bodyLoop }), DescribeFailed, "longer than 200ms"},
		{"describe fails", with(func(a *asm) { a.describe = bodyOne }), DescribeFailed, "sparkstalk_describe returned 1"},
		{"describe says nothing", with(func(a *asm) { a.describe = []byte{0x41, 0, end} }), DescribeFailed, "no manifest"},
		{"describe asks the host", with(func(a *asm) { a.describe = bodyCount }), DescribeFailed, "ActionCount is not supported here"},
		{"data outside of the memory", with(func(a *asm) { a.memory = []byte{0, 0} }), DescribeFailed, "does not start"},
		{"manifest is no JSON", with(func(a *asm) { a.manifest = "{" }), BadManifest, "bad manifest"},
		{"manifest without tasks", with(func(a *asm) { a.manifest = manifest() }), BadManifest, "no tasks"},
		{"manifest with a name twice", with(func(a *asm) { a.manifest = manifest("t.a", "t.a") }), BadManifest, `two tasks are named "t.a"`},
		{"manifest of a later version", with(func(a *asm) { a.manifest = `{"abi":2,"tasks":{"in":"another form"}}` }), AbiTooNew, "ABI version 2, this host speaks 1 to 1"},
		{"manifest that the host does not like", with(func(a *asm) { a.manifest = manifest("t.unwanted") }), BadManifest, "t.unwanted is not wanted"},
		{"manifest of no version", with(func(a *asm) { a.manifest = `{"tasks":[{"name":"t.a"}]}` }), BadManifest, "ABI version 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := config(t)
			cfg.DescribeTimeout = 200 * time.Millisecond
			cfg.Check = func(m abi.Manifest) error {
				if m.Tasks[0].Name == "t.unwanted" {
					return errors.New("t.unwanted is not wanted")
				}
				return nil
			}
			var changes []Info
			cfg.OnChange = func(i Info) { changes = append(changes, i) }
			path := put(t, cfg, "bad.wasm", test.file)
			r := open(t, cfg)
			info := only(t, r, "bad.wasm", Refused)
			if info.Kind != test.kind || !strings.Contains(info.Reason, test.want) || !strings.HasPrefix(info.Reason, path+": ") {
				t.Errorf("refused as %s: %s\nwant %s: …%s…", info.Kind, info.Reason, test.kind, test.want)
			}
			if len(r.Tasks()) != 0 {
				t.Errorf("it serves %q", r.Tasks())
			}
			if len(changes) != 1 || changes[0].Reason != info.Reason {
				t.Errorf("OnChange got %+v", changes)
			}
		})
	}
}

func TestServesHasTheLastWordOnImports(t *testing.T) {
	cfg := config(t)
	cfg.Serves = func(name string) bool { return name == "result_json" }
	put(t, cfg, "m.wasm", small("t.x", 1))
	r := open(t, cfg)
	if info := only(t, r, "m.wasm", Refused); info.Kind != ForbiddenImport || !strings.Contains(info.Reason, "sparkstalk_v1.action_count") {
		t.Errorf("Info = %+v", info)
	}
}

func TestFilesThatAreTooLarge(t *testing.T) {
	cfg := config(t)
	cfg.MaxFileMiB = 1
	put(t, cfg, "large.wasm", append(small("t.large", 1), make([]byte, 1<<20)...))
	r := open(t, cfg)
	if info := only(t, r, "large.wasm", Refused); info.Kind != TooLarge {
		t.Errorf("Info = %+v", info)
	}
}

func TestCompilationThatTakesTooLong(t *testing.T) {
	cfg := goConfig(t)
	cfg.CompileTimeout = time.Nanosecond
	path := filepath.Join(cfg.Dir, "guest.wasm")
	r := open(t, cfg)
	if info := only(t, r, "guest.wasm", Refused); info.Kind != CompileTimeout {
		t.Errorf("Info = %+v", info)
	}
	// While that goes on, the same file again does not take another CPU.
	r.engine.busy.Wait()
	r.engine.late[only(t, r, "guest.wasm", Refused).Hash] = true
	a := r.attempt(t.Context(), path)
	if a.err == nil || !strings.Contains(a.err.Error(), "still being compiled") {
		t.Errorf("the second attempt: %v", a.err)
	}
}

func TestOneModuleKeepsATaskName(t *testing.T) {
	for _, names := range [][2]string{{"a.wasm", "b.wasm"}, {"b.wasm", "a.wasm"}} {
		t.Run("the first is "+names[0], func(t *testing.T) {
			cfg := config(t)
			put(t, cfg, names[0], small("t.x", 1))
			r := start(t, cfg)
			eventually(t, answers(r, "t.x", "1"))
			put(t, cfg, names[1], asm{manifest: manifest("t.y", "t.x"), result: "2"}.bytes())
			eventually(t, func() error {
				for _, info := range r.Modules() {
					if info.State == Refused {
						return nil
					}
				}
				return fmt.Errorf("nothing is refused: %+v", r.Modules())
			})
			info := only(t, r, names[1], Refused)
			if info.Kind != TaskNameConflict || !strings.Contains(info.Reason, "already has a task named t.x") || !strings.Contains(info.Reason, names[0]) {
				t.Errorf("Info = %+v", info)
			}
			if got := r.Tasks(); !slices.Equal(got, []string{"t.x"}) {
				t.Errorf("Tasks() = %q", got)
			}
			if got := result(t, r, "t.x"); got != "1" {
				t.Errorf("t.x gave %s", got)
			}
			// Once the name is free, the other module gets it.
			if err := os.Remove(filepath.Join(cfg.Dir, names[0])); err != nil {
				t.Fatal(err)
			}
			eventually(t, answers(r, "t.x", "2"))
			if got := r.Tasks(); !slices.Equal(got, []string{"t.x", "t.y"}) {
				t.Errorf("Tasks() = %q", got)
			}
			only(t, r, names[1], Serving)
		})
	}
}

func TestAtStartTheFirstFileHasTheName(t *testing.T) {
	for range 10 {
		cfg := config(t)
		put(t, cfg, "b.wasm", small("t.x", 2))
		put(t, cfg, "a.wasm", small("t.x", 1))
		put(t, cfg, "c.wasm", small("t.x", 1)) // the bytes of a.wasm
		r := open(t, cfg)
		if got := result(t, r, "t.x"); got != "1" {
			t.Errorf("t.x gave %s", got)
		}
		for _, file := range []string{"b.wasm", "c.wasm"} {
			if info := only(t, r, file, Refused); info.Kind != TaskNameConflict || !strings.Contains(info.Reason, "module a (") {
				t.Errorf("Info = %+v", info)
			}
		}
	}
}

// Whose a task is does not depend on the files' names, nor on a restart.
func TestAStartGivesTasksToWhoHadThem(t *testing.T) {
	for _, names := range [][2]string{{"a.wasm", "z.wasm"}, {"z.wasm", "a.wasm"}} {
		owner, other := names[0], names[1]
		t.Run(owner, func(t *testing.T) {
			cfg := keeping(t)
			cfg.Trial = -1
			r := open(t, cfg)
			land(t, r, cfg, owner, small("t.x", 1))
			land(t, r, cfg, other, small("t.x", 2))
			for range 2 {
				r = open(t, cfg)
				if got := result(t, r, "t.x"); got != "1" {
					t.Errorf("t.x gave %s", got)
				}
				if info := only(t, r, other, Refused); info.Kind != TaskNameConflict {
					t.Errorf("Info = %+v", info)
				}
			}
			// A broken file owns what its last good version serves.
			put(t, cfg, owner, []byte("broken"))
			if got := result(t, open(t, cfg), "t.x"); got != "1" {
				t.Errorf("t.x gave %s", got)
			}
			// Who is gone has lost it, also once it is back.
			if err := os.Remove(filepath.Join(cfg.Dir, owner)); err != nil {
				t.Fatal(err)
			}
			r = open(t, cfg)
			put(t, cfg, owner, small("t.x", 1))
			for _, r := range []*Registry{r, open(t, cfg)} {
				if got := result(t, r, "t.x"); got != "2" {
					t.Errorf("t.x gave %s", got)
				}
			}
			// A version that wants another's task leaves its tasks to the one before.
			land(t, r, cfg, owner, small("t.y", 3))
			land(t, r, cfg, owner, asm{manifest: manifest("t.x", "t.y"), result: "4"}.bytes())
			for _, r := range []*Registry{r, open(t, cfg)} {
				if x, y := result(t, r, "t.x"), result(t, r, "t.y"); x != "2" || y != "3" {
					t.Errorf("t.x gave %s, t.y %s", x, y)
				}
				if info := only(t, r, owner, Refused); info.Kind != TaskNameConflict || info.Instead == "" {
					t.Errorf("Info = %+v", info)
				}
			}
		})
	}
}

// edges returns every length at which a section of a module begins or ends.
func edges(file []byte) []int {
	cuts := []int{0, 4, 8}
	for at := 8; at < len(file); {
		size, n := uvarint(file[at+1:])
		cuts = append(cuts, at, at+1, at+1+n, at+1+n+int(size))
		at += 1 + n + int(size)
	}
	return cuts
}

func TestCutFiles(t *testing.T) {
	large := goGuest(t)
	// A file may only serve if what is missing is nothing but custom sections.
	needed := func(file []byte) int {
		last := 0
		for at := 8; at < len(file); {
			id := file[at]
			size, n := uvarint(file[at+1:])
			at += 1 + n + int(size)
			if id != sectionCustom {
				last = at
			}
		}
		return last
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)

	little := asm{manifest: manifest("t.x"), result: "1", custom: "the end"}.bytes()
	cfg := config(t)
	path := put(t, cfg, "m.wasm", little)
	r := open(t, cfg)
	cuts := append(edges(little), random.Perm(len(little))...) // all there are
	for _, cut := range cuts {
		put(t, cfg, "m.wasm", little[:cut])
		r.look(t.Context(), path)
		if got := result(t, r, "t.x"); got != "1" {
			t.Fatalf("cut at %d: t.x gave %s", cut, got)
		}
		info := only(t, r, "m.wasm", Serving)
		if info.Size < int64(needed(little)) {
			t.Fatalf("cut at %d of %d: served", cut, len(little))
		}
	}

	// The large one: the structure alone must tell, without a compiler.
	cuts = edges(large)
	for range 500 {
		cuts = append(cuts, random.IntN(len(large)))
	}
	missed := 0
	for _, cut := range cuts {
		if err := structure(large[:cut]); err == nil && cut < needed(large) {
			// What structure cannot know must be seen by the compiler or the
			// check of exports: such cuts are few, at edges between sections.
			missed++
			cfg := config(t)
			cutPath := put(t, cfg, "cut.wasm", large[:cut])
			if info, err := Inspect(t.Context(), cfg, cutPath); err == nil {
				t.Errorf("cut at %d of %d: %+v", cut, len(large), info)
			}
		}
	}
	t.Logf("%d of %d cuts got past the structure", missed, len(cuts))
	if missed > 30 {
		t.Errorf("%d of %d cuts got past the structure", missed, len(cuts))
	}
}

func FuzzStructure(f *testing.F) {
	f.Add(small("t.x", 1))
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x02\x05\x01\x01a\x01b"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if structure(file) == nil {
			otherImports(file)
		}
	})
}
