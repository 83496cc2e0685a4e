package module

import "syscall"

// compilerNice is the priority of the compiler: whatever serves comes first.
const compilerNice = 5

// restrict bounds this process, a compiler, to so much memory, and puts it
// behind the others.
func restrict(mib int) error {
	limit := uint64(mib) << 20
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		return err
	}
	// A group of its own: the priority is that of all of its threads.
	if err := syscall.Setpgid(0, 0); err != nil {
		return err
	}
	return syscall.Setpriority(syscall.PRIO_PGRP, 0, compilerNice)
}
