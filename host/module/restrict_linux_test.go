package module

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// restrictArgument has the test's program restrict itself and print its priority.
const restrictArgument = "restrict"

func init() {
	if len(os.Args) > 1 && os.Args[1] == restrictArgument {
		err := restrict(1024, 7)
		priority, _ := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
		fmt.Println(20-priority, err)
		os.Exit(0)
	}
}

// A compiler stands behind its host, wherever that stands itself.
func TestACompilerIsBehindItsHost(t *testing.T) {
	for _, host := range []string{"0", "4"} {
		out, err := exec.Command("nice", "-n", host, os.Args[0], restrictArgument).CombinedOutput()
		want := map[string]string{"0": "7 <nil>", "4": "11 <nil>"}[host]
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("of a host with nice %s: %s, %v; want %s", host, got, err, want)
		}
	}
}
