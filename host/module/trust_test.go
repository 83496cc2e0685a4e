package module

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/module/seal"
)

// newKey makes a key pair.
func newKey(t testing.TB) (ed25519.PrivateKey, string) {
	t.Helper()
	private, public, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "k.key")
	if err := os.WriteFile(path, private, 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := seal.ReadPrivateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	return key, public
}

// sign seals and signs a module as a version.
func sign(t testing.TB, file []byte, manifest string, key ed25519.PrivateKey, version uint64) []byte {
	t.Helper()
	out, err := seal.Write(file, seal.Options{Manifest: []byte(manifest), Key: key, Version: version})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSignedModulesOnly(t *testing.T) {
	mine, public := newKey(t)
	other, otherPublic := newKey(t)
	stranger, _ := newKey(t)
	reports := func(m string) []byte { return asm{manifest: m}.bytes() }
	const etl = `{"abi":1,"tasks":[{"name":"etl.x"}],"capabilities":["raw_plans"]}`
	const asking = `{"abi":1,"tasks":[{"name":"reports.x"}],"capabilities":["raw_plans"]}`
	const reading = `{"abi":1,"tasks":[{"name":"reports.x"}],"capabilities":["read:/in/**"]}`
	const writing = `{"abi":1,"tasks":[{"name":"etl.x"}],"capabilities":["read:/in/x/**","write:/out/**"]}`
	good := sign(t, reports(manifest("reports.x")), manifest("reports.x"), mine, 1)
	s, err := seal.Read(good)
	if err != nil {
		t.Fatal(err)
	}
	forged := append([]byte{}, good...)
	forged[s.Length/2] ^= 1
	for name, test := range map[string]struct {
		file []byte
		kind Kind // empty serves
		want string
	}{
		"signed":                      {good, "", ""},
		"signed by another known key": {sign(t, reports(manifest("etl.x")), manifest("etl.x"), other, 1), "", ""},
		"with a capability":           {sign(t, reports(etl), etl, other, 1), "", ""},
		"with another's only":         {sign(t, reports(asking), asking, other, 1), NotAllowed, "may not sign a task named reports.x: it is for etl.*"},
		"with too much":               {sign(t, reports(asking), asking, mine, 1), NotAllowed, "asks for the capability raw_plans, which its key team may not be granted: that may be granted none"},
		"with another's task":         {sign(t, reports(manifest("reports.x", "etl.x")), "", mine, 1), NotAllowed, "may not sign a task named etl.x: it is for reports.*"},
		"with rights to data":         {sign(t, reports(reading), reading, mine, 1), "", ""},
		"with more than its key's":    {sign(t, reports(writing), writing, other, 1), NotAllowed, "asks for the capability write:/out/**, which its key etl may not be granted: that may be granted raw_*, read:/in/*"},
		"unsealed":                    {reports(manifest("reports.x")), Unsigned, "not signed"},
		"sealed":                      {sealed(t, reports(manifest("reports.x")), manifest("reports.x")), Unsigned, "not signed"},
		"signature stripped":          {sealed(t, good, manifest("reports.x")), Unsigned, "not signed"},
		"signed by a stranger":        {sign(t, reports(manifest("reports.x")), manifest("reports.x"), stranger, 1), Unsigned, "none of this host's module_keys"},
		"forged":                      {forged, Damaged, "was sealed"},
		"cut":                         {good[:len(good)-1], Truncated, "the seal at its end is missing"},
		"cut to its module":           {good[:s.Length], Truncated, "the seal at its end is missing"},
		"manifest swapped":            {sign(t, reports(manifest("etl.x")), manifest("reports.x"), mine, 1), Damaged, "describes itself otherwise"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t)
			cfg.RequireSigned = true
			cfg.Keys = []Key{
				{Name: "team", Key: public, Tasks: []string{"reports.*"}},
				{Name: "etl", Key: otherPublic, Tasks: []string{"etl.*"}, Capabilities: []string{"raw_*", "read:/in/*"}},
			}
			put(t, cfg, "m.wasm", test.file)
			info := open(t, cfg).Modules()[0]
			if info.Kind != test.kind || !strings.Contains(info.Reason, test.want) {
				t.Errorf("%s, %s: %s, want %s: …%s…", info.State, info.Kind, info.Reason, test.kind, test.want)
			}
			if test.kind == "" && (info.SignedBy == "" || info.SignedVersion != 1) {
				t.Errorf("Info = %+v", info)
			}
		})
	}
}

