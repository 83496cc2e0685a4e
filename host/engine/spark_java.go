package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
)

// oldestJava is the oldest Java that Spark 4 runs on.
const oldestJava = 17

// A java is a Java runtime on this machine.
type java struct {
	path    string // of the program
	release string // what its home says of itself
}

// findJava finds the Java of JAVA_HOME, or else of PATH.
func findJava() (java, error) {
	name := "java"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	const install = "install one (apt-get install openjdk-17-jre-headless) or set JAVA_HOME"
	var path string
	if home := os.Getenv("JAVA_HOME"); home != "" {
		path = filepath.Join(home, "bin", name)
		if _, err := os.Stat(path); err != nil {
			return java{}, fmt.Errorf("spark needs Java %d or newer, and JAVA_HOME has none (%w): %s", oldestJava, err, install)
		}
	} else {
		var err error
		if path, err = exec.LookPath(name); err != nil {
			return java{}, fmt.Errorf("spark needs Java %d or newer, and there is none in PATH: %s", oldestJava, install)
		}
	}
	j, version, err := inspectJava(path)
	if err != nil {
		return java{}, err
	}
	if version < oldestJava {
		return java{}, fmt.Errorf("spark needs Java %d or newer, and %s is Java %d: %s", oldestJava, path, version, install)
	}
	return j, nil
}

var (
	releaseVersion = regexp.MustCompile(`(?m)^JAVA_VERSION="(\d+)(?:\.(\d+))?`)
	printedVersion = regexp.MustCompile(`version "(\d+)(?:\.(\d+))?`)
)

// inspectJava reads the version from the file beside the program, and asks the
// program, which takes a second, only when there is none.
func inspectJava(path string) (java, int, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return java{}, 0, fmt.Errorf("look at Java: %w", err)
	}
	release, err := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(real)), "release"))
	re := releaseVersion
	if err != nil || !re.Match(release) {
		re = printedVersion
		release, err = exec.Command(real, "-version").CombinedOutput()
		if err != nil {
			return java{}, 0, fmt.Errorf("ask %s for its version: %w", path, err)
		}
	}
	m := re.FindSubmatch(release)
	if m == nil {
		return java{}, 0, errors.New("no version of Java in what " + path + " says of itself")
	}
	version, err := strconv.Atoi(string(m[1]))
	if version == 1 && len(m[2]) > 0 { // "1.8" is Java 8
		version, err = strconv.Atoi(string(m[2]))
	}
	return java{path: real, release: string(release)}, version, err
}

// archive is the path of the archive of classes that this Java wrote for the
// install in dir. The JVM silently does without one made by another Java, or
// for jars at another place.
func (j java) archive(dir string) string {
	sum := sha256.Sum256([]byte(j.path + "\x00" + j.release + "\x00" + dir))
	return filepath.Join(dir, archivePrefix+hex.EncodeToString(sum[:6])+archiveSuffix)
}
