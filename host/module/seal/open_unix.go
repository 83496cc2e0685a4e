//go:build unix

package seal

import "syscall"

// openFlags keep opening a named pipe from waiting for its writer.
const openFlags = syscall.O_NONBLOCK
