package module

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
)

func TestVersionsOfFoldersThatAreGoneAreForgotten(t *testing.T) {
	const month = 31 * 24 * time.Hour
	for _, test := range []struct {
		name              string
		unused            time.Duration
		gone              bool // the folder
		temporary, signed bool
		untold            bool // which folder it is of
		versions, dir     bool // that stay
	}{
		{name: "in use", unused: month, versions: true, dir: true},
		{name: "gone for a while", unused: month / 2, gone: true, versions: true, dir: true},
		{name: "gone for long", unused: month, gone: true},
		{name: "gone for long, signed", unused: month, gone: true, signed: true, dir: true},
		{name: "not known whose", unused: month, gone: true, untold: true, versions: true, dir: true},
		{name: "temporary", unused: 2 * time.Hour, temporary: true, versions: true, dir: true},
		{name: "temporary, just gone", gone: true, temporary: true, versions: true, dir: true},
		{name: "temporary, gone", unused: 2 * time.Hour, gone: true, temporary: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := config(t)
			cfg.VersionsDir = t.TempDir()
			if !test.temporary {
				t.Setenv("TMPDIR", "/nowhere") // then the test's own folders are none of the system's
			}
			other := config(t)
			path := put(t, cfg, "m.wasm", small("t.x", 1))
			r := open(t, cfg)
			dir := r.history.dir
			if test.signed {
				r.accepted.note(Info{SignedBy: "me", SignedVersion: 7, Tasks: []abi.TaskSpec{{Name: "t.x"}}})
			}
			told := filepath.Join(dir, folderName)
			if err := os.Chtimes(told, time.Time{}, time.Now().Add(-test.unused)); err != nil {
				t.Fatal(err)
			}
			if test.untold {
				if err := os.Remove(told); err != nil {
					t.Fatal(err)
				}
			}
			if test.gone {
				if err := os.RemoveAll(cfg.Dir); err != nil {
					t.Fatal(err)
				}
			}
			other.VersionsDir = cfg.VersionsDir
			open(t, other)
			there := func(path string) bool {
				_, err := os.Stat(path)
				return err == nil
			}
			if got := there(filepath.Join(dir, filepath.Base(path))); got != test.versions {
				t.Errorf("its versions are there: %t", got)
			}
			if got := there(dir); got != test.dir {
				t.Errorf("its folder is there: %t", got)
			}
			if versions, err := r.accepted.disk.read(); test.signed && (err != nil || versions["t.x"] != 7) {
				t.Errorf("accepted were %v, %v", versions, err)
			}
			// A host that begins with its folder keeps it.
			open(t, cfg)
			if !there(told) {
				t.Error("it does not tell whose it is")
			}
		})
	}
}
