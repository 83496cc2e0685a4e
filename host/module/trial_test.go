package module

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/module/seal"
)

// keeping is a configuration with a history.
func keeping(t testing.TB) Config {
	cfg := config(t)
	cfg.VersionsDir = filepath.Join(t.TempDir(), "versions")
	return cfg
}

// trapping is a module whose task traps.
func trapping(task string) []byte {
	return asm{manifest: manifest(task), run: bodyTrap, custom: task}.bytes()
}

// bodyTrapAt1 traps as the task with index 1, and gives a result of one digit as
// any other.
var bodyTrapAt1 = slices.Concat([]byte{0x20, 0, 0x04, 0x40, 0x00, end}, i32(resultAt), i32(1), []byte{0x10, 0, 0x1a}, i32(0), []byte{end})

// land puts a file in place and has the registry look at it.
func land(t testing.TB, r *Registry, cfg Config, file string, data []byte) {
	t.Helper()
	r.look(t.Context(), put(t, cfg, file, data))
}

// judge does what Run would about trials that have ended.
func judge(t testing.TB, r *Registry) {
	t.Helper()
	for _, d := range r.judgements() {
		r.decide(t.Context(), d)
	}
}

// traps calls a task that must trap.
func traps(t testing.TB, r *Registry, task string) {
	t.Helper()
	if trap, ok := errors.AsType[*TrapError](run(t.Context(), r, task, &call{})); !ok {
		t.Fatalf("%s did not trap: %v", task, trap)
	}
}

func TestANewVersionThatTrapsGivesWay(t *testing.T) {
	cfg := keeping(t)
	put(t, cfg, "m.wasm", small("t.x", 1))
	r := start(t, cfg)
	good := only(t, r, "m.wasm", Serving)
	bad := put(t, cfg, "m.wasm", trapping("t.x"))
	eventually(t, func() error {
		if err := run(context.Background(), r, "t.x", &call{}); err == nil {
			return errors.New("the new version does not serve")
		}
		return nil
	})
	eventually(t, answers(r, "t.x", "1"))
	serving, refused := only(t, r, "m.wasm", Serving), only(t, r, "m.wasm", Refused)
	if serving.Hash != good.Hash || !serving.RolledBack || serving.Trial != 0 {
		t.Errorf("serving: %+v", serving)
	}
	if refused.Kind != Trapped || refused.Instead != good.Hash || refused.Traps == 0 ||
		!strings.Contains(refused.Reason, "failed in its first 10 calls: module m: task t.x: unreachable") {
		t.Errorf("refused: %+v", refused)
	}
	// The file is as it was: touching it changes nothing, and asking does.
	r.look(t.Context(), bad)
	if got := only(t, r, "m.wasm", Serving); got.Hash != good.Hash {
		t.Errorf("the bad version serves again")
	}
	if infos, err := r.Reload(t.Context(), "m"); err != nil || len(infos) != 1 || infos[0].Hash != refused.Hash || infos[0].Trial != 10 || infos[0].RolledBack {
		t.Errorf("Reload = %+v, %v", infos, err)
	}
	traps(t, r, "t.x")
	eventually(t, answers(r, "t.x", "1"))
	put(t, cfg, "m.wasm", small("t.x", 2))
	eventually(t, answers(r, "t.x", "2"))
	eventually(t, func() error {
		for _, info := range r.Modules() {
			if info.State == Refused {
				return fmt.Errorf("still refused: %s", info.Reason)
			}
		}
		return nil
	})
}

