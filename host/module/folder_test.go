package module

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
)

func TestWhoMayWriteToTheFolder(t *testing.T) {
	for _, test := range []struct {
		mode        os.FileMode
		user, group int
		want        string
		asRoot      bool
	}{
		{mode: 0o755}, {mode: 0o700}, {mode: 0o775},
		{mode: 0o777, want: "its mode 0777 lets every user write"},
		{mode: os.ModeSticky | 0o777, want: "its mode 0777 lets every user write"},
		{mode: 0o775, group: 12345, want: "its mode 0775 lets the group 12345 write", asRoot: true},
		{mode: 0o755, group: 12345, asRoot: true},
		{mode: 0o755, user: 12345, group: 12345, want: "it belongs to the user 12345", asRoot: true},
	} {
		if test.asRoot && os.Geteuid() != 0 {
			continue // only root gives files away
		}
		cfg, log := config(t), new(bytes.Buffer)
		cfg.Log = slog.New(slog.NewTextHandler(log, nil))
		if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if test.asRoot {
			if err := os.Chown(cfg.Dir, test.user, test.group); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(cfg.Dir, test.mode); err != nil {
			t.Fatal(err)
		}
		why, err := FolderExposed(cfg.Dir)
		if err != nil || !strings.Contains(why, test.want) || (why == "") != (test.want == "") {
			t.Errorf("%v of %d:%d: %q, %v, want …%s…", test.mode, test.user, test.group, why, err, test.want)
		}
		open(t, cfg)
		if said := strings.Contains(log.String(), "others may write to the folder of modules"); said != (test.want != "") {
			t.Errorf("%v of %d:%d: the log says %s", test.mode, test.user, test.group, log)
		}
	}
	if _, err := FolderExposed(t.TempDir() + "/none"); err == nil {
		t.Error("a folder that is not there is no error")
	}
}
