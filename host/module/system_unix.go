//go:build unix

package module

import (
	"io/fs"
	"os"
	"syscall"
)

// owned reports whether a file belongs to the user that this process runs as.
func owned(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && s.Uid == uint32(os.Geteuid())
}
