package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
)

// SDKModule is the Go module of sparkstalk and its SDK.
const SDKModule = "github.com/sparkstalk/sparkstalk"

// goVersion is what a new module's go.mod says. It cannot be less than the SDK's.
const goVersion = "1.26.8"

// FindSDK returns the checkout of sparkstalk that a module outside of it is
// built with: dir if it is given, else the one around near, else the one that
// this program was built from, as the paths of its own sources tell. It fails
// if there is none.
func FindSDK(dir, near string) (string, error) {
	if dir != "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return "", fmt.Errorf("new: %w", err)
		}
		if name, err := moduleAt(abs); err != nil || name != SDKModule {
			return "", errors.Join(err, fmt.Errorf("new: %s is no checkout of sparkstalk: it has no go.mod of %s", dir, SDKModule))
		}
		return abs, nil
	}
	candidates := []string{near}
	if _, file, _, ok := runtime.Caller(0); ok { // not a path with -trimpath
		candidates = append(candidates, filepath.Dir(file))
	}
	for _, at := range candidates {
		for at = filepath.Clean(at); filepath.IsAbs(at); at = filepath.Dir(at) {
			if name, err := moduleAt(at); err == nil && name == SDKModule {
				return at, nil
			}
			if at == filepath.Dir(at) {
				break
			}
		}
	}
	return "", fmt.Errorf("new: the SDK is built from a checkout of sparkstalk, and none is found: name it with --sdk FOLDER (git clone https://%s)", SDKModule)
}

// enclosingModule returns the Go module that packages below dir belong to and
// that has the SDK: sparkstalk's own, or one that requires it. It is empty if
// there is none.
func enclosingModule(dir string) (string, error) {
	for at := dir; ; at = filepath.Dir(at) {
		text, err := os.ReadFile(filepath.Join(at, "go.mod"))
		switch {
		case err == nil:
			name := moduleLine(text)
			if name == SDKModule || requiresSDK.Match(text) {
				return name, nil
			}
			return "", nil // a module of its own within it is allowed
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission):
			return "", fmt.Errorf("new: %w", err)
		case at == filepath.Dir(at):
			return "", nil
		}
	}
}

var (
	moduleName  = regexp.MustCompile(`(?m)^module\s+"?([^\s"]+)"?`)
	requiresSDK = regexp.MustCompile(`(?m)^\s*(require\s+)?` + regexp.QuoteMeta(SDKModule) + `\s+v`)
)

func moduleLine(text []byte) string {
	if m := moduleName.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return ""
}

// moduleAt returns the name of the Go module whose go.mod is in dir.
func moduleAt(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return moduleLine(text), err
}
