//go:build !unix

package filelock

import "os"

// lock does nothing where the system has no flock: two processes may then do
// the same work twice.
func lock(*os.File) error { return nil }
