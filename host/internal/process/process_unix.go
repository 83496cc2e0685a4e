//go:build unix

package process

import "syscall"

// killGroup kills what is left of the process group that pid led.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }
