//go:build !unix

package seal

const openFlags = 0