func TestANewVersionThatHangsGivesWay(t *testing.T) {
	cfg := keeping(t)
	put(t, cfg, "m.wasm", small("t.x", 1))
	r := open(t, cfg)
	good := only(t, r, "m.wasm", Serving)
	land(t, r, cfg, "m.wasm", asm{manifest: manifest("t.x"), run: bodyLoop}.bytes())
	outOfTime := func() {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := run(ctx, r, "t.x", &call{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("t.x ended with %v", err)
		}
	}
	outOfTime()
	outOfTime()
	// One that is revoked says nothing of the version.
	ctx, revoke := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, revoke)
	if err := run(ctx, r, "t.x", &call{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("t.x ended with %v", err)
	}
	judge(t, r)
	if got := only(t, r, "m.wasm", Serving); got.Hash == good.Hash {
		t.Fatal("it gave way too early")
	}
	outOfTime()
	judge(t, r)
	if got := result(t, r, "t.x"); got != "1" {
		t.Errorf("t.x gave %s", got)
	}
	refused := only(t, r, "m.wasm", Refused)
	if refused.Kind != Trapped || refused.Instead != good.Hash || !strings.Contains(refused.Reason, "it failed in its first 10 calls: 3 calls in a row ran out of time: module m: task t.x: interrupted") {
		t.Errorf("refused: %+v", refused)
	}
}

// A client who can have a new version trap puts the one before back, unless the
// signer says that nobody may.
func TestASignedVersionWithoutATrial(t *testing.T) {
	key, public := newKey(t)
	for _, noTrial := range []bool{false, true} {
		cfg := keeping(t)
		cfg.Keys, cfg.RequireSigned = []Key{{Name: "k", Key: public, Tasks: []string{"*"}}}, true
		r := open(t, cfg)
		signed := func(module []byte, manifest string, version uint64) []byte {
			out, err := seal.Write(module, seal.Options{Manifest: []byte(manifest), Key: key, Version: version, NoTrial: noTrial})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		land(t, r, cfg, "m.wasm", signed(asm{manifest: manifest("t.x", "t.trap"), result: "1"}.bytes(), manifest("t.x", "t.trap"), 1))
		land(t, r, cfg, "m.wasm", signed(asm{manifest: manifest("t.x", "t.trap"), result: "2", run: bodyTrapAt1}.bytes(), manifest("t.x", "t.trap"), 2))
		traps(t, r, "t.trap")
		judge(t, r)
		want := map[bool]string{false: "1", true: "2"}[noTrial]
		for _, r := range []*Registry{r, open(t, cfg)} {
			if got := result(t, r, "t.x"); got != want {
				t.Errorf("no trial %v: t.x gave %s, want %s", noTrial, got, want)
			}
			if info := only(t, r, "m.wasm", Serving); info.NoTrial != noTrial {
				t.Errorf("Info = %+v", info)
			}
		}
	}
}

func TestATrialEnds(t *testing.T) {
	cfg := keeping(t)
	cfg.Trial = 3
	put(t, cfg, "m.wasm", small("t.x", 1))
	r := open(t, cfg)
	first := only(t, r, "m.wasm", Serving)
	// Index 1 traps, and index 0 gives a number.
	mixed := asm{manifest: manifest("t.x", "t.trap"), result: "2", run: bodyTrapAt1}.bytes()
	land(t, r, cfg, "m.wasm", mixed)
	if standby := only(t, r, "m.wasm", Standby); standby.Hash != first.Hash {
		t.Errorf("standby: %+v", standby)
	}
	for left := 3; left > 0; left-- {
		if info := only(t, r, "m.wasm", Serving); info.Trial != int64(left) {
			t.Errorf("%d calls are left, want %d", info.Trial, left)
		}
		if got := result(t, r, "t.x"); got != "2" {
			t.Errorf("t.x gave %s", got)
		}
	}
	judge(t, r)
	traps(t, r, "t.trap") // too late for that
	judge(t, r)
	infos := r.Modules()
	if len(infos) != 1 || infos[0].Hash == first.Hash || infos[0].Traps != 1 {
		t.Errorf("Modules() = %+v", infos)
	}
	if kept, err := r.Versions("m"); err != nil || len(kept) != 2 || !kept[0].Proven || kept[1].Proven {
		t.Errorf("Versions = %+v, %v", kept, err)
	}
	// It proved good: it is not on trial again after a restart.
	again := open(t, cfg)
	traps(t, again, "t.trap")
	judge(t, again)
	if got := only(t, again, "m.wasm", Serving); got.Hash == first.Hash {
		t.Error("a proven version gave way")
	}
}

func TestAVersionOnTrialIsNoWayBackOnceItTrapped(t *testing.T) {
	cfg := config(t) // which keeps nothing on disk
	put(t, cfg, "m.wasm", small("t.x", 1))
	r := open(t, cfg)
	good := only(t, r, "m.wasm", Serving)
	land(t, r, cfg, "m.wasm", trapping("t.x"))
	traps(t, r, "t.x") // and another lands before the verdict
	land(t, r, cfg, "m.wasm", asm{manifest: manifest("t.x"), run: bodyTrap}.bytes())
	judge(t, r)
	if got := only(t, r, "m.wasm", Standby); got.Hash != good.Hash {
		t.Errorf("standby: %+v", got)
	}
	traps(t, r, "t.x")
	judge(t, r)
	if got := result(t, r, "t.x"); got != "1" {
		t.Errorf("t.x gave %s", got)
	}
	// The first of all has nothing to give way to.
	land(t, r, cfg, "n.wasm", trapping("t.n"))
	traps(t, r, "t.n")
	judge(t, r)
	if got := only(t, r, "n.wasm", Serving); got.Traps != 1 {
		t.Errorf("Info = %+v", got)
	}
}

func TestWhatAStartDoesAboutBadFiles(t *testing.T) {
	cfg := keeping(t)
	put(t, cfg, "m.wasm", small("t.x", 1))
	once := func(f func(r *Registry)) {
		t.Helper()
		r, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		f(r)
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	answer := func(r *Registry, want string) {
		t.Helper()
		if got := result(t, r, "t.x"); got != want {
			t.Errorf("t.x gave %s, want %s", got, want)
		}
	}
	once(func(r *Registry) {
		answer(r, "1")
		land(t, r, cfg, "m.wasm", trapping("t.x"))
	})
	once(func(r *Registry) { // the version before is not in memory any more
		traps(t, r, "t.x")
		judge(t, r)
		answer(r, "1")
	})
	once(func(r *Registry) { // what trapped is not tried again
		answer(r, "1")
		if info := only(t, r, "m.wasm", Refused); info.Kind != Trapped {
			t.Errorf("Info = %+v", info)
		}
		land(t, r, cfg, "m.wasm", []byte("broken"))
		answer(r, "1")
	})
	once(func(r *Registry) { // nor does a broken file end a service
		answer(r, "1")
		if info := only(t, r, "m.wasm", Refused); info.Kind != NotWasm || info.Instead == "" {
			t.Errorf("Info = %+v", info)
		}
		land(t, r, cfg, "m.wasm", small("t.x", 2))
		answer(r, "2")
	})
	once(func(r *Registry) { answer(r, "2") })
}

func TestRollback(t *testing.T) {
	cfg := keeping(t)
	cfg.Versions, cfg.Trial = 3, -1
	hashes := map[string]string{}
	r := open(t, cfg)
	for i := 1; i <= 5; i++ {
		land(t, r, cfg, "m.wasm", small("t.x", i))
		hashes[fmt.Sprint(i)] = only(t, r, "m.wasm", Serving).Hash
	}
	back := func(r *Registry, hash, want string) {
		t.Helper()
		info, err := r.Rollback(t.Context(), "m", hash)
		if err != nil || info.Hash != hashes[want] || result(t, r, "t.x") != want {
			t.Fatalf("Rollback = %+v, %v; want version %s", info, err, want)
		}
	}
	back(r, "", "4")
	back(r, "", "3")
	if refused := only(t, r, "m.wasm", Refused); refused.Kind != RolledBack || refused.Hash != hashes["5"] || refused.Instead != hashes["3"] {
		t.Errorf("refused: %+v", refused)
	}
	for hash, want := range map[string]string{
		"": "no good version older", hashes["1"]: "no version is kept", hashes["3"][:12]: "serves already",
	} {
		if _, err := r.Rollback(t.Context(), "m", hash); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Rollback to %q: %v, want …%s…", hash, err, want)
		}
	}
	if _, err := r.Rollback(t.Context(), "n", ""); !errors.Is(err, ErrUnknown) {
		t.Errorf("Rollback of another: %v", err)
	}
	back(r, hashes["5"][:10], "5") // forth to the file's own
	if infos := r.Modules(); len(infos) != 1 || infos[0].RolledBack {
		t.Errorf("Modules() = %+v", infos)
	}
	back(r, hashes["4"], "4")

	again := open(t, cfg) // after a restart
	if got := result(t, again, "t.x"); got != "4" {
		t.Errorf("t.x gave %s", got)
	}
	if kept, err := again.Versions("m.wasm"); err != nil || len(kept) != 3 {
		t.Errorf("Versions = %+v, %v", kept, err)
	}
	// Until the file changes.
	land(t, again, cfg, "m.wasm", small("t.x", 6))
	if got := result(t, again, "t.x"); got != "6" {
		t.Errorf("t.x gave %s", got)
	}
	third := open(t, cfg)
	if got := result(t, third, "t.x"); got != "6" {
		t.Errorf("t.x gave %s", got)
	}
}

func TestVersionsOfModulesLongGoneAreForgotten(t *testing.T) {
	cfg := keeping(t)
	for _, file := range []string{"old.wasm", "young.wasm", "there.wasm"} {
		put(t, cfg, file, small("t."+file, 1))
	}
	open(t, cfg)
	then := time.Now().Add(-forgetAfter - time.Hour)
	for _, file := range []string{"old.wasm", "young.wasm"} {
		if err := os.Remove(filepath.Join(cfg.Dir, file)); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"old.wasm", "there.wasm"} {
		records, err := filepath.Glob(filepath.Join(cfg.VersionsDir, "*", file, recordName))
		if err != nil || len(records) != 1 {
			t.Fatalf("records of %s: %q, %v", file, records, err)
		}
		if err := os.Chtimes(records[0], then, then); err != nil {
			t.Fatal(err)
		}
	}
	open(t, cfg)
	left, err := filepath.Glob(filepath.Join(cfg.VersionsDir, "*", "*.wasm"))
	if err != nil || len(left) != 2 || filepath.Base(left[0]) != "there.wasm" || filepath.Base(left[1]) != "young.wasm" {
		t.Errorf("left: %q, %v", left, err)
	}
}

func TestKeptVersionsAreCheckedAndPrivate(t *testing.T) {
	cfg := keeping(t)
	cfg.Trial = -1
	r := open(t, cfg)
	land(t, r, cfg, "m.wasm", small("t.x", 1))
	land(t, r, cfg, "m.wasm", small("t.x", 2))
	files, err := filepath.Glob(filepath.Join(cfg.VersionsDir, "*", "m.wasm", "*"+bytesSuffix))
	if err != nil || len(files) != 2 {
		t.Fatalf("kept: %q, %v", files, err)
	}
	if info, err := os.Stat(filepath.Dir(filepath.Dir(files[0]))); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder's mode is %v, %v", info.Mode(), err)
	}
	for _, file := range files {
		if err := os.WriteFile(file, small("t.x", 3), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Rollback(t.Context(), "m", ""); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("Rollback = %v", err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(files[0]), recordName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := result(t, open(t, cfg), "t.x"); got != "2" {
		t.Errorf("t.x gave %s", got)
	}
	nothing := config(t)
	put(t, nothing, "m.wasm", small("t.x", 1))
	if _, err := open(t, nothing).Rollback(t.Context(), "m", ""); err == nil || !strings.Contains(err.Error(), "keeps no versions") {
		t.Errorf("Rollback = %v", err)
	}
}

func TestACanaryGetsAShareOfTheCalls(t *testing.T) {
	cfg := config(t)
	cfg.Trial, cfg.Canary = 50, 0.25
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.x", "t.old"), result: "1"}.bytes())
	r := open(t, cfg)
	land(t, r, cfg, "m.wasm", asm{manifest: manifest("t.new", "t.x"), result: "2"}.bytes())
	got := map[string]int{}
	for got["2"] < 50 {
		got[result(t, r, "t.x")]++
		if got["1"] > 10_000 {
			t.Fatal("the new version gets no calls")
		}
	}
	if got["1"] < 50 || got["1"] > 500 { // 150 is the mean
		t.Errorf("the version before had %d calls, the new one %d of a share of 0.25", got["1"], got["2"])
	}
	if result(t, r, "t.old") != "1" || result(t, r, "t.new") != "2" {
		t.Error("tasks of one version only do not go to that")
	}
	judge(t, r)
	for range 50 {
		if got := result(t, r, "t.x"); got != "2" {
			t.Fatalf("after the trial t.x gave %s", got)
		}
	}
	if tasks := r.Tasks(); len(tasks) != 2 {
		t.Errorf("Tasks() = %q", tasks)
	}
	land(t, r, cfg, "m.wasm", trapping("t.x"))
	for err := error(nil); err == nil; {
		err = run(t.Context(), r, "t.x", &call{})
	}
	judge(t, r)
	for range 50 {
		if got := result(t, r, "t.x"); got != "2" {
			t.Fatalf("after a trap t.x gave %s", got)
		}
	}
}