func TestAnOlderSignedVersionIsNotTakenAgain(t *testing.T) {
	key, public := newKey(t)
	cfg := keeping(t)
	cfg.Keys, cfg.RequireSigned, cfg.Trial = []Key{{Name: "k", Key: public, Tasks: []string{"*"}}}, true, -1
	r := open(t, cfg)
	versioned := func(n int) []byte { return sign(t, small("t.x", n), manifest("t.x"), key, uint64(n)) }
	land(t, r, cfg, "m.wasm", versioned(5))
	land(t, r, cfg, "m.wasm", versioned(7))
	check := func(r *Registry, file string) {
		t.Helper()
		info := only(t, r, file, Refused)
		if info.Kind != Downgraded || !strings.Contains(info.Reason, "t.x was accepted as version 7 before") {
			t.Errorf("refused: %+v", info)
		}
	}
	land(t, r, cfg, "m.wasm", versioned(5)) // a replay
	check(r, "m.wasm")
	if got := result(t, r, "t.x"); got != "7" {
		t.Errorf("t.x gave %s", got)
	}
	// What was accepted cannot be read: it might be older.
	notes := r.accepted.disk.path
	kept, err := os.ReadFile(notes)
	if err == nil {
		err = os.WriteFile(notes, kept[1:], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	land(t, r, cfg, "m.wasm", versioned(6))
	if info := only(t, r, "m.wasm", Refused); info.Kind != Downgraded || !strings.Contains(info.Reason, "it is not known which versions") || !strings.Contains(info.Reason, acceptedName) {
		t.Errorf("refused: %+v", info)
	}
	if err := os.WriteFile(notes, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	// Under another name, the newer file removed, after a restart.
	if err := os.Remove(filepath.Join(cfg.Dir, "m.wasm")); err != nil {
		t.Fatal(err)
	}
	put(t, cfg, "n.wasm", versioned(6))
	again := open(t, cfg)
	check(again, "n.wasm")
	if tasks := again.Tasks(); len(tasks) > 0 {
		t.Errorf("Tasks() = %q", tasks)
	}
	land(t, again, cfg, "n.wasm", versioned(7)) // not older
	land(t, again, cfg, "n.wasm", versioned(8))
	if info, err := again.Rollback(t.Context(), "n", ""); err != nil || info.SignedVersion != 7 { // which someone asks for
		t.Errorf("Rollback = %+v, %v", info, err)
	}
	cfg.AllowDowngrades = true
	put(t, cfg, "n.wasm", versioned(3))
	if got := result(t, open(t, cfg), "t.x"); got != "3" {
		t.Errorf("t.x gave %s", got)
	}
}

// A replay that a start finds is answered as one that a running host sees: what
// was accepted last serves on.
func TestAReplayedVersionChangesNothingAtAStart(t *testing.T) {
	key, public := newKey(t)
	versioned := func(n int) []byte { return sign(t, small("t.x", n), manifest("t.x"), key, uint64(n)) }
	for name, test := range map[string]struct {
		served []int
		replay int
		want   string
	}{
		"the one before":          {[]int{1, 2, 3}, 2, "3"},
		"the oldest":              {[]int{5, 7}, 5, "7"},
		"one that was never here": {[]int{4, 6}, 5, "6"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := keeping(t)
			cfg.Keys, cfg.RequireSigned, cfg.Trial = []Key{{Name: "k", Key: public, Tasks: []string{"*"}}}, true, -1
			r := open(t, cfg)
			for _, n := range test.served {
				land(t, r, cfg, "m.wasm", versioned(n))
			}
			put(t, cfg, "m.wasm", versioned(test.replay))
			again := open(t, cfg)
			if info := only(t, again, "m.wasm", Refused); info.Kind != Downgraded {
				t.Errorf("refused: %+v", info)
			}
			if got := result(t, again, "t.x"); got != test.want {
				t.Errorf("t.x gave %s, want %s", got, test.want)
			}
		})
	}
	// What is kept is held to the same: the last accepted one cannot be read.
	cfg := keeping(t)
	cfg.Keys, cfg.RequireSigned, cfg.Trial = []Key{{Name: "k", Key: public, Tasks: []string{"*"}}}, true, -1
	r := open(t, cfg)
	land(t, r, cfg, "m.wasm", versioned(1))
	land(t, r, cfg, "m.wasm", versioned(2))
	latest := only(t, r, "m.wasm", Serving).Hash
	if err := os.Remove(filepath.Join(r.history.module("m.wasm"), latest+bytesSuffix)); err != nil {
		t.Fatal(err)
	}
	put(t, cfg, "m.wasm", []byte("broken"))
	if tasks := open(t, cfg).Tasks(); len(tasks) > 0 {
		t.Errorf("an older version serves %q in place of a broken file", tasks)
	}
}

// A copy of an older version that waited for its name does not get it.
func TestAnOlderVersionThatWaitedIsNotLetIn(t *testing.T) {
	key, public := newKey(t)
	cfg := keeping(t)
	cfg.Keys, cfg.Trial = []Key{{Name: "k", Key: public, Tasks: []string{"*"}}}, -1
	r := open(t, cfg)
	versioned := func(n int) []byte { return sign(t, small("t.x", n), manifest("t.x"), key, uint64(n)) }
	path := put(t, cfg, "m.wasm", versioned(6))
	r.look(t.Context(), path)
	land(t, r, cfg, "copy.wasm", versioned(6))
	land(t, r, cfg, "m.wasm", versioned(7))
	if info := only(t, r, "copy.wasm", Refused); info.Kind != TaskNameConflict {
		t.Fatalf("refused: %+v", info)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r.look(t.Context(), path)
	if info := only(t, r, "copy.wasm", Refused); info.Kind != Downgraded || len(r.Tasks()) > 0 {
		t.Errorf("tasks %q, refused: %+v", r.Tasks(), info)
	}
	// One that only waited has not been accepted.
	land(t, r, cfg, "m.wasm", versioned(8))
	land(t, r, cfg, "copy.wasm", versioned(9))
	if infos, err := r.Reload(t.Context(), "m"); err != nil || len(infos) != 1 || infos[0].State != Serving || infos[0].SignedVersion != 8 {
		t.Errorf("Reload = %+v, %v", infos, err)
	}
}

// Where the memory of accepted versions cannot be had, none is told from an older.
func TestAcceptedVersionsAreNotForgotten(t *testing.T) {
	key, public := newKey(t)
	versioned := func(n int) []byte { return sign(t, small("t.x", n), manifest("t.x"), key, uint64(n)) }
	keyed := func(cfg Config) Config {
		cfg.Keys, cfg.Trial = []Key{{Name: "k", Key: public, Tasks: []string{"*"}}}, -1
		return cfg
	}
	isOlder := func(t *testing.T, r *Registry) {
		t.Helper()
		if info := only(t, r, "m.wasm", Refused); info.Kind != Downgraded {
			t.Errorf("refused: %+v", info)
		}
	}
	t.Run("no folder for it", func(t *testing.T) {
		cfg := keyed(keeping(t))
		if err := os.WriteFile(cfg.VersionsDir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "refuse_downgrades") || !strings.Contains(err.Error(), cfg.VersionsDir) {
			t.Errorf("Open = %v", err)
		}
		cfg.AllowDowngrades = true
		open(t, cfg)
	})
	t.Run("others may write to it", func(t *testing.T) {
		cfg := keyed(keeping(t))
		r := open(t, cfg)
		land(t, r, cfg, "m.wasm", versioned(2))
		if err := os.Chmod(r.history.dir, 0o777); err != nil {
			t.Fatal(err)
		}
		for range 2 { // it is no better for having been said
			if _, err := Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "chmod go-w") || !strings.Contains(err.Error(), r.history.dir) {
				t.Errorf("Open = %v", err)
			}
		}
		if err := os.Chmod(r.history.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, cfg, "m.wasm", versioned(1))
		isOlder(t, open(t, cfg))
	})
	t.Run("it cannot be written", func(t *testing.T) {
		cfg := keyed(keeping(t))
		r := open(t, cfg)
		lock := r.accepted.disk.path + ".lock"
		if err := os.Mkdir(lock, 0o700); err != nil { // no file can be there
			t.Fatal(err)
		}
		land(t, r, cfg, "m.wasm", versioned(2))
		land(t, r, cfg, "m.wasm", versioned(1))
		isOlder(t, r)
		if err := os.Remove(lock); err != nil { // with the next one both are
			t.Fatal(err)
		}
		land(t, r, cfg, "n.wasm", sign(t, small("t.y", 1), manifest("t.y"), key, 1))
		isOlder(t, open(t, cfg))
	})
	t.Run("none is kept", func(t *testing.T) {
		cfg := keyed(config(t))
		r := open(t, cfg)
		land(t, r, cfg, "m.wasm", versioned(2))
		land(t, r, cfg, "m.wasm", versioned(1))
		isOlder(t, r)
	})
}

// Hosts that share a folder of modules note what they accept in one file.
func TestHostsNoteAcceptedVersionsTogether(t *testing.T) {
	l := ledger[uint64]{filepath.Join(t.TempDir(), acceptedName)}
	var hosts sync.WaitGroup
	for h := range 4 {
		hosts.Go(func() {
			a := &accepted{disk: &ledger[uint64]{l.path}, log: slog.New(slog.DiscardHandler), latest: map[string]uint64{}}
			for n := range 8 {
				a.note(Info{SignedBy: "k", SignedVersion: uint64(n + 1), Tasks: []abi.TaskSpec{{Name: fmt.Sprint("t.", h)}, {Name: fmt.Sprintf("t.%d.%d", h, n)}}})
			}
		})
	}
	hosts.Wait()
	all, err := l.read()
	if err != nil || len(all) != 4*9 || all["t.0"] != 8 {
		t.Errorf("noted: %d versions, %v; %v", len(all), all, err)
	}
}

// A file's name, by which rules and trust go, is for whoever the key is for, and
// trusts nothing that nobody signed.
func TestAKeyIsForModulesOfSomeNames(t *testing.T) {
	key, public := newKey(t)
	cfg := config(t)
	cfg.Trusted = []string{"*"}
	cfg.Keys = []Key{{Name: "team", Key: public, Tasks: []string{"*"}, Modules: []string{"reports-*", "etl"}}}
	want := map[string]bool{"reports-x": true, "etl": true, "etl2": false, "admin": false, "unsigned": true}
	for name := range want {
		m := manifest("t." + name)
		file := asm{manifest: m}.bytes()
		if name != "unsigned" {
			file = sign(t, file, m, key, 1)
		}
		put(t, cfg, name+".wasm", file)
	}
	r := open(t, cfg)
	for _, info := range r.Modules() {
		if serves := info.State == Serving; serves != want[info.Name] {
			t.Errorf("%s is %s: %s", info.Name, info.State, info.Reason)
		}
		if !want[info.Name] && (info.Kind != NotAllowed || !strings.Contains(info.Reason, "its key team may not sign a module named "+info.Name+", as the file is: it is for reports-*, etl")) {
			t.Errorf("%s: %s: %s", info.Name, info.Kind, info.Reason)
		}
	}
	file := asm{manifest: manifest("t.x"), run: bodyLoop}.bytes()
	for _, test := range []struct {
		signer *Key
		keys   []Key
		as     bool // as it is
	}{{&cfg.Keys[0], cfg.Keys, true}, {nil, cfg.Keys, false}, {nil, nil, true}} {
		r.engine.cfg.Keys = test.keys
		code, err := r.engine.guarded("reports-x", file, abi.DefaultLimits, test.signer)
		if err != nil || bytes.Equal(code, file) != test.as {
			t.Errorf("signed %v, with %d keys: as it is %v, %v", test.signer != nil, len(test.keys), bytes.Equal(code, file), err)
		}
	}
}

// The limits of a module are no more than its key's, whatever it asks for.
func TestAKeyLimitsWhatItSigns(t *testing.T) {
	key, public := newKey(t)
	cfg := config(t)
	cfg.Keys = []Key{{Name: "k", Key: public, Tasks: []string{"*"}, Limits: abi.Limits{Rows: 10, MemoryMiB: 4, TimeLimit: 5}}}
	cfg.Limits = limited(abi.Limits{Rows: 7, Cursors: 3, MemoryMiB: 100})
	for name, asks := range map[string]string{"a": `{}`, "b": `{"rows":1000,"memory_mib":50,"time_limit":1}`} {
		m := asking("t."+name, asks)
		put(t, cfg, name+".wasm", sign(t, asm{manifest: m}.bytes(), m, key, 1))
	}
	put(t, cfg, "c.wasm", small("t.c", 1)) // not signed
	for _, info := range open(t, cfg).Modules() {
		want := map[string]abi.Limits{
			"a": {Rows: 7, MemoryMiB: 4, TimeLimit: 5, Cursors: 3}, "b": {Rows: 7, MemoryMiB: 4, TimeLimit: 1, Cursors: 3}, "c": {Rows: 7, MemoryMiB: 100, Cursors: 3},
		}[info.Name].Over(abi.DefaultLimits)
		if info.Limits != want {
			t.Errorf("%s: %s, limits %+v, want %+v", info.Name, info.Reason, info.Limits, want)
		}
	}
}

func TestKeysThatMakeNoSense(t *testing.T) {
	_, public := newKey(t)
	for want, keys := range map[string][]Key{
		"no name":      {{Key: public, Tasks: []string{"*"}}},
		"two module":   {{Name: "a", Key: public, Tasks: []string{"*"}}, {Name: "a", Key: public, Tasks: []string{"*"}}},
		"limits: rows": {{Name: "a", Key: public, Tasks: []string{"*"}, Limits: abi.Limits{Rows: -1}}},
		"has no task":  {{Name: "a", Key: public}},
		"neither":      {{Name: "a", Key: "secret", Tasks: []string{"*"}}},
		"no Keys":      nil,
	} {
		cfg := config(t)
		cfg.Keys, cfg.RequireSigned = keys, true
		if _, err := Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open = %v, want …%s…", err, want)
		}
	}
}
